"""`--bin-dir`: ready binaries of the pinned versions, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from havok.errors import HavokError
from havok.localcluster.binaries.ensure import ensure
from havok.localcluster.binaries.table import Table
from havok.settings import Settings
from scenario.binaries.conftest import Seen

Make = Callable[..., Settings]


def put(folder: Path, text: str, mode: int = 0o755) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "tiny"
    path.write_text(text)
    path.chmod(mode)
    return path


async def test_a_ready_binary_is_used_where_it_lies(
    settings: Make, table: Table, tmp_path: Path, seen: Seen
) -> None:
    ready = put(tmp_path / "ready", "#!/bin/sh\necho tiny version v9.9.9\n")
    made = settings(bin_dir=str(tmp_path / "ready"))
    assert await ensure(["tiny"], settings=made, progress=seen, table=table) == {"tiny": ready}
    assert not seen


@pytest.mark.parametrize(
    ("text", "mode", "code"),
    [
        ("#!/bin/sh\necho tiny version v9.9.8\n", 0o755, "binaries.version"),
        ("#!/bin/sh\necho tiny version v9.9.9\n", 0o644, "binaries.ready.not_executable"),
        ("\x7fELF of another machine", 0o755, "binaries.broken"),
        ("#!/bin/sh\nexit 3\n", 0o755, "binaries.broken"),
    ],
)
async def test_a_binary_that_will_not_do_is_named(
    settings: Make, table: Table, tmp_path: Path, text: str, mode: int, code: str
) -> None:
    ready = put(tmp_path / "ready", text, mode)
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(bin_dir=str(ready.parent)), table=table)
    assert caught.value.code == code
    assert str(ready) in caught.value.message
    if code == "binaries.version":
        assert "9.9.8" in caught.value.message
        assert "9.9.9" in caught.value.message


async def test_a_missing_one_is_named_with_its_version(settings: Make, table: Table, tmp_path: Path) -> None:
    with pytest.raises(HavokError) as caught:
        await ensure(["tiny"], settings=settings(bin_dir=str(tmp_path)), table=table)
    assert caught.value.code == "binaries.ready.missing"
    assert "9.9.9" in caught.value.hint


async def test_what_only_havok_has_is_built_when_it_is_not_there(
    settings: Make, table: Table, tmp_path: Path
) -> None:
    ours = {"tiny": msgspec.structs.replace(table["tiny"], ours=True)}
    found = await ensure(["tiny"], settings=settings(bin_dir=str(tmp_path)), table=ours)
    assert found["tiny"].parent != tmp_path
