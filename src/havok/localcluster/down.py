"""`havok down`: nothing of the cluster runs, is mounted, linked, ruled or grouped any more.

It does not trust what a crashed run wrote: after the orderly way it looks for every process that carries the
cluster's mark, every interface and rule with its index, every control group with its name. Data stays unless
`purge` is asked for.
"""

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from havok.errors import ConflictError, HavokError, NotFoundError
from havok.localcluster import binaries, cgroups, network, platform, process, state
from havok.localcluster.layout import Layout
from havok.localcluster.up import Report, Stage
from havok.settings import Settings


def down(name: str = "default", *, settings: Settings, report: Report, purge: bool = False) -> bool:
    """Stop the cluster; with `purge` delete its data too. False when there was nothing to do.

    Raises HavokError `cluster.leftovers` when something would not go.
    """
    platform.check()
    home = Path(settings.get("cluster.home", str))
    start = time.monotonic()

    def stage(key: str) -> None:
        report(Stage(key, time.monotonic() - start))

    try:
        layout = state.load(home, name).layout(home)
    except NotFoundError:
        return False
    except HavokError:
        if not purge:
            raise
        layout = Layout(home, name, -1, 0, real=platform.root())
    was_running = any(process.marked(layout.mark))
    stage("down-processes")
    _end_supervisor(layout)
    _end_marked(layout.mark)
    if layout.real:
        _remove_ground(layout, stage)
    shutil.rmtree(layout.run, ignore_errors=True)
    with contextlib.suppress(OSError):
        if layout.real:
            layout.run.parent.rmdir()
    found = leftovers(layout)
    if found:
        raise HavokError(
            "cluster.leftovers",
            f"cluster {name} is down, but these remain: {'; '.join(found)}",
            "run `havok down` again; if they stay, a reboot removes them",
            name=name, found="; ".join(found),
        )  # fmt: skip
    if purge:
        stage("down-data")
        state.forget(home, name)
        _forget_old_binaries(home, settings)
    return was_running or purge


def _remove_ground(layout: Layout, stage: Callable[[str], None]) -> None:
    """What real nodes stood on: interfaces, rules, control groups, mounts."""
    stage("down-network")
    if layout.index >= 0:
        others = [
            each for each in state.names(layout.home) if each != layout.name and runs(layout.home, each)
        ]
        network.remove(layout, last=not others)
    stage("down-groups")
    cgroups.remove(layout.cgroup)
    _unmount_below(layout.root)


def _forget_old_binaries(home: Path, settings: Settings) -> None:
    """Binaries of former pins go with the last cluster: another may run them still. Not while one builds."""
    if not state.names(home):
        with contextlib.suppress(ConflictError):
            binaries.purge(settings=settings)


def runs(home: Path, name: str) -> bool:
    return any(process.marked(name)) and name in state.names(home)


def leftovers(layout: Layout) -> list[str]:
    """Everything of a cluster that still exists on the machine, in words; empty after a clean `down`."""
    found = [f"process {pid}" for pid in process.marked(layout.mark)]
    found += [f"mount {mount}" for mount in _mounts_below(layout.root)]
    if not layout.real:
        return found
    if layout.index >= 0:
        found += network.leftovers(layout)
    return found + cgroups.leftovers(layout.cgroup)


def _end_supervisor(layout: Layout) -> None:
    known = process.load(layout.run / "supervisor.json")
    if known is not None and known.alive:
        process.end(known, patience=60)


def _end_marked(mark: str) -> None:
    """What a killed supervisor left: ask first, then end. A node's init takes all of its node with it."""
    for patience in (5.0, 0.0, 0.0):
        left = [known for pid in process.marked(mark) if (known := process.identity(pid)) is not None]
        if not left:
            return
        process.end_all(left, patience=patience)


def _mounts_below(root: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = [line.split(" ")[4] for line in lines]
    return [mount for mount in mounts if Path(mount).is_relative_to(root)]


def _unmount_below(root: Path) -> None:
    from havok.localcluster.command import succeeds

    for mount in sorted(_mounts_below(root), key=len, reverse=True):
        succeeds(["umount", "--lazy", mount])
