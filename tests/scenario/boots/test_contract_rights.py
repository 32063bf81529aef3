"""The roles that are shipped for people do what contract 4.9 says, asked of the API server."""

import asyncio
from typing import Any

import pytest

from havok.boots import rbac
from havok.crds import BOOT_KINDS, BOOT_REVISIONS
from havok.kube import Client, Forbidden
from havok.kube.resources import CLUSTERROLES, ROLEBINDINGS, Resource
from scenario.boots.stage import Cluster, boots
from support.controlplane import ControlPlane

TYPES = [kind.boot_type for kind in BOOT_KINDS]


@pytest.fixture(scope="module")
async def shipped(cluster: Cluster) -> list[str]:
    """Names of the roles, applied."""
    for role in rbac.for_people():
        await cluster.client.apply(CLUSTERROLES, role, field_manager="test")
    return [role["metadata"]["name"] for role in rbac.for_people()]


async def allow(cluster: Cluster, namespace: str, user: str, role: str) -> None:
    reference = {"apiGroup": rbac.API, "kind": "ClusterRole", "name": role}
    subject = {"apiGroup": rbac.API, "kind": "User", "name": user}
    meta = {"name": f"{user}-{role}", "namespace": namespace}
    body = {"metadata": meta, "roleRef": reference, "subjects": [subject]}
    await cluster.client.apply(ROLEBINDINGS, body, field_manager="test")


async def test_two_roles_of_each_type_are_gathered_into_the_usual_ones(
    cluster: Cluster, shipped: list[str]
) -> None:
    gathers = {"edit": {"admin", "edit"}, "view": {"view", "cluster-reader"}}
    wanted = {f"logan-app-{one}-admin-{what}" for one in (*TYPES, "bootrevision") for what in gathers}
    assert set(shipped) == wanted
    for name in shipped:
        live = await cluster.client.get(CLUSTERROLES, name)
        into = gathers[name.rpartition("-")[2]]
        labels = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in into}
        assert labels.items() <= live["metadata"]["labels"].items()


async def eventually(client: Client, resource: Resource, namespace: str) -> None:
    """Wait until the API server has learnt of a binding; each look is a request."""
    async with asyncio.timeout(20):
        while True:
            try:
                await client.list(resource, namespace)
            except Forbidden:
                continue
            return


@pytest.mark.parametrize("kind", BOOT_KINDS, ids=TYPES)
async def test_who_views_looks_and_who_edits_changes(
    cluster: Cluster, namespace: str, boots_plane: ControlPlane, shipped: list[str], kind: Any
) -> None:
    viewer, editor = f"view-{kind.boot_type}", f"edit-{kind.boot_type}"
    for one, name in ((viewer, "view"), (editor, "edit")):
        await allow(cluster, namespace, one, f"logan-app-{kind.boot_type}-admin-{name}")
        await allow(cluster, namespace, one, "logan-app-bootrevision-admin-view")
    body = {"metadata": {"name": "demo"}, "spec": {"image": "a", "version": "1", "replicas": 1}}
    where = boots(kind.kind)
    async with (
        Client(boots_plane.access(viewer, ())) as looks,
        Client(boots_plane.access(editor, ())) as edits,
    ):
        for client in (looks, edits):
            await eventually(client, where, namespace)
            await eventually(client, BOOT_REVISIONS, namespace)
        await edits.create(where, body, namespace)
        scaled = {"spec": {"replicas": 2}}
        await edits.patch(where, "demo", namespace, body=scaled, subresource="scale")
        assert (await looks.get(where, "demo", namespace))["spec"]["replicas"] == 2
        with pytest.raises(Forbidden):
            await looks.patch(where, "demo", namespace, body=scaled)
        with pytest.raises(Forbidden):
            await edits.delete(BOOT_REVISIONS, "demo-1", namespace)
        await edits.delete(where, "demo", namespace)
