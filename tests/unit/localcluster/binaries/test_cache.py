"""The cache: where it is, what it keeps, and what it says when it cannot."""

from pathlib import Path

import pytest

from havok.errors import ConflictError, HavokError
from havok.localcluster.binaries import cached
from havok.localcluster.binaries.cache import Cache
from havok.localcluster.binaries.lock import Holder, locked, locked_at_once
from havok.localcluster.binaries.progress import Timing
from havok.localcluster.binaries.table import TABLE
from havok.settings import Settings


def settings(**values: object) -> Settings:
    return Settings.load(flags={f"cluster.{name}": value for name, value in values.items()}, environ={})


def test_the_setting_wins_then_xdg_then_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mia")
    assert Cache.of(settings(cache="/c"), {"XDG_CACHE_HOME": "/x"}).root == Path("/c")
    assert Cache.of(settings(), {"XDG_CACHE_HOME": "/x"}).root == Path("/x/havok")
    assert Cache.of(settings(), {"XDG_CACHE_HOME": "relative"}).root == Path("/home/mia/.cache/havok")
    assert Cache.of(settings(), {}).root == Path("/home/mia/.cache/havok")


def test_only_a_whole_executable_file_is_found(tmp_path: Path) -> None:
    cache, etcd = Cache(tmp_path), TABLE["etcd"]
    assert cached("etcd", settings=settings(cache=str(tmp_path))) is None
    part = cache.part(etcd, "build")
    part.write_text("#!/bin/sh\n")
    assert cache.find(etcd) is None
    part.chmod(0o755)
    placed = cache.place(etcd, part)
    assert cached("etcd", settings=settings(cache=str(tmp_path))) == placed
    placed.chmod(0o644)
    assert cache.find(etcd) is None


def test_timings_survive_and_a_damaged_file_is_no_trouble(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.keep_timing("a", Timing(1.5, 20))
    cache.keep_timing("b", Timing(2.5, 30))
    assert cache.timings() == {"a": Timing(1.5, 20), "b": Timing(2.5, 30)}
    (tmp_path / "timings.json").write_text("{")
    assert cache.timings() == {}


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HavokError) as caught:
        Cache(tmp_path / "file").log("etcd")
    assert caught.value.code == "binaries.cache.unwritable"
    assert "HAVOK_CLUSTER_CACHE" in caught.value.hint


def test_a_full_disk_while_writing_is_told_as_such(tmp_path: Path) -> None:
    """/dev/full refuses every byte as a full disk does."""
    with pytest.raises(HavokError) as caught, Cache(tmp_path).writing(), Path("/dev/full").open("w") as full:
        full.write("x")
        full.flush()
    assert caught.value.code == "binaries.disk.full"


def test_read_only_module_folders_are_removed_too(tmp_path: Path) -> None:
    module = tmp_path / "go" / "mod" / "example.com@v1"
    module.mkdir(parents=True)
    (module / "file.go").write_text("package example\n" * 1000)
    (module / "file.go").chmod(0o444)
    module.chmod(0o555)
    assert Cache(tmp_path).purge_build_cache() >= 4096
    assert not (tmp_path / "go").exists()
    assert Cache(tmp_path).purge_build_cache() == 0


async def test_a_waiter_hears_who_has_the_lock_and_what_it_does(tmp_path: Path) -> None:
    path = tmp_path / "kubernetes"
    heard: list[Holder] = []

    async with locked(path, heard.append) as lock:
        lock.describe("kube-apiserver", "building")
        with pytest.raises(ConflictError) as caught, locked_at_once([path]):
            raise AssertionError("held twice")
        assert "kube-apiserver" in caught.value.message
        with pytest.raises(_EnoughError):
            async with locked(path, lambda holder: _stop(heard, holder)):
                raise AssertionError("held twice")
    assert [(holder.name, holder.phase) for holder in heard] == [("kube-apiserver", "building")]
    with locked_at_once([path]):
        assert path.read_bytes() == b""


class _EnoughError(Exception):
    pass


def _stop(heard: list[Holder], holder: Holder) -> None:
    heard.append(holder)
    raise _EnoughError
