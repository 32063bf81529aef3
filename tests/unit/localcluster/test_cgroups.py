"""Control groups on recorded mount tables of v1, v2 and the hybrid, and on a folder that plays the kernel."""

from pathlib import Path

import pytest

from havok.localcluster import cgroups

V2 = """\
22 28 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
33 22 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
"""
HYBRID = """\
33 22 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
34 33 0:29 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:10 - cgroup2 cgroup2 rw,nsdelegate
35 33 0:30 / /sys/fs/cgroup/systemd rw,noexec,relatime shared:11 - cgroup cgroup rw,xattr,name=systemd
39 33 0:34 / /sys/fs/cgroup/cpu,cpuacct rw,noexec,relatime shared:15 - cgroup cgroup rw,cpu,cpuacct
40 33 0:35 / /sys/fs/cgroup/cpuset rw,nosuid,nodev,noexec,relatime shared:16 - cgroup cgroup rw,cpuset
"""
V1 = """\
100 90 0:50 / /sys/fs/cgroup rw - tmpfs none rw,mode=755
101 100 0:51 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
102 100 0:52 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
"""
NONE = "22 28 0:21 / /sys rw - sysfs sysfs rw\n"


def mounts(table: str) -> list[str]:
    return [str(tree.mount) for tree in cgroups.in_use(cgroups.hierarchies(table))]


def test_pure_v2_is_one_tree() -> None:
    found = cgroups.hierarchies(V2)
    assert cgroups.unified(found)
    assert mounts(V2) == ["/sys/fs/cgroup"]


def test_the_hybrid_is_used_as_v1() -> None:
    found = cgroups.hierarchies(HYBRID)
    assert not cgroups.unified(found)
    assert mounts(HYBRID) == [
        "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuset",
    ]  # fmt: skip
    by_mount = {str(tree.mount): tree.controllers for tree in found}
    assert by_mount["/sys/fs/cgroup/cpu,cpuacct"] == ("cpu", "cpuacct")


def test_v1_alone() -> None:
    assert mounts(V1) == ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpuset"]


def test_no_control_groups_at_all() -> None:
    assert cgroups.hierarchies(NONE) == []
    assert mounts(NONE) == []


def test_a_mount_point_with_a_space() -> None:
    table = V1.replace("/sys/fs/cgroup/memory", r"/sys/fs/my\040groups/memory")
    assert cgroups.hierarchies(table)[0].mount == Path("/sys/fs/my groups/memory")


@pytest.mark.parametrize("line", ["", "-", "junk", "1 2 3 / /x", "1 2 0:1 / /x rw - cgroup2"])
def test_lines_that_are_no_mounts_do_no_harm(line: str) -> None:
    cgroups.hierarchies(line)


@pytest.fixture
def v1_tree(tmp_path: Path) -> Path:
    """A machine with the controllers memory and cpuset; returns its mount table."""
    for controller in ("memory", "cpuset"):
        (tmp_path / controller).mkdir()
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset/cpuset.mems").write_text("0\n")
    table = tmp_path / "mountinfo"
    table.write_text(V1.replace("/sys/fs/cgroup", str(tmp_path)))
    return table


def test_v1_groups_are_made_in_every_tree_again_and_again(v1_tree: Path) -> None:
    for _ in range(2):
        cgroups.ensure("/havok/t/node-1", table=v1_tree)
    for controller in ("memory", "cpuset"):
        assert (v1_tree.parent / controller / "havok/t/node-1").is_dir()


def test_an_empty_cpuset_takes_its_parents(v1_tree: Path) -> None:
    """The kernel makes both files empty, and no process may enter such a group."""
    group = v1_tree.parent / "cpuset/havok/t/node-1"
    group.mkdir(parents=True)
    for folder in (group, group.parent, group.parent.parent):
        (folder / "cpuset.cpus").write_text("\n")
        (folder / "cpuset.mems").write_text("\n")
    cgroups.ensure("/havok/t/node-1", table=v1_tree)
    assert (group / "cpuset.cpus").read_text() == "0-1\n"
    assert (group / "cpuset.mems").read_text() == "0\n"


@pytest.fixture
def v2_tree(tmp_path: Path) -> Path:
    """The root of a unified tree, as the kernel shows it to us: three groups, their control files."""
    root = tmp_path / "cgroup"
    (root / "havok/t/node-1").mkdir(parents=True)
    for group in (root, root / "havok", root / "havok/t"):
        (group / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "mountinfo").write_text(V2.replace("/sys/fs/cgroup", str(root)))
    return root


def test_v2_passes_controllers_down_to_the_node_but_not_below(v2_tree: Path) -> None:
    cgroups.ensure("/havok/t/node-1", table=v2_tree.parent / "mountinfo", root=v2_tree)
    for group in (v2_tree, v2_tree / "havok", v2_tree / "havok/t"):
        # A folder keeps only the last word written; the kernel would add each.
        assert (group / "cgroup.subtree_control").read_text() == "+pids"
    assert not (v2_tree / "havok/t/node-1/cgroup.subtree_control").exists()


def test_removal_takes_the_group_and_only_the_group(v1_tree: Path) -> None:
    cgroups.ensure("/havok/a/node-1", table=v1_tree)
    cgroups.ensure("/havok/b/node-1", table=v1_tree)
    assert cgroups.leftovers("/havok/a", table=v1_tree)
    cgroups.remove("/havok/a", table=v1_tree)
    assert cgroups.leftovers("/havok/a", table=v1_tree) == []
    assert len(cgroups.leftovers("/havok/b", table=v1_tree)) == 2
    cgroups.remove("/havok/b", table=v1_tree)
    assert sorted(path.name for path in (v1_tree.parent / "memory").iterdir()) == []
    cgroups.remove("/havok/b", table=v1_tree)
