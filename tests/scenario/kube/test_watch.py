"""Caches that stay equal to a real API server, whatever happens on the way."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import pytest
from aiohttp import web

from havok.kube import Cache, Client, Limits, Unavailable
from havok.kube.resources import CONFIGMAPS
from havok.kube.views import ConfigMap, ObjectMeta
from support.controlplane import ControlPlane
from support.faultproxy import FaultProxy
from support.observed import Changes, running

RETRY = (0.02, 0.2)


class Narrow(msgspec.Struct, frozen=True):
    """A view that only short texts fit."""

    metadata: ObjectMeta
    data: dict[str, Annotated[str, msgspec.Meta(max_length=5)]] = msgspec.field(default_factory=dict)


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


def cache_of(
    client: Client, namespace: str, *, silence: float = 70, page_size: int = 500
) -> Cache[ConfigMap]:
    return Cache(
        client, CONFIGMAPS, view=ConfigMap, namespace=namespace, retry=RETRY, silence=silence,
        page_size=page_size, indexes={"value": lambda one: [one.data.get("v")]},
    )  # fmt: skip


def values(cache: Cache[ConfigMap]) -> dict[str, str]:
    return {one.metadata.name: one.data.get("v", "") for one in cache.list()}


async def test_a_cache_follows_the_server(client: Client, namespace: str) -> None:
    await put(client, namespace, "before", "1")
    cache = cache_of(client, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        assert values(cache) == {"before": "1"}
        await put(client, namespace, "after", "1")
        await put(client, namespace, "after", "2")
        await client.delete(CONFIGMAPS, "before", namespace)
        await changes.until(lambda: values(cache) == {"after": "2"})
        assert [one.metadata.name for one in cache.by_index("value", "2")] == ["after"]
        assert cache.by_index("value", "1") == []
        assert cache.has_synced
    told = [(old and old.data.get("v"), new and new.data.get("v")) for old, new in changes.seen]
    assert told == [(None, "1"), (None, "1"), ("1", "2"), ("1", None)]


async def test_the_first_state_comes_in_the_watch_itself(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    for name in "abc":
        await put(client, namespace, name, "1")
    cache = cache_of(through, namespace)
    async with running(cache):
        await cache.synced(10)
    assert sorted(values(cache)) == ["a", "b", "c"]
    assert len(proxy.requests) == len(proxy.watches()) == 1
    assert "sendInitialEvents=true" in proxy.requests[0][1]


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_server_that_refuses_to_stream_the_state_is_asked_for_pages(
    client: Client, through: Client, proxy: FaultProxy, namespace: str, status: int
) -> None:
    for name in "abcde":
        await put(client, namespace, name, "1")
    proxy.answer(status, "Invalid", matches=lambda request: "sendInitialEvents" in request.query)
    cache = cache_of(through, namespace, page_size=2)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        assert sorted(values(cache)) == ["a", "b", "c", "d", "e"]
        await put(client, namespace, "f", "1")
        await changes.until(lambda: "f" in values(cache))
    assert len([path for _, path in proxy.requests if "limit=2" in path]) == 3


async def test_an_expired_page_token_starts_the_list_again(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    for name in "abcde":
        await put(client, namespace, name, "1")
    proxy.answer(422, matches=lambda request: "sendInitialEvents" in request.query)
    proxy.answer(410, "Expired", matches=_goes_on)
    cache = cache_of(through, namespace, page_size=2)
    async with running(cache):
        await cache.synced(10)
    assert sorted(values(cache)) == ["a", "b", "c", "d", "e"]
    proxy.answer(410, "Expired", matches=_goes_on)
    listing = await through.list(CONFIGMAPS, namespace, view=ConfigMap, limit=2)
    assert sorted(one.metadata.name for one in listing.items) == ["a", "b", "c", "d", "e"]


async def test_a_cut_connection_goes_on_where_it_was(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    await put(client, namespace, "a", "1")
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        for number in range(3):
            proxy.cut()
            await put(client, namespace, f"new-{number}", "1")
            await changes.until(lambda name=f"new-{number}": name in values(cache))  # type: ignore[misc]
        proxy.cut()
        await client.delete(CONFIGMAPS, "a", namespace)
        await changes.until(lambda: "a" not in values(cache))
    assert cache.counters.relists == 1
    assert cache.counters.streams >= 5


async def test_streams_cut_in_the_middle_lose_nothing(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        proxy.cut_after(1)
        for number in range(12):
            await put(client, namespace, f"c-{number % 5}", str(number))
        await client.delete(CONFIGMAPS, "c-0", namespace)
        expected = {"c-1": "11", "c-2": "7", "c-3": "8", "c-4": "9"}
        await changes.until(lambda: values(cache) == expected)


async def test_silence_is_a_dead_connection(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    await put(client, namespace, "a", "1")
    cache = cache_of(through, namespace, silence=0.3)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        proxy.stall()
        await client.delete(CONFIGMAPS, "a", namespace)
        await put(client, namespace, "b", "1")
        await proxy.until(lambda: cache.counters.silent > 0)
        proxy.heal()
        await changes.until(lambda: values(cache) == {"b": "1"})


@pytest.mark.parametrize("in_stream", [True, False])
async def test_a_version_that_is_too_old_brings_the_whole_state_with_deletions(
    client: Client, through: Client, proxy: FaultProxy, namespace: str, in_stream: bool
) -> None:
    await put(client, namespace, "stays", "1")
    await put(client, namespace, "goes", "1")
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        changes.seen.clear()
        if in_stream:
            proxy.error_in_stream(410, "Expired")
        else:
            proxy.answer(410, "Expired", matches=lambda request: "resourceVersion" in request.query)
        proxy.stall()
        proxy.cut()
        await client.delete(CONFIGMAPS, "goes", namespace)
        await put(client, namespace, "comes", "1")
        proxy.let_go()
        await changes.until(lambda: values(cache) == {"stays": "1", "comes": "1"})
    told = {
        (old.metadata.name if old else None, new.metadata.name if new else None) for old, new in changes.seen
    }
    assert told == {("goes", None), (None, "comes")}
    assert cache.counters.gone == 1
    assert cache.counters.relists == 2


async def test_other_errors_in_the_stream_do_not_end_the_watch(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    cache = cache_of(through, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        proxy.error_in_stream(500, "InternalError", times=3)
        proxy.answer(429, "TooManyRequests", matches=lambda request: "watch" in request.query)
        proxy.cut()
        await put(client, namespace, "a", "1")
        await changes.until(lambda: values(cache) == {"a": "1"})
    assert cache.counters.relists == 1


async def test_an_object_that_does_not_fit_is_counted_and_not_lost_as_deleted(
    client: Client, through: Client, proxy: FaultProxy, namespace: str
) -> None:
    await put(client, namespace, "good", "x")
    cache = Cache(through, CONFIGMAPS, view=Narrow, namespace=namespace, retry=RETRY)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        await put(client, namespace, "good", "far too long to fit")
        await put(client, namespace, "other", "y")
        await changes.until(lambda: len(cache) == 2)
        assert cache.counters.undecodable == 1
        proxy.error_in_stream(410, "Expired")
        proxy.cut()
        await put(client, namespace, "third", "z")
        await changes.until(lambda: len(cache) == 3)
        good = cache.get(namespace, "good")
        assert good is not None and good.data == {"v": "x"}
        await client.delete(CONFIGMAPS, "good", namespace)
        await changes.until(lambda: len(cache) == 2)


async def test_a_killed_api_server_is_found_again(
    client: Client, namespace: str, control_plane: ControlPlane
) -> None:
    await put(client, namespace, "a", "1")
    cache = cache_of(client, namespace)
    changes = Changes(cache)
    async with running(cache):
        await cache.synced(10)
        await asyncio.to_thread(control_plane.restart_apiserver)
        await client.delete(CONFIGMAPS, "a", namespace)
        await put(client, namespace, "b", "1")
        await changes.until(lambda: values(cache) == {"b": "1"})
    assert cache.counters.errors >= 1


async def test_throttling_is_obeyed(through: Client, proxy: FaultProxy, namespace: str) -> None:
    proxy.answer(429, "TooManyRequests", retry_after=1)
    began = time.monotonic()
    await put(through, namespace, "a", "1")
    assert time.monotonic() - began >= 1


async def test_only_safe_requests_are_tried_again_after_a_failure(
    through: Client, proxy: FaultProxy, namespace: str
) -> None:
    proxy.answer(500, "InternalError", times=2)
    await through.list(CONFIGMAPS, namespace)
    assert len(proxy.requests) == 3
    proxy.answer(500, "InternalError")
    with pytest.raises(Unavailable):
        await put(through, namespace, "a", "1")
    assert len(proxy.requests) == 4


async def test_tries_come_to_an_end(proxy: FaultProxy, namespace: str) -> None:
    proxy.answer(503, "ServiceUnavailable", times=10)
    async with Client(proxy.access(), limits=Limits(tries=2)) as client:
        with pytest.raises(Unavailable):
            await client.list(CONFIGMAPS, namespace)
    assert len(proxy.requests) == 2


def _goes_on(request: web.Request) -> bool:
    return "continue" in request.query
