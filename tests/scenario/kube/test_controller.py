"""A controller on a real API server: each source ConfigMap gets a copy, whatever happens to either."""

import asyncio
from typing import Any

import pytest

from havok.errors import TimedOutError
from havok.kube import Cache, Client, Controller, Limits, Request, Result, TerminalError, reconcile_object
from havok.kube.resources import CONFIGMAPS
from support.observed import Changes, Turn, running

KIND = "havok.test/kind"


class Copier:
    """Copies ConfigMaps labelled source into ConfigMaps labelled copy; its own reconciler and observer."""

    def __init__(self, client: Client, namespace: str, **options: Any) -> None:
        self.client = client
        self.namespace = namespace
        self.turn = Turn()
        self.outcomes: list[str] = []
        self.running: dict[str, int] = {}
        self.broken: dict[str, list[BaseException]] = {}
        self.again: dict[str, float] = {}
        view: type[dict[str, Any]] = dict
        self.sources = Cache(client, CONFIGMAPS, view=view, namespace=namespace, labels=f"{KIND}=source")
        self.copies = Cache(client, CONFIGMAPS, view=view, namespace=namespace, labels=f"{KIND}=copy")
        self.controller = Controller("copier", self.reconcile, observe=self.observe, **options)
        self.controller.watch(self.sources)
        self.controller.watch_owned(self.copies, CONFIGMAPS)

    async def reconcile(self, request: Request) -> Result | None:
        self.running[request.name] = self.running.get(request.name, 0) + 1
        assert self.running[request.name] == 1, "one request was worked on twice at once"
        try:
            if errors := self.broken.get(request.name):
                raise errors.pop()
            await self.copy(request)
            after = self.again.pop(request.name, None)
            return None if after is None else Result(after=after)
        finally:
            self.running[request.name] -= 1

    async def copy(self, request: Request) -> None:
        source = self.sources.get(request.namespace, request.name)
        if source is None:
            return
        name = f"{request.name}-copy"
        owner = {
            "apiVersion": "v1", "kind": "ConfigMap", "name": request.name,
            "uid": source["metadata"]["uid"], "controller": True,
        }  # fmt: skip
        meta = {
            "name": name, "namespace": request.namespace, "labels": {KIND: "copy"}, "ownerReferences":
            [owner],
        }  # fmt: skip
        desired = {"metadata": meta, "data": source.get("data", {})}
        await reconcile_object(
            self.client, CONFIGMAPS, desired, self.copies.get(request.namespace, name),
            field_manager="copier", equal=(("data",),),
        )  # fmt: skip

    def observe(self, controller: str, outcome: str, seconds: float) -> None:
        assert controller == "copier"
        assert seconds >= 0
        self.outcomes.append(outcome)
        self.turn.happened()

    def data(self, name: str) -> dict[str, str] | None:
        copy = self.copies.get(self.namespace, f"{name}-copy")
        return None if copy is None else copy.get("data", {})


async def source(client: Client, namespace: str, name: str, **data: str) -> None:
    meta = {"name": name, "namespace": namespace, "labels": {KIND: "source"}}
    await client.apply(CONFIGMAPS, {"metadata": meta, "data": data}, field_manager="person")


async def test_the_world_becomes_as_it_should_be_and_stays_so(client: Client, namespace: str) -> None:
    await source(client, namespace, "before", a="1")
    copier = Copier(client, namespace)
    changes = Changes(copier.copies)
    async with running(copier.sources, copier.copies, copier.controller):
        await changes.until(lambda: copier.data("before") == {"a": "1"})
        await source(client, namespace, "after", b="1")
        await changes.until(lambda: copier.data("after") == {"b": "1"})
        await source(client, namespace, "after", b="2")
        await changes.until(lambda: copier.data("after") == {"b": "2"})
        await client.delete(CONFIGMAPS, "after-copy", namespace)
        await changes.until(lambda: copier.data("after") is None)
        await changes.until(lambda: copier.data("after") == {"b": "2"})
        await client.patch(CONFIGMAPS, "after-copy", namespace, body={"data": {"foreign": "x", "b": "9"}})
        await changes.until(lambda: copier.data("after") == {"b": "2"})


async def test_failures_are_tried_again_and_hopeless_ones_are_not(client: Client, namespace: str) -> None:
    copier = Copier(client, namespace)
    changes = Changes(copier.copies)
    copier.broken = {
        "shaky": [ZeroDivisionError(), ValueError(), TimeoutError()],
        "hopeless": [TerminalError("no")],
        "later": [],
    }
    copier.again = {"later": 0.05}
    async with running(copier.sources, copier.copies, copier.controller):
        await source(client, namespace, "hopeless", a="1")
        await copier.turn.until(lambda: "terminal" in copier.outcomes)
        await source(client, namespace, "shaky", a="1")
        await changes.until(lambda: copier.data("shaky") == {"a": "1"})
        assert copier.data("hopeless") is None
        await source(client, namespace, "hopeless", a="2")
        await changes.until(lambda: copier.data("hopeless") == {"a": "2"})
        await source(client, namespace, "later", a="1")
        await copier.turn.until(lambda: "requeue" in copier.outcomes)
    assert copier.outcomes.count("error") == 2
    assert copier.outcomes.count("timeout") == 1


async def test_a_reconciler_that_hangs_is_ended_and_others_go_on(client: Client, namespace: str) -> None:
    copier = Copier(client, namespace, workers=1, timeout=0.2)
    changes = Changes(copier.copies)
    hanging = copier.copy

    async def hang_once(request: Request) -> None:
        if request.name == "slow" and not copier.outcomes:
            await asyncio.Event().wait()
        await hanging(request)

    copier.copy = hang_once  # type: ignore[method-assign]
    async with running(copier.sources, copier.copies, copier.controller):
        await copier.sources.synced()
        await source(client, namespace, "slow", a="1")
        await copier.turn.until(lambda: "timeout" in copier.outcomes)
        await changes.until(lambda: copier.data("slow") == {"a": "1"})


async def test_a_controller_that_starts_again_sees_what_it_missed(client: Client, namespace: str) -> None:
    copier = Copier(client, namespace)
    changes = Changes(copier.copies)
    async with running(copier.sources, copier.copies):
        async with running(copier.controller):
            await source(client, namespace, "one", a="1")
            await changes.until(lambda: copier.data("one") == {"a": "1"})
        await source(client, namespace, "one", a="2")
        await source(client, namespace, "two", a="1")
        sources = Changes(copier.sources)
        await sources.until(lambda: copier.sources.get(namespace, "two") is not None)
        assert copier.data("two") is None
        async with running(copier.controller):
            await changes.until(lambda: (copier.data("one"), copier.data("two")) == ({"a": "2"}, {"a": "1"}))


async def test_a_cache_that_never_comes_is_an_error(client: Client, namespace: str) -> None:
    copier = Copier(client, namespace)
    with pytest.raises(TimedOutError) as caught:
        await copier.controller.run(sync_timeout=0.1)
    assert caught.value.code == "kube.cache.unsynced"


async def test_many_changes_at_once_are_worked_off(client: Client, namespace: str) -> None:
    copier = Copier(client, namespace)
    changes = Changes(copier.copies)
    async with Client(client.access, limits=Limits(qps=1000, burst=1000)) as fast:
        copier.client = fast
        async with running(copier.sources, copier.copies, copier.controller):
            async with asyncio.TaskGroup() as group:
                for number in range(150):
                    group.create_task(source(fast, namespace, f"s-{number}", n=str(number)))
            await changes.until(lambda: len(copier.copies) == 150)
            await changes.until(lambda: copier.data("s-149") == {"n": "149"})
