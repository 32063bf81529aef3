"""The certificates of a webhook server: where they are kept, and renewing them in time.

`WebhookCertificates.run` keeps the server's TLS context and the trust of the API server current. Several
replicas share one bundle through a Secret: the first to write wins, the others take what is there.
"""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from havok.clock import utcnow
from havok.errors import HavokError
from havok.kube.certificates import Bundle, Signed, renew
from havok.kube.client import Client
from havok.kube.equality import guarded
from havok.kube.errors import Conflict, KubeError, NotFound
from havok.kube.resources import SECRETS, Resource
from havok.kube.tls import KeyPair, present
from havok.log import get_logger

Trust: TypeAlias = Callable[[bytes], Awaitable[None]]
CHECK_SECONDS: Final = 60.0

log = get_logger("kube.webhook")


class BundleStore(Protocol):
    """Where a bundle is kept between starts."""

    async def load(self) -> Bundle | None:
        """What is kept; None when there is nothing usable."""

    async def save(self, bundle: Bundle) -> Bundle:
        """Keep it; returns what is in force now, which another replica may have made."""


class FolderStore:
    """One file of mode 0600 in a folder; for a single process."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "webhook-certificates.json"

    async def load(self) -> Bundle | None:
        """`BundleStore.load`"""
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Bundle)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    async def save(self, bundle: Bundle) -> Bundle:
        """`BundleStore.save`; replaces the file at once or not at all."""
        new = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(bundle))
            new.replace(self._file)
        except OSError as error:
            raise KubeError(
                "kube.webhook.store",
                f"the webhook's certificates cannot be kept in {self._file}: {error.strerror}",
                "make the folder writable for us and check the disk",
                path=str(self._file), detail=str(error.strerror),
            ) from error  # fmt: skip
        return bundle


class SecretStore:
    """A Secret, shared by all replicas."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._version = ""

    async def load(self) -> Bundle | None:
        """`BundleStore.load`"""
        try:
            secret = await self._client.get(SECRETS, self._name, self._namespace)
        except NotFound:
            self._version = ""
            return None
        self._version = secret["metadata"]["resourceVersion"]
        try:
            data = msgspec.convert(secret.get("data") or {}, dict[str, bytes])
            authority = Signed(data["ca.crt"], data["ca.key"])
            return Bundle(authority, Signed(data["tls.crt"], data["tls.key"]), data["ca-bundle.crt"])
        except (KeyError, msgspec.ValidationError):
            log.warning("webhook_secret_unusable", namespace=self._namespace, name=self._name)
            return None

    async def save(self, bundle: Bundle) -> Bundle:
        """`BundleStore.save`"""
        meta: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        data = {
            "ca.crt": bundle.authority.certificate,
            "ca.key": bundle.authority.key,
            "ca-bundle.crt": bundle.trusted,
            "tls.crt": bundle.serving.certificate,
            "tls.key": bundle.serving.key,
        }
        try:
            if self._version:
                body = {"metadata": {"resourceVersion": self._version}, "data": msgspec.to_builtins(data)}
                await self._client.patch(SECRETS, self._name, self._namespace, body=body)
            else:
                await self._client.create(
                    SECRETS, {"metadata": meta, "type": "kubernetes.io/tls", "data": data}
                )
        except Conflict:
            return await self.load() or bundle
        return bundle


class WebhookCertificates:
    """A TLS context that is always current. `hosts` are the names and addresses the API server calls."""

    def __init__(
        self, store: BundleStore, hosts: Sequence[str], *, now: Callable[[], datetime] = utcnow
    ) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._store = store
        self._hosts = [*hosts]
        self._now = now
        self._bundle: Bundle | None = None
        self._trusting: list[Trust] = []

    @property
    def ca(self) -> bytes:
        """What clients must trust, PEM; for a caBundle. Empty before the first `ensure`."""
        return self._bundle.trusted if self._bundle else b""

    def on_trust(self, tell: Trust) -> None:
        """Call `tell(ca)` in `run`, at the start and at each check, to put the CA where it is needed."""
        self._trusting.append(tell)

    async def ensure(self) -> Bundle:
        """Load, renew when due, and present what is in force. Raises HavokError when it cannot be kept."""
        kept = await self._store.load()
        bundle = renew(kept, self._hosts, self._now())
        if bundle is not kept:
            bundle = await self._store.save(bundle)
            log.info("webhook_certificates_renewed")
        if bundle != self._bundle:
            present(self.context, KeyPair(bundle.serving.certificate, bundle.serving.key))
            self._bundle = bundle
        return bundle

    async def run(self, *, every: float = CHECK_SECONDS) -> None:
        """Until cancelled: renew in time, put right a CA that was overwritten; look each `every` seconds."""
        while True:
            try:
                bundle = await self.ensure()
                for tell in self._trusting:
                    await tell(bundle.trusted)
            except HavokError as error:
                log.warning("webhook_certificates_failed", code=error.code, cause=error.message)
            await asyncio.sleep(every)


async def install_ca(client: Client, config_resource: Resource, config_name: str, ca: bytes) -> bool:
    """Put `ca` (PEM) into each webhook of a configuration; whether that took a write.

    `config_resource` is MUTATING_WEBHOOKS or VALIDATING_WEBHOOKS. Raises NotFound, Conflict.
    """
    live = await client.get(config_resource, config_name)
    encoded = msgspec.to_builtins(ca)
    operations = [
        {"op": "add", "path": f"/webhooks/{number}/clientConfig/caBundle", "value": encoded}
        for number, webhook in enumerate(live.get("webhooks") or ())
        if webhook["clientConfig"].get("caBundle") != encoded
    ]
    if not operations:
        return False
    await client.patch(config_resource, config_name, body=guarded(live, operations), kind="json")
    return True
