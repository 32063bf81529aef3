"""Who leads, on real Leases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from havok.kube import Access, Client, LeaderElection, Limits
from havok.kube.resources import LEASES
from havok.kube.views import Lease
from support.controlplane import ControlPlane
from support.faultproxy import FaultProxy

DURATION = 1.2


def election(client: Client, namespace: str, name: str) -> LeaderElection:
    """A candidate in a hurry."""
    return LeaderElection(client, "role", namespace, name, duration=DURATION, renew=0.8, retry=0.1)


class Leading:
    """What a leader does in these tests: be there until told to end."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.finish = asyncio.Event()
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1
        self.ended.clear()
        self.began.set()
        try:
            await self.finish.wait()
        finally:
            self.began.clear()
            self.ended.set()


@asynccontextmanager
async def candidate(
    client: Client, namespace: str, name: str
) -> AsyncIterator[tuple[LeaderElection, Leading]]:
    mine, leading = election(client, namespace, name), Leading()
    task = asyncio.create_task(mine.run(leading))
    try:
        yield mine, leading
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_one_leads_and_the_other_follows_at_once_when_it_leaves(client: Client, namespace: str) -> None:
    async with candidate(client, namespace, "a") as (first, leading_a):
        await leading_a.began.wait()
        async with candidate(client, namespace, "b") as (second, leading_b):
            await asyncio.sleep(DURATION * 1.5)
            assert (first.is_leader, second.is_leader) == (True, False)
            assert second.holder == "a"
            assert not leading_b.times
            leading_a.finish.set()
            async with asyncio.timeout(DURATION):
                await leading_b.began.wait()
            assert (first.is_leader, second.is_leader) == (False, True)
            lease = await client.get(LEASES, "role", namespace, view=Lease)
            assert lease.spec.holder_identity == "b"
            assert lease.spec.lease_transitions == 1


async def test_a_leader_without_a_connection_stops_before_another_begins(
    client: Client, namespace: str, control_plane: ControlPlane
) -> None:
    async with (
        FaultProxy(control_plane) as proxy,
        Client(proxy.access(), limits=Limits(tries=1)) as cut_off,
        candidate(cut_off, namespace, "a") as (first, leading_a),
    ):
        await leading_a.began.wait()
        async with candidate(client, namespace, "b") as (_, leading_b):
            proxy.stall()
            await leading_a.ended.wait()
            assert not first.is_leader
            assert not leading_b.times
            async with asyncio.timeout(5):
                await leading_b.began.wait()
            proxy.heal()
        async with asyncio.timeout(5):
            await leading_a.began.wait()
        assert leading_a.times == 2


async def test_an_error_of_the_leader_reaches_its_owner_and_frees_the_lease(
    client: Client, namespace: str
) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await election(client, namespace, "a").run(broken)
    lease = await client.get(LEASES, "role", namespace, view=Lease)
    assert not lease.spec.holder_identity


async def test_a_lease_that_somebody_took_by_hand_ends_the_leader(client: Client, namespace: str) -> None:
    async with candidate(client, namespace, "a") as (first, leading):
        await leading.began.wait()
        body = {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 1}}
        await client.patch(LEASES, "role", namespace, body=body)
        async with asyncio.timeout(1):
            await leading.ended.wait()
        assert not first.is_leader
        assert first.holder == "thief"


async def test_an_unreachable_server_makes_nobody_leader() -> None:
    async with Client(Access(server="http://127.0.0.1:1"), limits=Limits(tries=1)) as nowhere:
        leading = Leading()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await election(nowhere, "default", "a").run(leading)
        assert not leading.times


async def test_a_question_that_was_long_under_way_does_not_make_the_lease_look_old(
    client: Client, namespace: str, control_plane: ControlPlane
) -> None:
    spec = {"holderIdentity": "a", "leaseDurationSeconds": 2}
    await client.create(LEASES, {"metadata": {"name": "role"}, "spec": spec}, namespace)
    async with (
        FaultProxy(control_plane) as proxy,
        Client(proxy.access()) as slow,
        candidate(slow, namespace, "b") as (_, leading),
    ):
        await proxy.until(lambda: len(proxy.requests) > 2)
        proxy.stall()
        await client.patch(LEASES, "role", namespace, body={"spec": {"leaseTransitions": 1}})
        await asyncio.sleep(2.5)
        proxy.heal()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await leading.began.wait()
        async with asyncio.timeout(5):
            await leading.began.wait()
