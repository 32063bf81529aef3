"""An API server whose webhooks are answered by this process, each request by the config of its own case."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from havok.boots import names, rbac, webhooks
from havok.boots.admission import Admission
from havok.boots.central import Central
from havok.boots.config import Platform
from havok.boots.names import BootKey
from havok.boots.options import OperatorOptions
from havok.codec import Json
from havok.crds import BOOT_KINDS
from havok.errors import UsageError
from havok.kube import Client, Denied
from havok.kube.resources import (
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PRIORITYCLASSES,
    PVCS,
    SECRETS,
    VALIDATING_WEBHOOKS,
    Resource,
)
from havok.kube.webhook import AdmissionRequest, AdmissionResponse, WebhookServer
from havok.kube.webhook_certificates import FolderStore, WebhookCertificates
from scenario.boots.stage import OPERATOR, RBAC, Cluster
from soak.random_boots import CASE, LIVING, NAMES, kind_of

ENVIRONMENTS: Final = ("test", "dev")
SPACES: Final = {"test": "soak", "dev": "soak-dev"}
"""Where the Boots of an environment are."""
USER: Final = {"kind": "User", "name": OPERATOR, "apiGroup": rbac.API}


class Fixed(Central):
    """One config that is in force and kept, without writing it anywhere; None: there never was one."""

    def __init__(self, client: Client, environment: str, platform: Platform | None) -> None:
        super().__init__(client, SPACES["test"], environment)
        self.platform = platform
        if platform is None:
            self.broken = UsageError("boots.config.syntax", "it is not readable")

    async def pinned(self, digest: str) -> Platform | None:
        """The config, or the built-in defaults that Boots without one were made from."""
        if self.platform is not None and digest == self.platform.digest:
            return self.platform
        return await super().pinned("") if not digest else None


class Desk:
    """Cases open an admission of their own here; both webhooks lead requests to it by an annotation."""

    def __init__(self, cluster: Cluster, options: dict[str, OperatorOptions]) -> None:
        self.cluster = cluster
        self._options = options
        self._open: dict[str, Admission] = {}

    @contextmanager
    def case(self, number: int, environment: str, platform: Platform | None) -> Iterator[None]:
        """Answer requests of this case by `platform`; None: as if there never was a readable config."""
        client = self.cluster.operator
        central = Fixed(client, environment, platform)
        self._open[str(number)] = Admission(self._options[environment], client, central)
        try:
            yield
        finally:
            del self._open[str(number)]

    async def fill(self, request: AdmissionRequest) -> AdmissionResponse:
        """What the mutating webhook answers."""
        found = self._of(request)
        return AdmissionResponse() if found is None else await found.review(request)

    async def judge(self, request: AdmissionRequest) -> AdmissionResponse:
        """What the validating webhook answers."""
        found = self._of(request)
        return AdmissionResponse() if found is None else await found.validate(request)

    async def config(self, request: AdmissionRequest) -> AdmissionResponse:
        """What the webhook of the central config answers."""
        client = self.cluster.operator
        admission = Admission(self._options["test"], client, Fixed(client, "test", None))
        return await admission.validate_config(request)

    def _of(self, request: AdmissionRequest) -> Admission | None:
        annotations = ((request.object or {}).get("metadata") or {}).get("annotations") or {}
        return self._open.get(str(annotations.get(CASE)))


@asynccontextmanager
async def served(cluster: Cluster, port: int, folder: Path) -> AsyncIterator[Desk]:
    """Lay the table and answer until the block ends."""
    options = {
        environment: OperatorOptions(
            environment=environment, namespace=SPACES["test"], webhook_port=port,
            webhook_url=f"https://127.0.0.1:{port}",
        )
        for environment in ENVIRONMENTS
    }  # fmt: skip
    await _furnish(cluster.client)
    desk = Desk(cluster, options)
    certificates = WebhookCertificates(FolderStore(folder), webhooks.hosts(options["test"]))
    server = WebhookServer("127.0.0.1", port, certificates=certificates)
    for route, answer in (
        (webhooks.MUTATOR, desk.fill), (webhooks.VALIDATOR, desk.judge),
        (webhooks.CONFIG_VALIDATOR, desk.config),
    ):  # fmt: skip
        server.route(route, answer)

    async def install(authority: bytes) -> None:
        for one in options.values():
            await webhooks.install(cluster.client, one, authority)

    certificates.on_trust(install)
    running = asyncio.create_task(server.run())
    try:
        await server.started()
        await _wired(desk)
        yield desk
    finally:
        running.cancel()
        await asyncio.wait([running])
        for one in options.values():
            await cluster.client.delete(MUTATING_WEBHOOKS, one.webhook_configuration)
            await cluster.client.delete(VALIDATING_WEBHOOKS, one.validating_configuration)


async def _wired(desk: Desk) -> None:
    """Wait until the API server has learnt of every webhook, by dry runs that have to be refused."""
    client = desk.cluster.client
    async with asyncio.timeout(30):
        for number, environment in enumerate(ENVIRONMENTS):
            body = {
                "metadata": {"name": "probe", "annotations": {CASE: f"-{number + 1}"}},
                "spec": {"image": "a", "version": "1", "priority": "no-such-class"},
            }
            with desk.case(-number - 1, environment, None):
                while True:
                    try:
                        await client.create(BOOT_KINDS[0].resource, body, SPACES[environment], dry_run=True)
                    except Denied:
                        break


async def _furnish(client: Client) -> None:
    """What Boots may name: claims, secrets, priority classes, and Boots that live already."""
    marks = {f"{names.PREFIX}priority-{space}": "true" for space in SPACES.values()}
    for name, annotations in (("soak-open", marks), ("soak-closed", {})):
        body = {"metadata": {"name": name, "annotations": annotations}, "value": 1}
        await client.create(PRIORITYCLASSES, body)
    for space in SPACES.values():
        body = {"metadata": {"name": space, "labels": {"logan-operator": "true"}}}
        await client.create(NAMESPACES, body)
        for manifest in (*rbac.manifests(USER, space), rbac.secret_reader(USER)):
            await client.apply(RBAC[manifest["kind"]], manifest, field_manager="soak")
        for furniture in _claims():
            await client.create(PVCS, furniture, space)
        await client.create(SECRETS, _secret(), space)
        for kind in BOOT_KINDS:
            spec = {"image": "harbor/sample", "version": "1.0", "env": [{"name": "OLD", "value": "1"}]}
            name = LIVING[kind.boot_type]
            await client.create(kind.resource, {"metadata": {"name": name}, "spec": spec}, space)
            if kind.boot_type in ("java", "web"):
                await _runs(client, kind.resource, name, space)


async def _runs(client: Client, resource: Resource, name: str, space: str) -> None:
    """Say of a living Boot that it runs as a Deployment, so that its kind of workload cannot change."""
    body = {"status": {"workload": "Deployment", "configHash": ""}}
    await client.patch(resource, name, space, body=body, subresource="status")


def _secret() -> Json:
    permitted = {f"{names.PREFIX}secret-{name}": "" for name in (*NAMES, *LIVING.values()) if name != "mail"}
    return {
        "metadata": {"name": "db", "annotations": permitted},
        "data": {"password": "eA==", "user": "eA=="},
    }


def _claims() -> list[Json]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    labels: dict[str, dict[str, str]] = {"shared-data": {"shared": "true"}, "loose": {}}
    for name in (*NAMES, *LIVING.values()):
        mine = BootKey(kind_of(name), "", name).pod_labels
        labels |= {f"data-{name}": mine, f"logs-{name}": mine}
    return [{"metadata": {"name": name, "labels": own}, "spec": spec} for name, own in labels.items()]
