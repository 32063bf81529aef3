"""Dynamic volumes of the default storage class: made for a claim, kept over restarts, gone with the claim."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenario.cluster.apps import claim, pod
from support.cluster import LocalCluster, eventually

WRITE = "open('/data/word', 'w').write('kept'); import signal; signal.pause()"
READ = "print(open('/data/word').read())"


@pytest.fixture
def volume(cluster: LocalCluster, image: str) -> Iterator[Path]:
    """The folder behind a claim that a pod wrote into."""
    cluster.apply(claim("words"), pod("writer", image, code=WRITE, claim="words"))
    cluster.ready("pod", "writer", condition="Ready")
    folder = cluster.layout.volumes / cluster.get("pvc", "words")["metadata"]["uid"]
    yield folder
    cluster.kubectl("delete", "pod/writer", "pod/reader", "pvc/words", "--now", "--ignore-not-found")


def test_there_is_one_default_class(cluster: LocalCluster) -> None:
    classes = cluster.get("storageclasses")["items"]
    annotation = "storageclass.kubernetes.io/is-default-class"
    default = [item for item in classes if item["metadata"]["annotations"].get(annotation) == "true"]
    assert [(item["metadata"]["name"], item["reclaimPolicy"]) for item in default] == [("local", "Delete")]


def test_a_claim_without_a_class_is_bound_for_its_first_pod(cluster: LocalCluster, volume: Path) -> None:
    found = cluster.get("pvc", "words")
    assert (found["status"]["phase"], found["spec"]["storageClassName"]) == ("Bound", "local")
    assert found["status"]["capacity"] == {"storage": "64Mi"}
    eventually(lambda: (volume / "word").read_text() == "kept", "the pod's file is on the host")


def test_others_on_the_machine_cannot_look_into_volumes(cluster: LocalCluster, volume: Path) -> None:
    """Any user id of any image may write, so the folders above keep everybody else out."""
    assert stat.S_IMODE(volume.stat().st_mode) == 0o777
    assert stat.S_IMODE(cluster.layout.root.stat().st_mode) == 0o700


def test_data_outlives_the_pod(cluster: LocalCluster, image: str, volume: Path) -> None:
    eventually((volume / "word").exists, "the pod has written")
    cluster.kubectl("delete", "pod", "writer", "--now")
    cluster.apply(pod("reader", image, code=READ, restart="Never", claim="words"))
    cluster.kubectl(
        "wait", "pod/reader", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s", timeout=70
    )
    assert cluster.kubectl("logs", "reader").out == "kept\n"


def test_the_folder_goes_with_the_claim(cluster: LocalCluster, volume: Path) -> None:
    name = cluster.get("pvc", "words")["spec"]["volumeName"]
    cluster.kubectl("delete", "pod/writer", "pvc/words", "--now")
    eventually(lambda: not volume.exists(), "the folder is gone")
    eventually(lambda: not cluster.kubectl("get", "pv", name, check=False).out, "the volume is gone")


def test_a_claim_that_no_pod_uses_waits(cluster: LocalCluster) -> None:
    cluster.apply(claim("idle"))
    eventually(lambda: "WaitForFirstConsumer" in cluster.kubectl("describe", "pvc", "idle").out, "its reason")
    assert cluster.get("pvc", "idle")["status"]["phase"] == "Pending"
    cluster.kubectl("delete", "pvc", "idle")
