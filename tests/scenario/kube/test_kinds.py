"""Kinds that come late, vanish, return; rights that are given later; parts of objects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from havok.errors import TimedOutError
from havok.kube import AlreadyExists, Cache, Client, NotFound
from havok.kube.resources import CONFIGMAPS, CRDS, ROLEBINDINGS, ROLES, Resource
from havok.kube.views import ConfigMap, PartialObject
from support.controlplane import ControlPlane
from support.faultproxy import FaultProxy
from support.observed import Changes, running

RETRY = (0.02, 0.2)
WIDGETS = Resource("havok.test", "v1", "widgets", "Widget")


def definition() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "metadata": {"name": f"{WIDGETS.plural}.{WIDGETS.group}"},
        "spec": {
            "group": WIDGETS.group, "scope": "Namespaced", "versions": [version],
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        },
    }  # fmt: skip


@pytest.fixture
async def proxy(control_plane: ControlPlane) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(control_plane) as proxy:
        yield proxy


@pytest.fixture
async def through(proxy: FaultProxy) -> AsyncIterator[Client]:
    async with Client(proxy.access()) as client:
        yield client


async def create(client: Client, resource: Resource, obj: dict[str, Any], namespace: str = "") -> None:
    """The API server learns of definitions, and forgets them, in its own time."""
    async with asyncio.timeout(30):
        while True:
            with suppress(NotFound, AlreadyExists):
                await client.create(resource, obj, namespace)
                return
            await asyncio.sleep(0.05)


async def a_problem_of(cache: Cache[Any]) -> None:
    async with asyncio.timeout(15):
        while True:
            if cache.problem is not None:
                return
            await asyncio.sleep(0.02)


def names(cache: Cache[Any]) -> list[str]:
    return sorted(one.metadata.name for one in cache.list())


async def test_a_kind_may_come_late_and_vanish_and_return(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    cache = Cache(
        through, WIDGETS, view=PartialObject, namespace=namespace, retry=RETRY, forget_after=0.3
    )  # fmt: skip
    changes = Changes(cache)
    async with running(cache):
        await proxy.until(lambda: len(proxy.requests) > 4)
        assert cache.problem is not None and cache.problem.code == "kube.notfound"
        with pytest.raises(TimedOutError, match="answered 404"):
            await cache.synced(0.01)
        for generation in ("first", "second"):
            await create(client, CRDS, definition())
            await create(client, WIDGETS, {"metadata": {"name": generation}}, namespace)
            await changes.until(lambda name=generation: names(cache) == [name])  # type: ignore[misc]
            await client.delete(CRDS, definition()["metadata"]["name"])
            await changes.until(lambda: names(cache) == [])


async def test_a_server_that_starts_and_a_kind_that_went_are_told_apart_by_time(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    await client.create(CONFIGMAPS, {"metadata": {"name": "a"}}, namespace)
    cache = Cache(
        through, CONFIGMAPS, view=ConfigMap, namespace=namespace, retry=RETRY, forget_after=0.3
    )  # fmt: skip
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        proxy.answer(404, "NotFound", times=3)
        proxy.cut()
        await proxy.until(lambda: proxy.idle)
        assert names(cache) == ["a"]
        proxy.answer(404, "NotFound", times=10_000)
        proxy.cut()
        await changes.until(lambda: names(cache) == [])
        assert cache.counters.vanished == 1
        proxy.heal()
        await changes.until(lambda: names(cache) == ["a"])


async def test_a_right_that_is_given_later_is_enough(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    await client.create(CONFIGMAPS, {"metadata": {"name": "a"}}, namespace)
    async with Client(control_plane.access("late", ())) as late:
        cache = Cache(late, CONFIGMAPS, view=ConfigMap, namespace=namespace, retry=RETRY)
        changes = Changes(cache)
        async with running(cache):
            await a_problem_of(cache)
            with pytest.raises(TimedOutError, match=r"cannot (list|watch) resource"):
                await cache.synced(0.01)
            role = {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]}
            await client.create(ROLES, {"metadata": {"name": "late"}, **role}, namespace)
            subject = {"kind": "User", "name": "late", "apiGroup": "rbac.authorization.k8s.io"}
            reference = {"kind": "Role", "name": "late", "apiGroup": "rbac.authorization.k8s.io"}
            binding = {"metadata": {"name": "late"}, "subjects": [subject], "roleRef": reference}
            await client.create(ROLEBINDINGS, binding, namespace)
            await changes.until(lambda: names(cache) == ["a"])
            await client.delete(CONFIGMAPS, "a", namespace)
            await changes.until(lambda: names(cache) == [])


@pytest.mark.parametrize("streams", [True, False])
async def test_metadata_alone_is_all_that_travels(
    client: Client, through: Client, proxy: FaultProxy, namespace: str, streams: bool
) -> None:
    async def put(name: str) -> None:
        body = {"metadata": {"name": name, "namespace": namespace}, "data": {"v": "x" * 5000}}
        await client.apply(CONFIGMAPS, body, field_manager="test")

    if not streams:
        proxy.answer(422, "Invalid")
    view: type[dict[str, Any]] = dict
    cache = Cache(through, CONFIGMAPS, view=view, namespace=namespace, retry=RETRY, metadata_only=True)
    changes = Changes(cache)
    await put("before")
    async with running(cache):
        await cache.synced(10)
        await put("after")
        await changes.until(lambda: len(cache) == 2)
    for one in cache.list():
        assert one["kind"] == "PartialObjectMetadata"
        assert "data" not in one
