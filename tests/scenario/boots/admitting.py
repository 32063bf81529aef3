"""An operator in the test process whose webhooks the API server calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from havok.kube import Denied
from havok.kube.resources import MUTATING_WEBHOOKS, NAMESPACES, VALIDATING_WEBHOOKS
from scenario.boots.stage import Cluster, Running, boots
from support.controlplane import free_ports


@asynccontextmanager
async def admission(
    cluster: Cluster, namespace: str, folder: Path, *, fills: bool = True, **options: Any
) -> AsyncIterator[Running]:
    """Run one until the block ends; what it installed is gone after it. `fills`: it has a readable config."""
    (port,) = free_ports(1)
    label = {"metadata": {"labels": {"logan-operator": "true"}}}
    await cluster.client.patch(NAMESPACES, namespace, body=label)
    async with Running.start(
        cluster, namespace, webhook_port=port, webhook_url=f"https://127.0.0.1:{port}",
        webhook_certificates=folder, **options,
    ) as operator:  # fmt: skip
        wired = (
            (MUTATING_WEBHOOKS, operator.options.webhook_configuration),
            (VALIDATING_WEBHOOKS, operator.options.validating_configuration),
        )
        try:
            for resource, name in wired:
                await cluster.until(
                    resource, name, "", lambda one: f":{port}/" in one["webhooks"][0]["clientConfig"]["url"]
                )
            await _answering(cluster, namespace, "port" if fills else "image")
            yield operator
        finally:
            for resource, name in wired:
                await cluster.client.delete(resource, name)


async def _answering(cluster: Cluster, namespace: str, sign: str) -> None:
    """Wait until the API server has learnt of both webhooks; each try is a dry run that leaves nothing."""
    body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
    bad = {**body, "spec": {**body["spec"], "priority": "no-such-class"}}
    async with asyncio.timeout(20):
        while True:
            tried = await cluster.client.create(boots(), body, namespace, dry_run=True)
            if sign in tried["spec"] and await _refused(cluster, namespace, bad):
                return


async def _refused(cluster: Cluster, namespace: str, body: dict[str, Any]) -> bool:
    try:
        await cluster.client.create(boots(), body, namespace, dry_run=True)
    except Denied:
        return True
    return False
