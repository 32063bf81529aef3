"""`havok logs --operator`: the log file of the local cluster's operator, its end and what is added."""

import time
from pathlib import Path
from typing import Final

from havok.cli.console import Console
from havok.errors import NotFoundError

LINES: Final = 200
LOOK_AGAIN: Final = 0.3
BLOCK: Final = 64 * 1024


def show(console: Console, cluster_name: str, *, follow: bool, tail: int | None) -> None:
    """Print the last lines; with `follow` what is added, also after the file was begun anew."""
    from havok.localcluster.cluster import operator_log_path

    path = operator_log_path(cluster_name or "default")
    try:
        position = _print_end(console, path, LINES if tail is None else tail)
    except FileNotFoundError as error:
        raise NotFoundError(
            "cli.operator.no_log",
            f"the operator of the local cluster has written no log: {path} is not there",
            "`havok status` tells whether there is a cluster",
            path=str(path),
        ) from error
    while follow:
        console.flush()
        time.sleep(LOOK_AGAIN)
        position = _print_from(console, path, position)


def _print_end(console: Console, path: Path, count: int) -> int:
    with path.open("rb") as file:
        end = position = file.seek(0, 2)
        data = b""
        while position > 0 and data.count(b"\n") <= count:
            step = min(BLOCK, position)
            position -= step
            file.seek(position)
            data = file.read(step) + data
    lines = data[: end - position].decode("utf-8", "replace").splitlines(keepends=True)
    console.stdout.write("".join(lines[-count:] if count else []))
    return end


def _print_from(console: Console, path: Path, position: int) -> int:
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(position if end >= position else 0)
            data = file.read()
            console.stdout.write(data.decode("utf-8", "replace"))
            return file.tell()
    except FileNotFoundError:
        return 0
