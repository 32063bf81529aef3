"""An admission webhook that the API server really calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from havok.clock import utcnow
from havok.kube import (
    AdmissionRequest,
    AdmissionResponse,
    Client,
    Denied,
    FolderStore,
    SecretStore,
    Unavailable,
    WebhookCertificates,
    WebhookServer,
    install_ca,
)
from havok.kube.resources import CONFIGMAPS, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Resource
from havok.kube.webhook_certificates import BundleStore


class Handlers:
    """Says no to a name, marks what passes, remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[AdmissionRequest] = []

    async def validate(self, request: AdmissionRequest) -> AdmissionResponse:
        self.seen.append(request)
        if request.name == "refused":
            return AdmissionResponse(allowed=False, message="this name is taken", code=409)
        if request.name == "broken":
            raise ZeroDivisionError
        return AdmissionResponse(warnings=("look out",))

    async def mutate(self, request: AdmissionRequest) -> AdmissionResponse:
        return AdmissionResponse(patch=({"op": "add", "path": "/data", "value": {"filled": "in"}},))


def configuration(name: str, url: str, namespace: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["configmaps"],
    }  # fmt: skip
    webhook = {
        "name": f"{name}.havok.test", "clientConfig": {"url": url}, "rules": [rule], "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 5,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    }  # fmt: skip
    return {"metadata": {"name": f"{name}-{namespace}"}, "webhooks": [webhook]}


@asynccontextmanager
async def served(
    client: Client, namespace: str, store: BundleStore
) -> AsyncIterator[tuple[Handlers, WebhookCertificates]]:
    handlers = Handlers()
    certificates = WebhookCertificates(store, ["127.0.0.1"])
    server = WebhookServer("127.0.0.1", 0, certificates=certificates)
    server.route("/validate", handlers.validate)
    server.route("/mutate", handlers.mutate)
    kinds: tuple[tuple[str, Resource], ...] = (
        ("validate", VALIDATING_WEBHOOKS), ("mutate", MUTATING_WEBHOOKS),
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        task = group.create_task(server.run())
        await server.started()
        for name, resource in kinds:
            url = f"https://127.0.0.1:{server.port}/{name}"
            await client.create(resource, configuration(name, url, namespace))
            assert await install_ca(client, resource, f"{name}-{namespace}", certificates.ca)
        try:
            yield handlers, certificates
        finally:
            for name, resource in kinds:
                await client.delete(resource, f"{name}-{namespace}")
            task.cancel()


async def until_called(client: Client, namespace: str, handlers: Handlers) -> None:
    """The API server takes a moment to learn of a new configuration."""
    async with asyncio.timeout(10):
        for number in range(1000):
            await client.create(CONFIGMAPS, named(f"probe-{number}", namespace))
            if handlers.seen and (await client.get(CONFIGMAPS, f"probe-{number}", namespace)).get("data"):
                return
            await asyncio.sleep(0.05)


def named(name: str, namespace: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}}


async def test_the_api_server_asks_us(client: Client, namespace: str, tmp_path: Path) -> None:
    async with served(client, namespace, FolderStore(tmp_path)) as (handlers, certificates):
        await until_called(client, namespace, handlers)
        handlers.seen.clear()
        made = await client.create(CONFIGMAPS, named("one", namespace), dry_run=True)
        assert made["data"] == {"filled": "in"}
        (seen,) = handlers.seen
        assert (seen.name, seen.namespace, seen.operation) == ("one", namespace, "CREATE")
        assert seen.dry_run
        assert seen.object is not None and seen.object["data"] == {"filled": "in"}
        assert seen.old_object is None
        assert seen.user_info.username == "admin"
        with pytest.raises(Denied) as denied:
            await client.create(CONFIGMAPS, named("refused", namespace))
        assert denied.value.message.endswith("denied the request: this name is taken")
        assert denied.value.status == 409
        with pytest.raises(Unavailable) as broken:
            await client.create(CONFIGMAPS, named("broken", namespace))
        assert "could not be checked" in broken.value.message
        config = f"validate-{namespace}"
        assert not await install_ca(client, VALIDATING_WEBHOOKS, config, certificates.ca)


async def test_a_renewed_certificate_is_served_and_trusted_without_a_gap(
    client: Client, namespace: str, tmp_path: Path
) -> None:
    async with served(client, namespace, FolderStore(tmp_path)) as (handlers, certificates):
        await until_called(client, namespace, handlers)
        before = await certificates.ensure()
        certificates._now = lambda: utcnow() + timedelta(days=61)
        after = await certificates.ensure()
        assert after.authority == before.authority
        assert after.serving != before.serving
        assert (tmp_path / "webhook-certificates.json").stat().st_mode & 0o777 == 0o600
        handlers.seen.clear()
        await client.create(CONFIGMAPS, named("after", namespace))
        assert [one.name for one in handlers.seen] == ["after"]


async def test_replicas_share_the_certificates_of_the_first(client: Client, namespace: str) -> None:
    stores = [SecretStore(client, namespace, "webhook") for _ in range(3)]
    replicas = [WebhookCertificates(store, ["127.0.0.1"]) for store in stores]
    bundles = await asyncio.gather(*(replica.ensure() for replica in replicas))
    assert len(set(bundles)) == 1
    later = [
        WebhookCertificates(SecretStore(client, namespace, "webhook"), ["127.0.0.1"], now=_in_two_years)
        for _ in range(2)
    ]
    renewed = await asyncio.gather(*(replica.ensure() for replica in later))
    assert len(set(renewed)) == 1
    assert renewed[0].authority != bundles[0].authority
    assert renewed[0].trusted.count(b"BEGIN CERTIFICATE") == 2
    assert bundles[0].authority.certificate in renewed[0].trusted


def _in_two_years() -> Any:
    return utcnow() + timedelta(days=735)
