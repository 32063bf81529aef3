"""Processes that run on their own: found by their run files, ended once, never mistaken for another."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from havok.cli.background import Key, Running, began, find, folder, local_cluster, running, start, stop
from havok.codec import encode_json
from havok.errors import HavokError

KEY = Key("test", "shop", "pay")


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that waits until it is ended."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def record(where: Path, pid: int, mark: str) -> Running:
    one = Running(KEY, pid, mark, "http://127.0.0.1:4711/")
    (where / KEY.file).write_bytes(encode_json(one))
    return one


def test_a_running_one_is_found_and_ended(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    one = record(tmp_path, sleeper.pid, began(sleeper.pid))
    assert find(tmp_path, KEY) == one
    assert one.port == 4711
    stop(tmp_path, one)
    assert sleeper.wait(5) != 0
    assert running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_another_process_with_the_same_id_is_left_alone(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]"
) -> None:
    one = record(tmp_path, sleeper.pid, "long ago")
    assert running(tmp_path) == []
    stop(tmp_path, one)
    assert sleeper.poll() is None
    assert list(tmp_path.iterdir()) == []


def test_damaged_run_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")
    (tmp_path / "y.json").write_text(json.dumps({"pid": "many"}))
    assert running(tmp_path) == []
    assert running(tmp_path / "none") == []


def test_one_that_cannot_start_tells_what_it_said(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HAVOK_LANG": "en"}
    words = ["open", "pay", "--child", "--kubeconfig", str(tmp_path / "none")]
    with pytest.raises(HavokError, match=r"kube\.config") as caught:
        start(tmp_path, KEY, words, environ)
    assert caught.value.code == "cli.open.failed"
    assert running(tmp_path) == []


def test_where_run_files_are_and_whose_cluster_it_is() -> None:
    assert folder({"HOME": "/h"}) == Path("/h/.local/state/havok/open")
    assert folder({"HOME": "/h", "XDG_STATE_HOME": "/s"}) == Path("/s/havok/open")
    assert [local_cluster(name) for name in ("havok", "havok-b", "prod", "")] == ["default", "b", "", ""]
    assert Key("a", "b", "c").file != Key("a", "c", "c").file
