"""Never two writers at once: processes that want to lead, paused, killed, and with wrong clocks.

SOAK_ROUNDS (default 1) multiplies the length, SOAK_SEED chooses another course.
"""

import os
from random import Random

import pytest

from havok.kube import Client, Conflict, LeaderElection
from havok.kube.fencing import Fenced, fenced_patch
from havok.kube.resources import CONFIGMAPS, LEASES
from support.contest import Contest, assert_one_writer_at_a_time
from support.controlplane import ControlPlane

ROUNDS = 4 * int(os.environ.get("SOAK_ROUNDS", "1"))
SEED = int(os.environ.get("SOAK_SEED", "20261125"))


@pytest.mark.timeout(60 + 10 * ROUNDS)
async def test_the_object_has_one_writer_at_a_time_whatever_happens_to_the_leaders(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    random = Random(SEED)  # noqa: S311
    async with Contest(control_plane, client, namespace) as contest:
        await contest.enter("steady", seed=random.randrange(1 << 30))
        await contest.enter("an-hour-ahead", wall=3600, seed=random.randrange(1 << 30))
        # A clock of half the speed breaks the rule that leases rest on: it believes too long that it leads.
        await contest.enter("yesterday-and-slow", wall=-86400, rate=0.5, seed=random.randrange(1 << 30))
        await contest.trouble(random, rounds=ROUNDS)
        history = list(contest.history)
    assert_one_writer_at_a_time(history)
    assert len({one.term for one in history}) > ROUNDS / 2, f"seed {SEED}: hardly anybody lost the lead"


async def test_a_leader_that_was_stopped_in_the_middle_of_a_write_does_not_finish_it(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    async with Contest(control_plane, client, namespace) as contest:
        first = await contest.enter("first", pause_at=3)
        await first.stopped()
        await contest.enter("second")
        await contest.until_written_by("second")
        first.go_on()
        await first.until_it_says("fenced")
        history = list(contest.history)
    assert_one_writer_at_a_time(history)
    assert [one.writer for one in history[:3]] == ["first", "first", "second"]


async def test_without_the_fence_timing_alone_would_let_it_through(
    control_plane: ControlPlane, client: Client, namespace: str
) -> None:
    """Why `fencing` exists; when this fails, the test above shows nothing any more."""
    async with Contest(control_plane, client, namespace) as contest:
        first = await contest.enter("first", pause_at=3, guarded=False)
        await first.stopped()
        await contest.enter("second", guarded=False)
        await contest.until_written_by("second")
        since = len(contest.history)
        first.go_on()
        await contest.until_written_by("first", since=since)


async def test_a_term_is_larger_than_every_one_before_also_of_a_deleted_lease(
    client: Client, namespace: str
) -> None:
    terms: list[int] = []
    for round_ in range(4):
        election = LeaderElection(
            client, "role", namespace, f"c{round_ // 2}", duration=1.2, renew=0.8, retry=0.1
        )

        async def lead(mine: LeaderElection = election) -> None:
            terms.append(mine.term)

        await election.run(lead)
        if round_ == 1:
            await client.delete(LEASES, "role", namespace)
        with pytest.raises(Conflict) as caught:
            _ = election.term
        assert caught.value.code == "kube.lease.lost"
    assert terms == sorted(set(terms))


async def test_a_fenced_write_keeps_what_others_wrote_meanwhile(client: Client, namespace: str) -> None:
    body = {"metadata": {"name": "shared", "annotations": {"theirs": "kept"}}, "data": {"n": "1"}}
    await client.create(CONFIGMAPS, body, namespace)
    calls = 0

    def change(live: dict[str, dict[str, str]]) -> dict[str, object]:
        nonlocal calls
        calls += 1
        return {"metadata": {"labels": {"by": "us"}}, "data": {"n": str(int(live["data"]["n"]) + 1)}}

    await fenced_patch(client, CONFIGMAPS, "shared", namespace, term=7, change=change)
    found = await client.get(CONFIGMAPS, "shared", namespace)
    assert found["data"] == {"n": "2"}
    assert found["metadata"]["annotations"] == {"theirs": "kept", "havok.dev/fence": "7"}
    with pytest.raises(Fenced) as caught:
        await fenced_patch(client, CONFIGMAPS, "shared", namespace, term=6, change=change)
    assert caught.value.code == "kube.lease.fenced"
    assert caught.value.exit_code == 5
    assert calls == 1
