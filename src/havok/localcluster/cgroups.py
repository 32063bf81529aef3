"""The control groups that a node's kubelet needs below the machine's root, for cgroup v1, v2 and the hybrid.

Source: cgroups(7), the kernel's cgroup-v1 and cgroup-v2 texts. A mount table is data here, so that both
versions are tested on recorded tables wherever the tests run.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import msgspec

MOUNT_TABLE = Path("/proc/self/mountinfo")
ROOT = Path("/sys/fs/cgroup")


class Hierarchy(msgspec.Struct, frozen=True):
    """One mounted tree of control groups. v2 has no controller names here."""

    mount: Path
    version: int
    controllers: tuple[str, ...] = ()


def hierarchies(mountinfo: str) -> list[Hierarchy]:
    """The control group trees in a text of proc(5) `mountinfo`."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = [*right.split(" "), "", "", ""][:3]
        mount = Path([*left.split(" "), "", "", "", "", ""][4].replace("\\040", " "))
        if kind == "cgroup2":
            found.append(Hierarchy(mount, 2))
        elif kind == "cgroup":
            found.append(Hierarchy(mount, 1, tuple(sorted(set(options.split(",")) - {"rw", "ro"}))))
    return found


def unified(found: list[Hierarchy], *, root: Path = ROOT) -> bool:
    """True for pure v2: what runc and the kubelet use when /sys/fs/cgroup itself is a cgroup2 mount."""
    return any(tree.version == 2 and tree.mount == root for tree in found)


def in_use(found: list[Hierarchy], *, root: Path = ROOT) -> list[Hierarchy]:
    """The trees that runc and the kubelet work in: v2 alone, or every v1 tree."""
    if unified(found, root=root):
        return [tree for tree in found if tree.mount == root]
    return [tree for tree in found if tree.version == 1]


def ensure(path: str, *, table: Path = MOUNT_TABLE, root: Path = ROOT) -> None:
    """Make the group `path` (``/havok/default/node-1``) in every tree, ready to hold pods."""
    for tree in in_use(hierarchies(table.read_text()), root=root):
        folder = tree.mount
        for part in path.strip("/").split("/"):
            if tree.version == 2:
                _enable_controllers(folder)
            child = folder / part
            child.mkdir(exist_ok=True)
            if "cpuset" in tree.controllers:
                _copy_cpuset(folder, child)
            folder = child


def remove(path: str, *, table: Path = MOUNT_TABLE) -> None:
    """End what still runs in the group and its children, and remove them all."""
    for tree in hierarchies(table.read_text()):
        top = tree.mount / path.strip("/")
        for _ in range(100):
            if not top.exists():
                break
            _kill_members(top)
            _remove_tree(top)
            if top.exists():
                time.sleep(0.05)
        parent = top.parent
        while parent != tree.mount and parent.is_relative_to(tree.mount):
            with contextlib.suppress(OSError):
                parent.rmdir()
            parent = parent.parent


def leftovers(path: str, *, table: Path = MOUNT_TABLE) -> list[str]:
    """Folders of the group that exist still."""
    tops = (tree.mount / path.strip("/") for tree in hierarchies(table.read_text()))
    return [f"control group {top}" for top in tops if top.exists()]


def _enable_controllers(folder: Path) -> None:
    available = (folder / "cgroup.controllers").read_text().split()
    for controller in available:
        with contextlib.suppress(OSError):
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def _copy_cpuset(parent: Path, child: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        with contextlib.suppress(OSError):
            if not (child / name).read_text().strip():
                (child / name).write_text((parent / name).read_text())


def _kill_members(top: Path) -> None:
    for folder in _groups(top):
        with contextlib.suppress(OSError):
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def _remove_tree(top: Path) -> None:
    for folder in _groups(top):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _groups(top: Path) -> list[Path]:
    """The group and all below it, the deepest first. Groups vanish while one looks, which is what we want."""
    return [Path(folder) for folder, _, _ in os.walk(top, topdown=False)]
