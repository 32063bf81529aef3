"""An admission webhook server: the API server asks, handlers answer.

AdmissionReview v1 over HTTPS. Invariant: a handler that fails or is late gives an HTTP error, never
"allowed", so that the `failurePolicy` of the configuration decides. Handlers must not change anything when
`dry_run` is set, and should not anyway: admission only looks.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec
from aiohttp import web

from havok.errors import HavokError
from havok.kube.errors import as_causes
from havok.kube.webhook_certificates import WebhookCertificates
from havok.log import get_logger

LARGEST: Final = 8 << 20
SECONDS: Final = 10.0
MARGIN: Final = 0.5
"""Seconds before the API server's own timeout at which we give up, so that our reason is heard."""

log = get_logger("kube.webhook")


class UserInfo(msgspec.Struct, frozen=True):
    """Who wants it."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()


class GroupVersionKind(msgspec.Struct, frozen=True):
    """A kind."""

    group: str = ""
    version: str = ""
    kind: str = ""


class GroupVersionResource(msgspec.Struct, frozen=True):
    """A kind by its plural."""

    group: str = ""
    version: str = ""
    resource: str = ""


class AdmissionRequest(msgspec.Struct, frozen=True, rename="camel"):
    """What is about to happen. `object` is None for DELETE, `old_object` for CREATE and CONNECT."""

    uid: str
    operation: str
    kind: GroupVersionKind = GroupVersionKind()
    resource: GroupVersionResource = GroupVersionResource()
    sub_resource: str = ""
    name: str = ""
    namespace: str = ""
    user_info: UserInfo = UserInfo()
    object: dict[str, Any] | None = None
    old_object: dict[str, Any] | None = None
    dry_run: bool = False


class AdmissionResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. `patch` are JSON patch operations (if mutating), `warnings` are shown to the person."""

    allowed: bool = True
    message: str = ""
    code: int = 403
    """Not 422 beside an `error`: kubectl then prints its causes in place of the message."""
    reason: str = ""
    error: HavokError | None = None
    """What the refusal says, with its code and values: they reach our own clients as causes."""
    patch: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


Handler: TypeAlias = Callable[[AdmissionRequest], Awaitable[AdmissionResponse]]


class _Review(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    request: AdmissionRequest


class WebhookServer:
    """`route` handlers, then `run`. Port 0 takes a free one; `port` tells it once `started` was awaited."""

    def __init__(self, host: str, port: int, *, certificates: WebhookCertificates) -> None:
        self._host = host
        self._wanted = port
        self._certificates = certificates
        self._handlers: dict[str, Handler] = {}
        self._started = asyncio.Event()
        self.port = port

    def route(self, path: str, handler: Handler) -> None:
        """Answer reviews that come to `path` (``/validate``) with `handler`."""
        self._handlers[path] = handler

    async def started(self) -> None:
        """Wait until it listens."""
        await self._started.wait()

    async def run(self) -> None:
        """Serve until cancelled, then let requests in flight end. Raises HavokError `kube.webhook.port`."""
        await self._certificates.ensure()
        application = web.Application(client_max_size=LARGEST)
        application.router.add_post("/{path:.*}", self._serve)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=MARGIN + SECONDS)
        await runner.setup()
        try:
            await self._listen(runner)
            await self._certificates.run()
        finally:
            self._started.clear()
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        site = web.TCPSite(runner, self._host, self._wanted, ssl_context=self._certificates.context)
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise HavokError(
                "kube.webhook.port",
                f"the webhook cannot listen on {self._host}:{self._wanted}: {reason}",
                "choose another port, or end what listens there",
                host=self._host, port=self._wanted, reason=reason,
            ) from error  # fmt: skip
        self.port = runner.addresses[0][1]
        self._started.set()

    async def _serve(self, request: web.Request) -> web.Response:
        handler = self._handlers.get(request.path)
        if handler is None:
            return web.Response(status=404, text="no webhook here")
        try:
            review = msgspec.json.decode(await request.read(), type=_Review)
        except msgspec.MsgspecError as error:
            return web.Response(status=400, text=f"not an AdmissionReview: {error}")
        if review.api_version != "admission.k8s.io/v1" or review.kind != "AdmissionReview":
            return web.Response(status=400, text="only admission.k8s.io/v1 AdmissionReview is served")
        try:
            async with asyncio.timeout(_patience(request.query.get("timeout", ""))):
                answer = await handler(review.request)
        except TimeoutError:
            log.warning("webhook_timed_out", path=request.path, name=review.request.name)
            return web.Response(status=504, text="could not be checked in time, try again")
        except Exception as error:
            log.exception("webhook_failed", path=request.path, name=review.request.name)
            reason = error.message if isinstance(error, HavokError) else "an error inside"
            return web.Response(status=500, text=f"could not be checked, try again: {reason}")
        body = msgspec.json.encode(_answered(review.request.uid, answer))
        return web.Response(body=body, content_type="application/json")


def _answered(uid: str, answer: AdmissionResponse) -> dict[str, Any]:
    response: dict[str, Any] = {"uid": uid, "allowed": answer.allowed}
    if not answer.allowed:
        status = {"code": answer.code, "message": answer.message, "reason": answer.reason}
        response["status"] = {key: value for key, value in status.items() if value}
        if answer.error is not None:
            response["status"]["details"] = {"causes": as_causes(answer.error)}
    if answer.warnings:
        response["warnings"] = answer.warnings
    if answer.allowed and answer.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(msgspec.json.encode(answer.patch)).decode()
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _patience(timeout: str) -> float:
    """Seconds for the handler; the API server says its own timeout as ``10s``."""
    digits = timeout.removesuffix("s")
    return max(MARGIN, float(digits) - MARGIN) if digits.isdecimal() else SECONDS - MARGIN
