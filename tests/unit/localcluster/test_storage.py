"""Which claim gets which volume. Pure; the real way is a scenario."""

from pathlib import Path

import msgspec
import pytest

from havok.kube.views import ObjectMeta
from havok.localcluster.addons import PROVISIONER
from havok.localcluster.storage import SELECTED_NODE, Claim, ClaimSpec, StorageClass, volume_for

FOLDER = Path("/volumes")
CLASS = StorageClass(ObjectMeta(name="local"), provisioner=PROVISIONER)
CLAIM = Claim(
    ObjectMeta(name="data", namespace="team", uid="u-1", annotations={SELECTED_NODE: "node-1"}),
    ClaimSpec(
        storage_class_name="local", access_modes=("ReadWriteOnce",),
        resources={"requests": {"storage": "2Gi"}},
    ),
)  # fmt: skip


def test_a_claim_with_a_node_gets_a_folder_there() -> None:
    volume = volume_for(CLAIM, CLASS, FOLDER)
    assert volume is not None
    assert volume["metadata"]["name"] == "pvc-u-1"
    spec = volume["spec"]
    assert spec["local"] == {"path": "/volumes/u-1"}
    assert spec["capacity"] == {"storage": "2Gi"}
    assert spec["claimRef"]["uid"] == "u-1"
    assert spec["persistentVolumeReclaimPolicy"] == "Delete"
    there, elsewhere = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert there["matchExpressions"][0]["values"] == ["node-1"]
    assert elsewhere["matchExpressions"][0]["key"] == "havok.dev/local"


@pytest.mark.parametrize("spec", [{"volume_name": "pvc-u-1"}, {"volume_mode": "Block"}])
def test_a_claim_that_is_bound_or_wants_a_device_gets_none(spec: dict[str, str]) -> None:
    claim = msgspec.structs.replace(CLAIM, spec=msgspec.structs.replace(CLAIM.spec, **spec))
    assert volume_for(claim, CLASS, FOLDER) is None


def test_a_claim_without_a_node_waits() -> None:
    assert volume_for(Claim(ObjectMeta(name="data", uid="u-1"), CLAIM.spec), CLASS, FOLDER) is None


def test_the_class_of_another_provisioner_is_left_to_it() -> None:
    other = StorageClass(ObjectMeta(name="local"), provisioner="rancher.io/local-path")
    assert volume_for(CLAIM, other, FOLDER) is None


def test_a_class_that_retains_says_so() -> None:
    kept = msgspec.structs.replace(CLASS, reclaim_policy="Retain")
    volume = volume_for(CLAIM, kept, FOLDER)
    assert volume is not None
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
