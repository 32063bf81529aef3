"""What a person wants comes before what follows from it."""

import asyncio
from typing import Any

import pytest

from havok.kube.cache import Cache
from havok.kube.client import Client
from havok.kube.controller import Controller, Request, Result, urgency
from havok.kube.kubeconfig import Access
from havok.kube.resources import CONFIGMAPS
from havok.kube.views import PartialObject
from havok.kube.workqueue import FOLLOWING, FRESH


def thing(generation: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "n"} | ({"generation": generation} if generation else {})}


@pytest.mark.parametrize(
    ("old", "new", "primary", "expected"),
    [
        (None, thing(1), True, FRESH),
        (None, thing(1), False, FOLLOWING),
        (thing(1), None, True, FRESH),
        (thing(1), None, False, FRESH),
        (thing(1), thing(2), True, FRESH),
        (thing(1), thing(2), False, FRESH),
        (thing(2), thing(2), True, FOLLOWING),
        (thing(2), thing(2), False, FOLLOWING),
        (thing(), thing(), False, FRESH),
    ],
)
def test_a_wish_is_fresh_and_an_answer_follows(old: Any, new: Any, primary: bool, expected: int) -> None:
    assert urgency(old, new, primary=primary) == expected


def test_views_are_read_like_plain_objects() -> None:
    view = PartialObject()
    assert urgency(view, view, primary=True) == FRESH


async def test_a_change_overtakes_the_status_writes_that_wait() -> None:
    async with Client(Access(server="http://127.0.0.1:1")) as nowhere:
        await _overtakes(Cache(nowhere, CONFIGMAPS, view=dict[str, Any]))


async def _overtakes(cache: Cache[dict[str, Any]]) -> None:
    cache.replace({}, set())
    order: list[str] = []
    done = asyncio.Event()

    async def work(request: Request) -> Result | None:
        order.append(request.name)
        if len(order) == 3:
            done.set()
        return None

    controller = Controller("test", work, workers=1)
    controller.watch(cache)
    for name in ("told", "told-too", "wanted"):
        known = {"metadata": {"name": name, "namespace": "n", "generation": 1}}
        cache.put(("n", name), known)
    running = asyncio.create_task(controller.run())
    async with asyncio.timeout(5):
        await done.wait()
    done.clear()
    order.clear()
    for name, generation in (("told", 1), ("told-too", 1), ("wanted", 2)):
        meta: dict[str, Any] = {"name": name, "namespace": "n", "generation": generation}
        body: dict[str, Any] = {"metadata": meta, "data": {"a": "b"}}
        cache.put(("n", name), body)
    async with asyncio.timeout(5):
        await done.wait()
    assert order == ["wanted", "told", "told-too"]
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_woken_from_elsewhere_lets_a_change_go_first() -> None:
    order: list[str] = []
    done = asyncio.Event()

    async def work(request: Request) -> Result | None:
        order.append(request.name)
        if len(order) == 2:
            done.set()
        return None

    controller = Controller("test", work, workers=1)
    controller.add(Request("n", "woken"), priority=FOLLOWING)
    controller.add(Request("n", "changed"))
    running = asyncio.create_task(controller.run())
    async with asyncio.timeout(5):
        await done.wait()
    assert order == ["changed", "woken"]
    running.cancel()
    await asyncio.wait([running])
