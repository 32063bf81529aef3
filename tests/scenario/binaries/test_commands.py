"""`python -m havok.localcluster.binaries`, as real processes on one cache: two at once, interrupted, killed.

The pause program stands for all: it is built from its pins with the real compiler, from a cold build cache.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from havok.errors import ConflictError
from havok.localcluster import binaries
from havok.localcluster.binaries.cache import Cache
from havok.settings import Settings

WAIT = 120.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A cold cache."""
    return tmp_path / "cache"


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    source = Path(binaries.__file__).parents[3]
    environ = {name: text for name, text in os.environ.items() if not name.startswith("HAVOK_")}
    environ |= {"HAVOK_CLUSTER_CACHE": str(root), "HAVOK_CLUSTER_MIRROR": "", "HAVOK_LANG": "en"}
    environ |= {"HAVOK_CONFIG": os.devnull, "PYTHONPATH": str(source)}
    return subprocess.Popen(
        [sys.executable, "-m", "havok.localcluster.binaries", *arguments],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until_compiling(root: Path, process: subprocess.Popen[str], packages: int = 5) -> None:
    """Wait for the compiler to have done some packages."""
    log, end = root / "log" / "pause.log", time.monotonic() + WAIT
    while not log.exists() or len(log.read_text().splitlines()) < packages:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the compiler did not begin"
        time.sleep(0.02)


def compiled(root: Path) -> set[str]:
    """The packages that the last build compiled, or was compiling when it ended."""
    return set((root / "log" / "pause.log").read_text().splitlines())


def cached(root: Path) -> Path | None:
    settings = Settings.load(flags={"cluster.cache": str(root)}, environ={})
    return binaries.cached("pause", settings=settings)


def test_an_interrupted_build_says_so_leaves_no_process_and_goes_on(root: Path) -> None:
    first = start(root, "pause")
    until_compiling(root, first, 25)
    first.send_signal(signal.SIGINT)
    _, told = first.communicate(timeout=WAIT)
    assert first.returncode == 130
    assert "goes on from there" in told
    assert "Traceback" not in told
    assert not builds_in(root)
    assert cached(root) is None
    assert Cache(root).timings()["pause"].spent > 0
    before = compiled(root)

    second = start(root, "pause")
    printed, told = second.communicate(timeout=WAIT)
    assert second.returncode == 0, told
    assert printed == f"pause\t{cached(root)}\n"
    assert len(before & compiled(root)) < len(before) / 2, "the second build began anew"


def test_two_at_once_wait_for_each_other_and_build_once(root: Path) -> None:
    first = start(root, "pause")
    until_compiling(root, first)
    second = start(root, "pause")
    told = [process.communicate(timeout=WAIT) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert f"waiting for another process that builds pause ({first.pid})" in told[1][1]
    assert "compiling" not in told[1][1]


def test_a_killed_one_frees_the_lock_and_spoils_nothing(root: Path) -> None:
    first = start(root, "pause")
    until_compiling(root, first)
    first.kill()
    first.communicate(timeout=WAIT)
    second = start(root, "pause")
    _, told = second.communicate(timeout=WAIT)
    assert second.returncode == 0, told
    path = cached(root)
    assert path is not None
    assert subprocess.run([path, "--version"], capture_output=True, check=True).stdout == b"pause 1.0.0\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["pause"]
    assert json.loads((root / "timings.json").read_text())["pause"]["spent"] == 0


def test_an_unknown_name_gets_the_nearest_one(root: Path) -> None:
    process = start(root, "kubelets")
    _, told = process.communicate(timeout=WAIT)
    assert process.returncode == 3
    assert "did you mean kubelet?" in told
    assert not root.exists()


def test_purge_of_the_build_cache_keeps_the_binaries_and_refuses_during_a_build(root: Path) -> None:
    process = start(root, "pause")
    until_compiling(root, process)
    settings = Settings.load(flags={"cluster.cache": str(root)}, environ={})
    with pytest.raises(ConflictError) as caught:
        binaries.purge_build_cache(settings=settings)
    assert "pause" in str(caught.value)
    process.communicate(timeout=WAIT)
    assert binaries.purge_build_cache(settings=settings) > 2**20
    assert not (root / "go").exists()
    assert cached(root) is not None


def builds_in(root: Path) -> list[str]:
    """Command lines of running processes that work in the cache."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(root) in command:
            found.append(command)
    return found
