"""A server that lies about versions: once it is not believed, for good it was restored from a backup."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from havok.kube import Cache, Client
from havok.kube.history import PATIENCE
from havok.kube.resources import CONFIGMAPS
from havok.kube.views import ConfigMap
from support import faults
from support.controlplane import ControlPlane
from support.faultproxy import FaultProxy
from support.observed import Changes, running


@pytest.fixture
async def proxy(control_plane: ControlPlane) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(control_plane) as proxy:
        yield proxy


@pytest.fixture
async def through(proxy: FaultProxy) -> AsyncIterator[Client]:
    async with Client(proxy.access()) as client:
        yield client


async def put(client: Client, namespace: str, name: str, value: str) -> None:
    body = {"metadata": {"name": name, "namespace": namespace}, "data": {"v": value}}
    await client.apply(CONFIGMAPS, body, field_manager="test")


def cache_of(client: Client, namespace: str, *, silence: float = 70) -> Cache[ConfigMap]:
    return Cache(
        client, CONFIGMAPS, view=ConfigMap, namespace=namespace, retry=(0.02, 0.1), silence=silence
    )  # fmt: skip


def values(cache: Cache[ConfigMap]) -> dict[str, str]:
    return {one.metadata.name: one.data.get("v", "") for one in cache.list()}


def steps_back(changes: Changes[ConfigMap]) -> list[str]:
    """Objects whose versions did not grow from one telling to the next."""
    newest: dict[str, int] = {}
    found = []
    for _, new in changes.seen:
        if new is None:
            continue
        version = int(new.metadata.resource_version)
        if version <= newest.get(new.metadata.name, 0):
            found.append(f"{new.metadata.name} {version}")
        newest[new.metadata.name] = version
    return found


@pytest.mark.parametrize(("streams", "refusals"), [(True, 1), (True, 2), (False, 1), (False, PATIENCE)])
async def test_an_old_copy_of_the_state_is_refused(
    client: Client, through: Client, proxy: FaultProxy, namespace: str, streams: bool, refusals: int
) -> None:
    if not streams:
        proxy.answer(422, matches=lambda request: "sendInitialEvents" in request.query)
    await put(client, namespace, "a", "old")
    await put(client, namespace, "goes", "old")
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        await put(client, namespace, "a", "new")
        await client.delete(CONFIGMAPS, "goes", namespace)
        await changes.until(lambda: values(cache) == {"a": "new"})
        proxy.serve_old_state(refusals)
        proxy.error_in_stream(410, "Expired")
        proxy.cut()
        await proxy.until(lambda: proxy.idle)
        await put(client, namespace, "b", "1")
        await changes.until(lambda: values(cache) == {"a": "new", "b": "1"})
    assert cache.counters.refused == refusals
    assert cache.counters.rewound == 0
    assert steps_back(changes) == []


async def test_a_history_that_stays_older_is_the_truth(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    proxy.answer(422, times=1000, matches=lambda request: "sendInitialEvents" in request.query)
    await put(client, namespace, "a", "old")
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        await put(client, namespace, "a", "new")
        await changes.until(lambda: values(cache) == {"a": "new"})
        proxy.serve_old_state(1000)
        proxy.error_in_stream(410, "Expired")
        proxy.cut()
        await changes.until(lambda: cache.counters.rewound == 1)
        assert values(cache) == {"a": "old"}
        proxy.heal()
        await changes.until(lambda: values(cache) == {"a": "new"})


async def test_a_bookmark_that_promises_too_much_loses_nothing(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    await put(client, namespace, "a", "1")
    cache = cache_of(through, namespace, silence=0.3)
    changes = Changes(cache)
    proxy.spoil(
        faults.bookmark_from_future(resumed=False),
        faults.bookmark_from_future(resumed=False, then="reset"),
    )
    async with running(cache):
        await cache.synced(10)
        await put(client, namespace, "a", "2")
        # The next event gives the lie away, and the whole state comes.
        await changes.until(lambda: cache.counters.relists == 2)
        assert values(cache) == {"a": "2"}
        # This time the stream broke right after the lie: the server is silent about all that is older.
        await put(client, namespace, "a", "3")
        await changes.until(lambda: values(cache) == {"a": "3"})
    assert cache.counters.contradictions == 1
    assert cache.counters.silent >= 2
    assert steps_back(changes) == []


async def test_a_watch_that_begins_too_early_tells_nothing_twice(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        for value in "123":
            await put(client, namespace, "a", value)
        await put(client, namespace, "ghost", "1")
        await client.delete(CONFIGMAPS, "ghost", namespace)
        await put(client, namespace, "b", "1")
        await changes.until(lambda: values(cache) == {"a": "3", "b": "1"})
        before = len(changes.seen)
        proxy.begin_earlier(4)
        proxy.cut()
        await proxy.until(lambda: cache.counters.contradictions == 1)
        await put(client, namespace, "b", "2")
        await changes.until(lambda: values(cache) == {"a": "3", "b": "2"})
    assert len(changes.seen) == before + 1
    assert steps_back(changes) == []


@pytest.mark.timeout(180)
@pytest.mark.skipif(os.environ.get("SOAK_ROUNDS", "1") == "1", reason="takes 25 s: soak")
async def test_an_etcd_restored_from_a_backup_is_followed(tmp_path: Path) -> None:
    with ControlPlane(tmp_path) as plane:
        async with Client(plane.access()) as client:
            await put(client, "default", "a", "saved")
            cache = cache_of(client, "default", silence=1)
            changes = Changes(cache)
            async with running(cache):
                await cache.synced(30)
                await asyncio.to_thread(_offline, plane, "etcd", "backup")
                for number in range(300):
                    await put(client, "default", f"later-{number % 3}", str(number))
                await changes.until(lambda: len(cache) >= 4, seconds=60)
                await asyncio.to_thread(_offline, plane, "backup", "etcd")
                await changes.until(lambda: cache.counters.rewound == 1, seconds=60)
                assert values(cache) == {"a": "saved"}
                await put(client, "default", "a", "after")
                await changes.until(lambda: values(cache) == {"a": "after"}, seconds=60)


def _offline(plane: ControlPlane, source: str, target: str) -> None:
    """Copy the data of etcd while nothing runs."""
    plane.stop()
    shutil.rmtree(plane.folder / target, ignore_errors=True)
    shutil.copytree(plane.folder / source, plane.folder / target)
    plane.resume()
