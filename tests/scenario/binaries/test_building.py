"""Building the pins with the real compiler: once, whole or not at all, with a word about what went wrong."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from havok.errors import HavokError
from havok.localcluster.binaries.cache import Cache
from havok.localcluster.binaries.ensure import cached, ensure
from havok.localcluster.binaries.progress import Step
from havok.localcluster.binaries.table import Table
from havok.settings import Settings
from scenario.binaries.conftest import Seen

Make = Callable[..., Settings]


def runs(pid: str) -> bool:
    """Whether the process is there, and not a zombie that waits for its parent."""
    command = Path("/proc") / pid / "cmdline"
    return command.exists() and bool(command.read_bytes())


async def test_a_binary_is_built_once_and_found_from_then_on(
    settings: Make, table: Table, seen: Seen
) -> None:
    assert cached("tiny", settings=settings(), table=table) is None
    built = await ensure(["tiny"], settings=settings(), progress=seen, table=table)
    assert seen.phases == ["building", "verifying", "done"]
    assert cached("tiny", settings=settings(), table=table) == built["tiny"]

    again = Seen()
    assert await ensure(["tiny"], settings=settings(), progress=again, table=table) == built
    assert not again


async def test_a_changed_pin_is_another_binary_and_purge_removes_the_old_one(
    settings: Make, table: Table, module: Path, root: Path
) -> None:
    old = (await ensure(["tiny"], settings=settings(), table=table))["tiny"]
    (module / "main.go").write_text('package main\n\nfunc main() { println("tiny", "v9.9.9") }\n')
    new = (await ensure(["tiny"], settings=settings(), table=table))["tiny"]
    assert old != new
    assert Cache(root).purge(table) > 0
    assert not old.exists()
    assert new.exists()


async def test_a_failing_build_names_its_log_and_the_compiler_s_words(
    settings: Make, table: Table, module: Path, root: Path
) -> None:
    (module / "main.go").write_text("package main\n\nfunc main() { missing() }\n")
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(), table=table)
    assert caught.value.code == "binaries.build.failed"
    assert str(root / "log" / "tiny.log") in caught.value.message
    assert "undefined: missing" in caught.value.message
    assert "undefined: missing" in (root / "log" / "tiny.log").read_text()
    assert not list((root / "bin").glob("*/*"))


async def test_a_binary_that_says_another_version_is_not_kept(
    settings: Make, table: Table, module: Path
) -> None:
    (module / "main.go").write_text('package main\n\nfunc main() { println("tiny v9.9.8") }\n')
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(), table=table)
    assert caught.value.code == "binaries.version"
    assert "9.9.8" in caught.value.message
    assert "9.9.9" in caught.value.message
    assert cached("tiny", settings=settings(), table=table) is None


async def test_a_module_that_cannot_be_downloaded_is_told_as_such(
    settings: Make, table: Table, module: Path
) -> None:
    (module / "go.mod").write_text("module havok.test/tiny\n\ngo 1.24.0\n\nrequire example.com/gone v1.0.0\n")
    (module / "go.sum").write_text(
        "example.com/gone v1.0.0 h1:9fHAtK0uDfpveeqqo1hkEZJcFvYXAiCN3UutL8F9xHw=\n"
        "example.com/gone v1.0.0/go.mod h1:9fHAtK0uDfpveeqqo1hkEZJcFvYXAiCN3UutL8F9xHw=\n"
    )
    (module / "main.go").write_text('package main\n\nimport _ "example.com/gone"\n\nfunc main() {}\n')
    environ = {**os.environ, "GOPROXY": "http://127.0.0.1:1"}
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(), table=table, environ=environ)
    assert caught.value.code == "binaries.build.unreachable"
    assert "GOPROXY" in caught.value.hint


async def test_the_person_s_go_flags_change_nothing(settings: Make, table: Table, tmp_path: Path) -> None:
    file = tmp_path / "goenv"
    file.write_text("GOFLAGS=-mod=vendor -tags=broken\nGOOS=plan9\n")
    environ = {**os.environ, "GOENV": str(file), "GOWORK": "/nowhere/go.work", "CGO_ENABLED": "1"}
    built = await ensure(["tiny"], settings=settings(), table=table, environ=environ)
    assert built["tiny"].is_file()


async def test_too_little_space_is_noticed_before_anything_is_built(
    settings: Make, table: Table, root: Path
) -> None:
    huge = msgspec.structs.replace(table["tiny"].group, disk=2**62)
    table = {"tiny": msgspec.structs.replace(table["tiny"], group=huge)}
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(), table=table)
    assert caught.value.code == "binaries.disk.short"
    assert not (root / "log").exists()


async def test_without_go_and_without_pip_the_way_out_is_named(
    settings: Make, table: Table, tmp_path: Path
) -> None:
    environ = {"PATH": str(tmp_path), "PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0"}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path)}
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(), table=table, environ=environ)
    assert caught.value.code == "binaries.go.missing"
    assert "1.24.0" in caught.value.message
    assert "--bin-dir" in caught.value.hint


async def test_an_old_go_on_the_path_is_passed_over(settings: Make, table: Table, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "go"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    environ = {
        "PATH": f"{old.parent}:/usr/bin:/bin",
        "PIP_INDEX_URL": "http://127.0.0.1:1/",
        "PIP_RETRIES": "0",
    }
    environ |= {"PIP_CONFIG_FILE": os.devnull, "HOME": str(tmp_path)}
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(), table=table, environ=environ)
    assert caught.value.context["have"] == "1.19.8"


async def test_a_cancelled_build_ends_its_children_and_keeps_its_time(
    settings: Make, table: Table, root: Path, tmp_path: Path
) -> None:
    """A `go` that never ends stands for a long build: it and its child must be gone."""
    real = shutil.which("go")
    slow = tmp_path / "bin" / "go"
    slow.parent.mkdir()
    slow.write_text(
        f'#!/bin/sh\n[ "$1" = version ] && exec {real} version\n'
        f"sleep 600 &\necho $$ $! > {tmp_path}/pids\nwait\n"
    )
    slow.chmod(0o755)
    environ = {**os.environ, "PATH": f"{slow.parent}:/usr/bin:/bin"}
    begun = asyncio.Event()

    def progress(fact: object) -> None:
        if isinstance(fact, Step) and fact.phase == "building" and (tmp_path / "pids").exists():
            begun.set()

    task = asyncio.create_task(
        ensure(["tiny"], settings=settings(), progress=progress, table=table, environ=environ)
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [pid for pid in (tmp_path / "pids").read_text().split() if runs(pid)]
    assert Cache(root).timings()["tiny"].spent > 0
    assert not list((root / "bin").glob("*/tiny"))
