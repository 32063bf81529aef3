"""Machines that cannot hold a local cluster: one plain refusal that says what to do instead."""

import pytest

from havok.errors import ForbiddenError, UsageError
from havok.localcluster.platform import refuse

WSL = "5.15.167.4-microsoft-standard-WSL2"


@pytest.mark.parametrize(("system", "release", "uid", "where"), [
    ("Darwin", "24.1.0", 501, "macOS"),
    ("Darwin", "24.1.0", 0, "macOS"),
    ("Windows", "11", 1000, "Windows"),
    ("FreeBSD", "14.1", 0, "FreeBSD"),
    ("Linux", WSL, 1000, "WSL without root"),
])  # fmt: skip
def test_another_system_is_pointed_to_an_existing_cluster(
    system: str, release: str, uid: int, where: str
) -> None:
    refusal = refuse(system, release, uid)
    assert isinstance(refusal, UsageError)
    assert refusal.code == "cluster.platform.unsupported"
    assert where in refusal.message
    assert "existing cluster" in refusal.hint


def test_linux_without_root() -> None:
    refusal = refuse("Linux", "6.1.0-25-amd64", 1000)
    assert isinstance(refusal, ForbiddenError)
    assert refusal.code == "cluster.root.needed"
    assert "sudo" in refusal.hint


@pytest.mark.parametrize("release", ["6.1.0-25-amd64", WSL])
def test_linux_with_root_is_good(release: str) -> None:
    assert refuse("Linux", release, 0) is None
