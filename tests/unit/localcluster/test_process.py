"""Processes by pid and start time: a recycled pid is never mistaken for ours, and what is ours is ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from havok.localcluster import process
from havok.localcluster.layout import MARK
from support.cluster import eventually

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 60 & wait; done"


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def known(pid: int) -> process.Identity:
    found = process.identity(pid, "command")
    assert found is not None
    return found


def test_a_running_process_is_known(sleeper: "subprocess.Popen[bytes]") -> None:
    identity = known(sleeper.pid)
    assert identity.alive
    assert identity == known(sleeper.pid)


def test_a_zombie_is_not_alive(sleeper: "subprocess.Popen[bytes]") -> None:
    identity = known(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.alive


def test_a_recycled_pid_is_somebody_else(sleeper: "subprocess.Popen[bytes]") -> None:
    before = process.Identity(sleeper.pid, known(sleeper.pid).started - 1)
    assert not before.alive
    assert process.end(before, patience=5)
    assert sleeper.poll() is None


def test_a_pid_that_nobody_has() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    assert process.identity(child.pid) is None
    assert not process.Identity(child.pid, 1).alive


def test_a_name_with_brackets_and_spaces_does_no_harm(tmp_path: Path) -> None:
    """The kernel puts the name between brackets in the middle of the line, whatever it holds."""
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([str(odd), "60"]) as child:
        try:
            eventually(lambda: Path(f"/proc/{child.pid}/comm").read_text().startswith("a)"), "the new name")
            assert known(child.pid).alive
            assert known(child.pid).started > 0
        finally:
            child.kill()


def test_an_identity_is_read_back(tmp_path: Path) -> None:
    identity = process.Identity(12, 34, "command")
    process.save(tmp_path / "x.json", identity)
    assert process.load(tmp_path / "x.json") == identity
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("data", [None, b"", b"{", b'{"pid": "x"}', b"[]"])
def test_a_damaged_identity_is_none(tmp_path: Path, data: bytes | None) -> None:
    file = tmp_path / "x.json"
    if data is not None:
        file.write_bytes(data)
    assert process.load(file) is None


def test_a_spawned_process_writes_to_its_log_and_reads_nothing(tmp_path: Path) -> None:
    log = tmp_path / "logs/x.log"
    for word in ("first", "second"):
        script = f"echo {word}; cat; pwd >&2; echo $A"
        child = process.spawn(
            ["sh", "-c", script], log=log, environment={"A": "b", "PATH": os.environ["PATH"]}
        )
        assert child.wait(10) == 0
    assert log.read_text().split() == ["first", "/", "b", "second", "/", "b"]


def test_a_spawned_process_outlives_a_signal_to_our_group(tmp_path: Path) -> None:
    child = process.spawn(["sleep", "60"], log=tmp_path / "x", environment={"PATH": os.environ["PATH"]})
    try:
        assert os.getsid(child.pid) == child.pid
    finally:
        child.kill()
        child.wait()


def test_marked_processes_are_found_and_only_they(tmp_path: Path) -> None:
    mark = f"test-{uuid4().hex[:8]}"
    environments = [{MARK: mark}, {MARK: mark + "-b"}, {MARK: mark[:-1]}, {"X" + MARK: mark}]
    children = [process.spawn(["sleep", "60"], log=tmp_path / "x", environment=env) for env in environments]
    try:
        assert eventually(lambda: list(process.marked(mark)), "the mark is seen") == [children[0].pid]
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert list(process.marked(mark)) == []


def test_ending_asks_first(sleeper: "subprocess.Popen[bytes]") -> None:
    assert process.end(known(sleeper.pid), patience=10)
    assert sleeper.wait() == -signal.SIGTERM


def test_who_does_not_listen_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(["sh", "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        try:
            assert not process.end(known(child.pid), patience=0.2)
            assert child.wait() == -signal.SIGKILL
        finally:
            os.killpg(child.pid, signal.SIGKILL)


def test_many_are_ended_at_once(tmp_path: Path) -> None:
    commands = [
        ["sleep", "60"],
        ["sleep", "60"],
        ["sh", "-c", "trap '' TERM; touch up; while :; do sleep 1; done"],
    ]
    children = [subprocess.Popen(command, cwd=tmp_path) for command in commands]
    eventually((tmp_path / "up").exists, "the stubborn one runs")
    start = time.monotonic()
    process.end_all([known(child.pid) for child in children], patience=0.5)
    assert time.monotonic() - start < 5
    assert [child.wait() for child in children] == [-signal.SIGTERM, -signal.SIGTERM, -signal.SIGKILL]


def test_ending_what_ended_is_nothing(sleeper: "subprocess.Popen[bytes]") -> None:
    identity = known(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert process.end(identity, patience=0)


def test_children() -> None:
    code = "import subprocess, sys; c = subprocess.Popen(['sleep', '60']); print(c.pid, flush=True); c.wait()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert process.children(parent.pid) == [child]
        os.kill(child, signal.SIGKILL)
    assert process.children(parent.pid) == []


def test_a_process_knows_its_age(sleeper: "subprocess.Popen[bytes]") -> None:
    assert 0 <= known(sleeper.pid).age < 30
    assert known(1).age > known(sleeper.pid).age
