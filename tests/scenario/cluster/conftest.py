"""One real local cluster for all scenarios of a run, an app on it, and the order: destruction comes last."""

import fcntl
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenario.cluster.apps import Echo
from support.binaries import binary
from support.cluster import LocalCluster

SAMPLE = Path(__file__).resolve().parents[3] / "examples/pythonboot-sample"
HERE = Path(__file__).parent
FIRST = ("test_first_app",)
LAST = ("test_second_cluster", "test_recovery", "test_healing", "test_ending")
LOCK = Path("/run/lock/havok-test.lock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is ours, and sort it by module among its own places."""

    def rank(item: pytest.Item) -> int:
        module = item.path.stem
        return LAST.index(module) + 1 if module in LAST else -(module in FIRST)

    places = [place for place, item in enumerate(items) if item.path.parent == HERE]
    ours = sorted((items[place] for place in places), key=rank)
    for place, item in zip(places, ours, strict=True):
        item.add_marker(pytest.mark.cluster)
        items[place] = item


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A cluster of the tests' own, from nothing; nothing of it is left afterwards."""
    refuse_where_impossible()
    cluster = LocalCluster("havok-test")
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail(f"another test run uses the cluster {cluster.name}", pytrace=False)
        cluster.purge()
        try:
            cluster.up()
            yield cluster
        finally:
            cluster.purge()


def refuse_where_impossible() -> None:
    """Skip on machines that cannot hold a real node; fail where only the binaries are missing."""
    if platform.system() != "Linux":
        pytest.skip(f"a local cluster needs Linux; this is {platform.system()}")
    if os.geteuid() != 0:
        pytest.skip("a local cluster needs root")
    for name in ("kube-apiserver", "kubelet", "coredns", "metrics-server"):
        binary(name)


@pytest.fixture(scope="session")
def sample_archive() -> Path:
    """The image of the Python sample, made offline."""
    archive = SAMPLE / "build/pythonboot-sample-1.0.oci.tar"
    subprocess.run([sys.executable, str(SAMPLE / "build.py"), "--output", str(archive)], check=True)
    return archive


@pytest.fixture(scope="session")
def image(cluster: LocalCluster, sample_archive: Path) -> str:
    """The Python sample in the cluster's registry, as a pod names it."""
    return cluster.havok("image", "push", str(sample_archive), "--name", cluster.name).out.strip()


@pytest.fixture(scope="session")
def echo(cluster: LocalCluster, image: str) -> Echo:
    """An app with two pods behind a Service of type NodePort, answering."""
    app = Echo(cluster, image)
    app.deploy()
    return app
