"""The client of one API server as one user.

Reading takes a `view`: the type to decode into, a slim struct of `views` or plain ``dict``. Writing never
takes what was read through a view: objects are constructed and applied. Every failure is a class of `errors`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar, overload

import msgspec

from havok.kube.access import Access, Impersonation
from havok.kube.errors import Gone, NotFound
from havok.kube.resources import PODS, Resource
from havok.kube.sessions import ExecSession, PortForward, open_exec, open_port_forward
from havok.kube.throttle import Pass
from havok.kube.transport import Limits, Params, Transport
from havok.kube.wire import Listing, PageDecoder, decode, to_dict

T = TypeVar("T")
Json = dict[str, Any]

PATCH_TYPES: Final = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
APPLY_TYPE: Final = "application/apply-patch+yaml"


class Client:
    """``async with Client(access) as client``. `impersonate` overrides what the kubeconfig says."""

    def __init__(
        self,
        access: Access,
        *,
        user_agent: str = "havok",
        impersonate: Impersonation | None = None,
        limits: Limits | None = None,
        random: Random | None = None,
    ) -> None:
        self.access = access
        self._impersonate = impersonate
        self._transport = Transport(
            access,
            user_agent=user_agent,
            limits=limits or Limits(),
            random=random or Random(),  # noqa: S311
        )

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()

    def acting_as(self, person: Impersonation) -> "Client":
        """The same connections, each call on behalf of `person`; valid as long as this client is open."""
        other = object.__new__(type(self))
        other.access = self.access
        other._impersonate = person
        other._transport = self._transport
        return other

    @overload
    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json: ...
    @overload
    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, view: type[T]
    ) -> T: ...
    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, view: type[Any] = dict
    ) -> Any:
        """One object. Raises NotFound."""
        return await self.request("GET", resource.path(namespace, name), view=view)

    @overload
    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listing[Json]: ...
    @overload
    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        view: type[T],
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listing[T]: ...
    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        view: type[Any] = dict,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listing[Any]:
        """Every object, read in pages of `limit`; `namespace` None: of all namespaces.

        `labels` and `fields` are selectors in kubectl's words. An expired continue token starts over
        without pages, so the answer is always one consistent state.
        """
        params = selectors(labels, fields)
        decoder = PageDecoder(view, f"GET {resource.path(namespace)}")
        items: list[Any] = []
        undecodable, token = 0, ""
        while True:
            paging = {"limit": str(limit)} if limit else {}
            if token:
                paging["continue"] = token
            try:
                body = await self.page(resource, namespace, {**params, **paging})
            except Gone:
                if not token:
                    raise
                items, undecodable, token, limit = [], 0, "", 0
                continue
            page = decoder.decode(body)
            items += page.items
            undecodable += len(page.broken)
            token = page.metadata.continue_
            if not token:
                return Listing(items, page.metadata.resource_version, undecodable)

    async def create(
        self,
        resource: Resource,
        obj: Any,
        namespace: str | None = None,
        *,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> Json:
        """Create; the namespace is the argument, else the object's own. Raises AlreadyExists, Invalid."""
        body = _complete(resource, obj)
        params = _writing(field_manager, dry_run=dry_run)
        where = namespace or body["metadata"].get("namespace")
        return await self.request("POST", resource.path(where), params=params, body=body)

    async def apply(
        self,
        resource: Resource,
        obj: Any,
        *,
        field_manager: str,
        force: bool = True,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Server-side apply: the object holds exactly the fields that `field_manager` wants to own.

        Without `force`, a field that somebody else owns with another value raises Conflict.
        """
        body = _complete(resource, obj)
        meta = body["metadata"]
        params = _writing(field_manager, dry_run=dry_run) | {"force": "true" if force else "false"}
        return await self.request(
            "PATCH", resource.path(meta.get("namespace"), meta["name"], subresource),
            params=params, body=body, content_type=APPLY_TYPE,
        )  # fmt: skip

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        body: Any,
        kind: Literal["merge", "json", "strategic"] = "merge",
        subresource: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> Json:
        """Change named fields. A `metadata.resourceVersion` in the body makes it conditional (Conflict)."""
        return await self.request(
            "PATCH", resource.path(namespace, name, subresource),
            params=_writing(field_manager, dry_run=dry_run), body=body, content_type=PATCH_TYPES[kind],
        )  # fmt: skip

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_seconds: int | None = None,
        uid: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """Delete. `uid` makes it conditional: another object of the same name raises Conflict."""
        options: Json = {"propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid:
            options["preconditions"] = {"uid": uid}
        params = _writing("", dry_run=dry_run)
        await self.request("DELETE", resource.path(namespace, name), params=params, body=options)

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "",
    ) -> Json: ...
    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "",
        view: type[T],
    ) -> T: ...
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "",
        view: type[Any] = dict,
    ) -> Any:
        """Any call; `path` is quoted already, `body` JSON or bytes; `view=bytes` gives the answer as is."""
        headers = {"Accept": accept or ("*/*" if view is bytes else "application/json")}
        data = body if isinstance(body, bytes) else None
        if body is not None:
            headers["Content-Type"] = content_type
            data = data if data is not None else msgspec.json.encode(body)
        answer = await self._transport.fetch(
            method, path, params=params or (), body=data, headers=headers, impersonate=self._impersonate
        )
        return answer if view is bytes else decode(answer, view, f"{method} {path}")

    async def page(
        self,
        resource: Resource,
        namespace: str | None = None,
        params: Mapping[str, str] | None = None,
        *,
        accept: str = "application/json",
    ) -> bytes:
        """One page of a list, as it came; `wire.PageDecoder` reads it."""
        return await self.request("GET", resource.path(namespace), params=params, accept=accept, view=bytes)

    def stream(
        self, path: str, params: Params | None = None, *, accept: str = "*/*"
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The blocks of an endless answer (watch, followed log), as they arrive."""
        return self._transport.stream(
            path, params=params or (), headers={"Accept": accept}, impersonate=self._impersonate
        )

    async def start(self) -> Pass:
        """A place to be held while the whole state of a kind is read, so that a dozen caches do not burst."""
        return await self._transport.start()

    async def version(self) -> Json:
        """The server's ``/version``; works without any rights."""
        return await self.request("GET", "/version")

    async def exists(self, resource: Resource) -> bool:
        """Whether the server knows this kind in this version."""
        prefix = f"/apis/{resource.group}/" if resource.group else "/api/"
        try:
            known = await self.request("GET", prefix + resource.version)
        except NotFound:
            return False
        return any(one.get("name") == resource.plural for one in known.get("resources") or ())

    async def logs(
        self,
        pod: str,
        namespace: str,
        *,
        container: str | None = None,
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        timestamps: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """A container's log as raw blocks, cut anywhere. Close the iterator (`aclosing`) to stop early."""
        given = {
            "container": container,
            "tailLines": None if tail is None else str(tail),
            "sinceSeconds": None if since_seconds is None else str(since_seconds),
        }
        params = {key: value for key, value in given.items() if value is not None}
        params |= {key: "true" for key, on in _switches(follow, previous, timestamps) if on}
        async with self.stream(PODS.path(namespace, pod, "log"), params) as blocks:
            async for block in blocks:
                yield block

    @asynccontextmanager
    async def exec(
        self,
        pod: str,
        namespace: str,
        command: Sequence[str],
        *,
        container: str | None = None,
        stdin: bool = False,
        tty: bool = False,
    ) -> AsyncIterator[ExecSession]:
        """Run a command in a container. Raises NotFound, Invalid (no such container), Forbidden."""
        params = [("command", word) for word in command] + [("stdout", "true")]
        params += [(key, "true") for key, on in (("stdin", stdin), ("tty", tty), ("stderr", not tty)) if on]
        if container:
            params.append(("container", container))
        path = PODS.path(namespace, pod, "exec")
        async with open_exec(self._transport, path, params, self._impersonate) as session:
            yield session

    @asynccontextmanager
    async def port_forward(self, pod: str, namespace: str, port: int) -> AsyncIterator[PortForward]:
        """One TCP connection to `port` of a pod."""
        path = PODS.path(namespace, pod, "portforward")
        async with open_port_forward(self._transport, path, port, self._impersonate) as connection:
            yield connection


def selectors(labels: str, fields: str) -> dict[str, str]:
    """The parameters of a list or watch that select objects."""
    given = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in given.items() if value}


def _complete(resource: Resource, obj: Any) -> Json:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **to_dict(obj)}


def _writing(field_manager: str, *, dry_run: bool) -> dict[str, str]:
    params = {"fieldManager": field_manager} if field_manager else {}
    return params | ({"dryRun": "All"} if dry_run else {})


def _switches(follow: bool, previous: bool, timestamps: bool) -> tuple[tuple[str, bool], ...]:
    return ("follow", follow), ("previous", previous), ("timestamps", timestamps)
