"""Machines that cannot hold a local cluster: one plain refusal that says what to do instead."""

import pytest

from havok.errors import UsageError
from havok.localcluster.platform import refuse


@pytest.mark.parametrize(("system", "where"), [
    ("Darwin", "macOS"), ("Windows", "Windows"), ("FreeBSD", "FreeBSD"),
])  # fmt: skip
def test_another_system_is_pointed_to_an_existing_cluster(system: str, where: str) -> None:
    refusal = refuse(system)
    assert isinstance(refusal, UsageError)
    assert refusal.code == "cluster.platform.unsupported"
    assert where in refusal.message
    assert "existing cluster" in refusal.hint


def test_linux_is_good_with_root_and_without() -> None:
    assert refuse("Linux") is None
