"""Events on a real API server."""

import asyncio

import pytest

from havok.kube import Access, Client, EventRecorder, Limits, reference
from havok.kube.resources import CONFIGMAPS, EVENTS
from havok.kube.views import Event, ObjectReference


async def about(client: Client, namespace: str) -> ObjectReference:
    body = {"metadata": {"name": "thing", "namespace": namespace}}
    return reference(CONFIGMAPS, await client.create(CONFIGMAPS, body))


async def test_repeats_are_one_event_with_a_count(client: Client, namespace: str) -> None:
    thing, recorder = await about(client, namespace), EventRecorder(client, "tester", "pod-1")
    for _ in range(3):
        await recorder.event(thing, "Warning", "Failed", "it does not start")
    await recorder.event(thing, "Normal", "Started", "it runs")
    found = {one.reason: one for one in (await client.list(EVENTS, namespace, view=Event)).items}
    assert found["Failed"].count == 3
    assert found["Failed"].type == "Warning"
    assert found["Failed"].message == "it does not start"
    assert found["Failed"].involved_object.uid == thing.uid
    assert found["Failed"].source.component == "tester"
    assert found["Started"].count == 1
    assert recorder.dropped == 0


async def test_an_event_that_the_server_forgot_is_made_again(client: Client, namespace: str) -> None:
    thing, recorder = await about(client, namespace), EventRecorder(client, "tester", "pod-1")
    await recorder.event(thing, "Normal", "Pulled", "again")
    (first,) = (await client.list(EVENTS, namespace, view=Event)).items
    await client.delete(EVENTS, first.metadata.name, namespace)
    await recorder.event(thing, "Normal", "Pulled", "again")
    (second,) = (await client.list(EVENTS, namespace, view=Event)).items
    assert second.count == 2


async def test_one_object_cannot_flood_the_cluster(client: Client, namespace: str) -> None:
    thing, recorder = await about(client, namespace), EventRecorder(client, "tester", "pod-1")
    for number in range(30):
        await recorder.event(thing, "Normal", "Looped", f"round {number}")
    assert len((await client.list(EVENTS, namespace, view=Event)).items) == 25
    assert recorder.dropped == 5


async def test_nobody_waits_for_the_outbox_and_its_end_writes_what_is_left(
    client: Client, namespace: str
) -> None:
    thing, recorder = await about(client, namespace), EventRecorder(client, "tester", "pod-1")
    running = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    for number in range(20):
        with pytest.raises(StopIteration):  # it ends without having waited for anything
            recorder.event(thing, "Normal", f"Step{number}", "it goes on").send(None)
    running.cancel()
    await asyncio.wait([running])
    found = (await client.list(EVENTS, namespace, view=Event)).items
    assert {one.reason for one in found} == {f"Step{number}" for number in range(20)}
    assert recorder.dropped == 0
    await recorder.event(thing, "Normal", "After", "nobody runs the outbox")
    assert len((await client.list(EVENTS, namespace, view=Event)).items) == 21


async def test_reporting_never_fails() -> None:
    async with Client(Access(server="http://127.0.0.1:1"), limits=Limits(tries=1)) as nowhere:
        recorder = EventRecorder(nowhere, "tester", "pod-1")
        await recorder.event(ObjectReference(kind="Pod", name="p"), "Normal", "Test", "lost")
        assert recorder.dropped == 1
