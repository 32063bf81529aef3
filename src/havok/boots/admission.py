"""The webhooks as a running server.

What they answer is decided by `mutation` and `judge`; this module chooses the config to go by, serves, and
keeps the API server's wiring right through `webhooks`. Answering never changes anything, so a dry run leaves
no trace.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from havok.boots import filled_from, webhooks
from havok.boots.central import Central
from havok.boots.config import KEY, Platform, parse, warnings
from havok.boots.judge import Case, admit
from havok.boots.lookups import Lookups
from havok.boots.mutation import Incoming, deploys, patch, refusal
from havok.boots.names import BootKey
from havok.boots.options import OperatorOptions
from havok.boots.revisions import Rolled
from havok.boots.routing import handles
from havok.boots.rules import Refusal
from havok.clock import rfc3339, utcnow
from havok.codec import Json
from havok.crds import BootKind, boot_kind
from havok.errors import UsageError
from havok.kube import Client
from havok.kube.webhook import AdmissionRequest, AdmissionResponse, WebhookServer
from havok.kube.webhook_certificates import FolderStore, SecretStore, WebhookCertificates

SELF: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


class Admission:
    """`run` it beside the reconcilers, in every replica."""

    def __init__(
        self,
        options: OperatorOptions,
        client: Client,
        central: Central,
        *,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._options = options
        self._client = client
        self._central = central
        self._now = now
        self._lookups = Lookups(client)
        self._own_name = ""
        self._installed = not options.has_webhook

    def not_ready(self) -> str:
        """Why Boots are not answered yet; empty when they are."""
        return "" if self._installed else "the webhook is not installed yet"

    async def run(self) -> None:
        """Serve until cancelled; without an address for the webhook, only wait."""
        if not self._options.has_webhook:
            await asyncio.Event().wait()
        options = self._options
        store = (
            FolderStore(options.webhook_certificates)
            if options.webhook_certificates
            else SecretStore(self._client, options.namespace, f"logan-app-operator-webhook{options.suffix}")
        )
        certificates = WebhookCertificates(store, webhooks.hosts(options), now=self._now)
        certificates.on_trust(self._install)
        server = WebhookServer(options.host, options.webhook_port, certificates=certificates)
        server.route(webhooks.MUTATOR, self.review)
        server.route(webhooks.VALIDATOR, self.validate)
        server.route(webhooks.CONFIG_VALIDATOR, self.validate_config)
        await server.run()

    async def review(self, request: AdmissionRequest) -> AdmissionResponse:
        """Fill a Boot that is about to be created or changed."""
        kind, new = boot_kind(request.kind.kind), Incoming.read(request.object)
        if kind is None or new is None or not handles(self._options.environment, request.namespace):
            return AdmissionResponse()
        if refused := refusal(new.spec):
            return AdmissionResponse(allowed=False, message=refused.text, error=refused)
        old = Incoming.read(request.old_object)
        platform = await self._platform(
            BootKey(kind, request.namespace, _name(request)), new, old, request.old_object
        )
        user = await self._person(request)
        name = _name(request)
        # without a name, as with generateName, nothing can be expanded: the reconciler fills it
        filling = platform if name else None
        operations = patch(kind, name, new, old, filling, rfc3339(self._now()), user)
        told = (self._central.refusal,) if platform is None else warnings(kind, new.annotations, platform)
        return AdmissionResponse(patch=tuple(operations), warnings=told)

    async def validate(self, request: AdmissionRequest) -> AdmissionResponse:
        """Refuse a Boot that breaks a rule of contract 6.2; the schema has seen it before."""
        kind, new = boot_kind(request.kind.kind), Incoming.read(request.object)
        if kind is None or new is None or not handles(self._options.environment, request.namespace):
            return AdmissionResponse()
        old = Incoming.read(request.old_object)
        if _leaving(request.object) or (old is not None and _same(new, old)):
            return AdmissionResponse()
        key = BootKey(kind, request.namespace, _name(request))
        platform = await self._filled_from(new) or await self._platform(key, new, old, request.old_object)
        case = Case(
            key=key,
            spec=new.spec,
            environment=self._options.environment,
            remembered=old.env_before() if old is not None else None,
            defaults=platform.defaults(kind, new.profile) if platform is not None else None,
            broken=self._central.trouble or "there is none yet",
            restored=await self._restores(request, new, old),
        )
        refused = await admit(case, self._lookups)
        return AdmissionResponse() if refused is None else _refused(refused, kind)

    async def validate_config(self, request: AdmissionRequest) -> AdmissionResponse:
        """Refuse a central config that nobody could read, and its deletion. It is not loaded from here."""
        options = self._options
        if (request.namespace, request.name) != (options.namespace, options.config_map):
            return AdmissionResponse()
        where = f"ConfigMap {request.name}"
        if request.operation == "DELETE":
            kept = Refusal(
                "boots.refused.config.deleted",
                f"{where} is the central config and cannot be deleted",
                "change its text instead; without it apps would lose their defaults",
                field="metadata.name", where=where,
            )  # fmt: skip
            return AdmissionResponse(allowed=False, message=kept.text, error=kept)
        text = ((request.object or {}).get("data") or {}).get(KEY)
        if not isinstance(text, str) or not text.strip():
            blank = Refusal(
                "boots.refused.config.blank",
                f"{where}: data[{KEY!r}] is missing or blank",
                "put the central config there",
                field=f"data[{KEY!r}]", where=where,
            )  # fmt: skip
            return AdmissionResponse(allowed=False, message=blank.text, error=blank)
        try:
            platform = parse(text, options.environment)
        except UsageError as error:
            words = f"{where}: {error.message}; {error.hint}"
            return AdmissionResponse(allowed=False, message=words, error=error)
        return AdmissionResponse(warnings=platform.warnings)

    async def _person(self, request: AdmissionRequest) -> str | None:
        """Who asks; None when it is the operator, whose changes are nobody's."""
        if not self._own_name:
            body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
            answer = await self._client.request("POST", SELF, body=body)
            self._own_name = str(answer["status"]["userInfo"]["username"])
        name = request.user_info.username
        return None if name == self._own_name else name

    async def _restores(self, request: AdmissionRequest, new: Incoming, old: Incoming | None) -> bool:
        """Whether this is the operator's own rollback; a person's annotation alone makes none."""
        rolled = Rolled.of(new.annotations, new.hash)
        before = Rolled.read(old.annotations) if old is not None else None
        return rolled is not None and rolled != before and await self._person(request) is None

    async def _filled_from(self, new: Incoming) -> Platform | None:
        """The config that the mutating webhook, of whichever replica, filled this request from."""
        digest = filled_from.of(new.annotations)
        return None if digest is None else await self._central.pinned(digest)

    async def _platform(
        self, key: BootKey, new: Incoming, old: Incoming | None, old_object: Json | None
    ) -> Platform | None:
        """The config that the Boot runs on while nothing deploys, so that scaling brings no newer one in.

        The status may be a moment old: what it names counts only if filling with it deploys nothing either.
        """
        rolled = Rolled.of(new.annotations, new.hash)
        if rolled is not None and rolled.config is not None:
            restored = await self._central.pinned(rolled.config)
            if restored is not None:
                return restored
        status = (old_object or {}).get("status") or {}
        if old is not None and old.hash == new.hash and status.get("workload"):
            pinned = await self._central.pinned(str(status.get("configHash", "")))
            if pinned is not None and not deploys(key, new, pinned):
                return pinned
        return self._central.platform

    async def _install(self, authority: bytes) -> None:
        await webhooks.install(self._client, self._options, authority)
        self._installed = True


def _same(new: Incoming, old: Incoming) -> bool:
    """Whether nothing changed that a rule looks at; so our own annotations and finalizers always pass."""
    return new.spec == old.spec and new.profile == old.profile


def _name(request: AdmissionRequest) -> str:
    """Empty while the API server has still to make one up."""
    return request.name or str(((request.object or {}).get("metadata") or {}).get("name") or "")


def _leaving(obj: Json | None) -> bool:
    return bool(((obj or {}).get("metadata") or {}).get("deletionTimestamp"))


def _refused(refused: Refusal, kind: BootKind) -> AdmissionResponse:
    """A name that the same kind has is what the API server itself calls AlreadyExists."""
    taken = refused.context.get("holder") == kind.kind
    return AdmissionResponse(
        allowed=False,
        message=refused.text,
        code=409 if taken else 403,
        reason="AlreadyExists" if taken else "",
        error=refused,
    )
