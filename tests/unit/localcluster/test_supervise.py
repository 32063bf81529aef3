"""The supervisor with real processes: what it starts when, what it does when they end or it is ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from havok.localcluster import process, supervise
from havok.localcluster.supervise import ComponentState, read_status
from support.cluster import eventually

PROGRAM = Path(__file__).with_name("supervised.py")
SLEEP = ["sleep", "300"]
POLITE = "trap 'echo $NAME >> $FOLDER/ended; kill $!; exit' TERM; touch $FOLDER/$NAME.up; sleep 300 & wait"


class Stage:
    """A folder with a description of components, and the supervisor that runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._supervisors: list[subprocess.Popen[bytes]] = []

    def start(self, *entries: dict[str, Any]) -> "subprocess.Popen[bytes]":
        (self.folder / "components.json").write_text(json.dumps(entries))
        with (self.folder / "supervisor.log").open("ab") as output:
            supervisor = subprocess.Popen([sys.executable, str(PROGRAM), str(self.folder)], stderr=output)
        self._supervisors.append(supervisor)
        return supervisor

    def replan(self, supervisor: "subprocess.Popen[bytes]", *entries: dict[str, Any]) -> None:
        (self.folder / "components.json").write_text(json.dumps(entries))
        supervisor.send_signal(signal.SIGHUP)

    def state(self, name: str) -> ComponentState | None:
        return next((item for item in read_status(self.folder / "status.json") if item.name == name), None)

    def reaches(self, name: str, state: str) -> ComponentState:
        """Wait until the status file says so."""

        def look() -> ComponentState | None:
            found = self.state(name)
            return found if found is not None and found.state == state else None

        return eventually(look, f"{name} is {state}", 20)

    def identity(self, name: str) -> process.Identity:
        found = process.load(self.folder / "run" / f"{name}.json")
        assert found is not None
        return found

    def lines(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().split() if file.exists() else []

    def end(self) -> None:
        for supervisor in self._supervisors:
            supervisor.kill()
            supervisor.wait()
        for file in (self.folder / "run").glob("*.json"):
            if known := process.load(file):
                process.end(known, patience=0)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.end()


def test_components_run_and_the_status_file_says_so(stage: Stage) -> None:
    stage.start({"name": "a", "command": SLEEP}, {"name": "b", "command": SLEEP})
    for name in ("a", "b"):
        state = stage.reaches(name, "running")
        assert state.pid == stage.identity(name).pid
        assert (state.restarts, state.last_exit) == (0, "")
        assert abs(time.time() - state.since) < 60


def test_one_that_ends_is_started_again_after_pauses_that_grow(stage: Stage) -> None:
    stage.start({"name": "a", "command": ["sh", "-c", "date +%s.%N >> $FOLDER/starts; exit 3"]})
    eventually(lambda: len(stage.lines("starts")) > 3, "4 starts")
    gaps = [after - before for before, after in pairwise(map(float, stage.lines("starts")))]
    assert all(gap >= pause for gap, pause in zip(gaps, (0.2, 0.4, 0.8), strict=False))
    state = stage.reaches("a", "restarting")
    assert state.restarts >= 3
    assert state.last_exit == "exit code 3"
    assert state.pid == 0


def test_one_that_is_killed_comes_back(stage: Stage) -> None:
    stage.start({"name": "a", "command": SLEEP})
    before = stage.reaches("a", "running").pid
    os.kill(before, signal.SIGKILL)

    def again() -> ComponentState | None:
        state = stage.state("a")
        return state if state and state.state == "running" and state.pid != before else None

    state = eventually(again, "another process runs")
    assert (state.restarts, state.last_exit) == (1, "killed by SIGKILL")


def test_a_command_that_does_not_exist_does_not_stop_the_others(stage: Stage) -> None:
    stage.start({"name": "a", "command": ["/no/such/program"]}, {"name": "b", "command": SLEEP})
    stage.reaches("b", "running")
    assert "No such file" in stage.reaches("a", "restarting").last_exit


def test_one_starts_when_those_it_needs_were_ready(stage: Stage) -> None:
    stage.start(
        {"name": "a", "command": SLEEP, "ready": "a-is-ready"},
        {"name": "b", "command": SLEEP, "needs": ["a"]},
    )
    stage.reaches("a", "starting")
    stage.reaches("b", "waiting")
    (stage.folder / "a-is-ready").touch()
    stage.reaches("b", "running")
    assert stage.identity("a").started <= stage.identity("b").started


def test_one_that_was_started_stays_when_another_it_needs_ends(stage: Stage) -> None:
    stage.start({"name": "a", "command": SLEEP}, {"name": "b", "command": SLEEP, "needs": ["a"]})
    before = stage.reaches("b", "running").pid
    os.kill(stage.identity("a").pid, signal.SIGKILL)
    eventually(lambda: (state := stage.state("a")) and state.restarts == 1 and state.pid, "a is back")
    assert stage.reaches("b", "running").pid == before


def test_a_gate_holds_until_it_opens(stage: Stage) -> None:
    stage.start({"name": "a", "command": SLEEP}, {"name": "b", "command": SLEEP, "gate": "open"})
    stage.reaches("a", "running")
    stage.reaches("b", "waiting")
    (stage.folder / "open").touch()
    stage.reaches("b", "running")


def test_what_a_killed_supervisor_left_is_adopted(stage: Stage) -> None:
    first = stage.start({"name": "a", "command": SLEEP})
    before = stage.reaches("a", "running").pid
    first.kill()
    first.wait()
    (stage.folder / "status.json").unlink()
    stage.start({"name": "a", "command": SLEEP})
    state = stage.reaches("a", "running")
    assert (state.pid, state.restarts) == (before, 0)


def test_an_adopted_one_is_watched_as_well(stage: Stage) -> None:
    first = stage.start({"name": "a", "command": SLEEP})
    before = stage.reaches("a", "running").pid
    first.kill()
    first.wait()
    (stage.folder / "status.json").unlink()
    stage.start({"name": "a", "command": SLEEP})
    stage.reaches("a", "running")
    os.kill(before, signal.SIGKILL)
    after = eventually(
        lambda: (state := stage.state("a")) and state.restarts and state.state == "running" and state.pid,
        "a new process runs",
    )
    assert after != before


def test_one_of_another_command_is_replaced(stage: Stage) -> None:
    first = stage.start({"name": "a", "command": SLEEP})
    stage.reaches("a", "running")
    before = stage.identity("a")
    first.kill()
    first.wait()
    (stage.folder / "status.json").unlink()
    stage.start({"name": "a", "command": ["sleep", "301"]})
    assert stage.reaches("a", "running").pid != before.pid
    assert not before.alive


def test_a_recycled_pid_is_neither_adopted_nor_ended(stage: Stage) -> None:
    with subprocess.Popen(SLEEP) as stranger:
        known = process.identity(stranger.pid, "\0".join(SLEEP))
        assert known is not None
        (stage.folder / "run").mkdir()
        process.save(
            stage.folder / "run/a.json", process.Identity(known.pid, known.started - 1, known.command)
        )
        stage.start({"name": "a", "command": SLEEP})
        assert stage.reaches("a", "running").pid != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


def test_all_are_ended_in_reverse_order(stage: Stage) -> None:
    names = ("a", "b", "c")
    supervisor = stage.start(
        *({"name": name, "command": ["sh", "-c", POLITE], "ready": f"{name}.up"} for name in names)
    )
    for name in names:
        stage.reaches(name, "running")
    supervisor.terminate()
    assert supervisor.wait(20) == 0
    assert stage.lines("ended") == ["c", "b", "a"]
    assert list((stage.folder / "run").iterdir()) == []


def test_who_does_not_end_is_killed_after_its_patience(stage: Stage) -> None:
    stubborn = "trap '' TERM; touch $FOLDER/a.up; while :; do sleep 1; done"
    supervisor = stage.start(
        {"name": "a", "command": ["sh", "-c", stubborn], "patience": 0.3, "ready": "a.up"}
    )
    stage.reaches("a", "running")
    known = stage.identity("a")
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(20) == 0
    assert not known.alive


def test_a_terminal_that_closes_ends_nothing(stage: Stage) -> None:
    supervisor = stage.start({"name": "a", "command": SLEEP})
    stage.reaches("a", "running")
    supervisor.send_signal(signal.SIGHUP)
    os.kill(stage.identity("a").pid, signal.SIGKILL)
    eventually(lambda: (state := stage.state("a")) and state.restarts == 1, "it still supervises")
    assert supervisor.poll() is None


def test_one_that_cannot_be_connected_is_ended_and_tried_again(stage: Stage) -> None:
    stage.start({"name": "a", "command": SLEEP, "broken_wiring": True})
    eventually(lambda: (found := stage.state("a")) and found.restarts >= 2, "two attempts")
    state = stage.state("a")
    assert state is not None
    assert state.last_exit.startswith("killed by SIG")
    assert "no cable" in (stage.folder / "supervisor.log").read_text()


def test_a_log_that_grew_too_long_is_put_aside_once(stage: Stage) -> None:
    log = stage.folder / "a.log"
    with log.open("wb") as file:
        file.truncate(supervise.LOG_LIMIT + 1)
    stage.start({"name": "a", "command": ["sh", "-c", "echo fresh; exec sleep 300"]})
    stage.reaches("a", "running")
    assert eventually(log.read_text, "the first line") == "fresh\n"
    assert (stage.folder / "a.log.1").stat().st_size == supervise.LOG_LIMIT + 1


@pytest.mark.parametrize("data", [None, b"", b"{}", b"[1]", b"\xff"])
def test_a_damaged_status_file_is_empty(tmp_path: Path, data: bytes | None) -> None:
    file = tmp_path / "status.json"
    if data is not None:
        file.write_bytes(data)
    assert read_status(file) == []


def test_a_new_plan_touches_only_what_differs(stage: Stage) -> None:
    names = ("kept", "changed", "dropped")
    kept, changed, dropped = ({"name": name, "command": SLEEP} for name in names)
    supervisor = stage.start(kept, changed, dropped)
    for name in names:
        stage.reaches(name, "running")
    before = {name: stage.identity(name) for name in names}
    stage.replan(
        supervisor, kept, {**changed, "command": ["sleep", "301"]}, {"name": "new", "command": SLEEP}
    )
    stage.reaches("new", "running")
    assert stage.state("dropped") is None
    assert not before["dropped"].alive
    assert not before["changed"].alive
    assert stage.reaches("changed", "running").pid != before["changed"].pid
    assert stage.identity("kept") == before["kept"]
    assert before["kept"].alive
