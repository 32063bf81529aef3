"""Binaries from a release site instead of the compiler: only when it is quick and the sum is right."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from havok.errors import UsageError
from havok.localcluster.binaries.ensure import cached, ensure
from havok.localcluster.binaries.mirror import Limits
from havok.localcluster.binaries.progress import Fact, Step
from havok.localcluster.binaries.table import Table
from havok.settings import Settings
from scenario.binaries.conftest import Seen
from scenario.binaries.release_site import Temper, release_site

Make = Callable[..., Settings]

PUBLISHED = b"#!/bin/sh\necho tiny v9.9.9\n" + b"#" * 100_000
LIMITS = Limits(answer=2, silence=1, rate=100_000, patience=0.3, attempts=2)


def files(table: Table, data: bytes = PUBLISHED) -> dict[str, bytes]:
    path = table["tiny"].release_path()
    assert path is not None
    return {path: data}


async def test_a_published_binary_is_taken_without_a_compiler(
    settings: Make, table: Table, seen: Seen, tmp_path: Path
) -> None:
    with release_site(files(table)) as site:
        made, environ = settings(mirror=site.url), {"PATH": "/usr/bin:/bin"}
        found = await ensure(["tiny"], settings=made, progress=seen, table=table, environ=environ)
    assert found["tiny"].read_bytes() == PUBLISHED
    assert found["tiny"].stat().st_mode & 0o777 == 0o755
    assert "building" not in seen.phases
    assert not seen.notes


@pytest.mark.parametrize(
    ("temper", "note"),
    [
        ("wrong-sum", "mirror.checksum"),
        ("absent", "mirror.failed"),
        ("always-cuts", "mirror.cut"),
        ("trickles", "mirror.slow"),
    ],
)
async def test_a_site_that_fails_is_left_for_the_compiler_and_the_reason_told(
    settings: Make, table: Table, seen: Seen, temper: Temper, note: str
) -> None:
    with release_site(files(table), temper) as site:
        made = settings(mirror=site.url)
        found = await ensure(["tiny"], settings=made, progress=seen, table=table, limits=LIMITS)
    assert seen.notes == [note]
    assert found["tiny"].read_bytes() != PUBLISHED
    assert "building" in seen.phases


@pytest.mark.parametrize("temper", ["silent", "no-sum"])
async def test_a_site_that_offers_nothing_costs_its_timeout_and_no_word(
    settings: Make, table: Table, seen: Seen, temper: Temper
) -> None:
    with release_site(files(table), temper) as site:
        start = time.monotonic()
        reached: list[float] = []

        def progress(fact: Fact) -> None:
            seen(fact)
            reached.append(time.monotonic() - start)

        made = settings(mirror=site.url)
        await ensure(["tiny"], settings=made, progress=progress, table=table, limits=Limits(answer=0.3))
    assert not seen.notes
    assert reached[0] < 1.5


async def test_nobody_listening_is_no_reason_for_a_word(settings: Make, table: Table, seen: Seen) -> None:
    await ensure(["tiny"], settings=settings(mirror="http://127.0.0.1:1"), progress=seen, table=table)
    assert seen.phases == ["building", "verifying", "done"]
    assert not seen.notes


async def test_a_cut_download_goes_on_from_where_it_stopped(settings: Make, table: Table, seen: Seen) -> None:
    with release_site(files(table), "cuts") as site:
        found = await ensure(
            ["tiny"], settings=settings(mirror=site.url), progress=seen, table=table, limits=LIMITS
        )
        path = table["tiny"].release_path()
        offsets = [start for asked, start in site.asked if asked == path]
    assert found["tiny"].read_bytes() == PUBLISHED
    assert offsets[0] == 0
    assert offsets[1] > 0
    assert not seen.notes


async def test_a_longer_leftover_of_another_file_is_thrown_away(
    settings: Make, table: Table, root: Path
) -> None:
    with release_site(files(table)) as site:
        group = table["tiny"].group
        folder = root / "bin" / f"{group.name}-{group.key()}"
        folder.mkdir(parents=True)
        (folder / ".tiny.download").write_bytes(b"x" * 200_000)
        found = await ensure(["tiny"], settings=settings(mirror=site.url), table=table)
    assert found["tiny"].read_bytes() == PUBLISHED


async def test_another_version_with_a_right_sum_is_not_taken(
    settings: Make, table: Table, seen: Seen
) -> None:
    with release_site(files(table, b"#!/bin/sh\necho tiny v9.9.8\n")) as site:
        found = await ensure(["tiny"], settings=settings(mirror=site.url), progress=seen, table=table)
    assert seen.notes == ["mirror.version"]
    assert not found["tiny"].read_bytes().startswith(b"#!")


async def test_a_cancelled_download_leaves_nothing_that_counts(settings: Make, table: Table) -> None:
    limits = Limits(answer=2, patience=600)
    with release_site(files(table), "trickles") as site:
        made = settings(mirror=site.url)
        begun = asyncio.Event()

        def progress(fact: Fact) -> None:
            if isinstance(fact, Step) and fact.phase == "fetching":
                begun.set()

        task = asyncio.create_task(
            ensure(["tiny"], settings=made, progress=progress, table=table, limits=limits)
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert cached("tiny", settings=made, table=table) is None


async def test_a_mirror_that_is_no_web_address_is_refused(settings: Make, table: Table) -> None:
    with pytest.raises(UsageError) as caught:
        await ensure(["tiny"], settings=settings(mirror="ftp://mirror"), table=table)
    assert caught.value.code == "binaries.mirror.invalid"
