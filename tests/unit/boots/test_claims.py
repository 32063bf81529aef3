"""What a Boot remembers of its claims, in two annotations (contract 3.10)."""

import json

import msgspec

from havok.boots import claims, names
from havok.crds import BootSpec
from havok.crds.spec import PersistentVolumeClaimMount

SPEC = BootSpec(image="i", version="1")
CLAIM = PersistentVolumeClaimMount(name="${APP}-data", mount_path="/data")
LOG = {"name": "shop-log", "mountPath": "/log"}
DATA = {"name": "shop-data", "mountPath": "/data", "readOnly": False}


def test_without_claims_the_first_is_empty_and_the_second_follows_config() -> None:
    first = claims.remembered(SPEC, [LOG], {})
    assert first == {
        names.BOOT_PVCS: "",
        names.DEPLOY_PVCS: json.dumps([LOG], separators=(",", ":")),
    }
    assert claims.remembered(SPEC, [LOG], first) == {}
    assert claims.remembered(SPEC, [], first) == {names.DEPLOY_PVCS: "null"}


def test_with_claims_both_wait_for_a_change_of_the_claims() -> None:
    spec = msgspec.structs.replace(SPEC, pvc=(CLAIM,))
    first = claims.remembered(spec, [LOG, DATA], {})
    assert json.loads(first[names.BOOT_PVCS]) == [{"name": "${APP}-data", "mountPath": "/data"}]
    assert json.loads(first[names.DEPLOY_PVCS]) == [LOG, {"name": "shop-data", "mountPath": "/data"}]
    assert claims.remembered(spec, [DATA], first) == {}
    moved = msgspec.structs.replace(CLAIM, mount_path="/else")
    changed = claims.remembered(msgspec.structs.replace(SPEC, pvc=(moved,)), [DATA], first)
    assert set(changed) == {names.BOOT_PVCS, names.DEPLOY_PVCS}


def test_another_notation_of_the_same_is_no_change() -> None:
    spec = msgspec.structs.replace(SPEC, pvc=(CLAIM,))
    spaced = '[ {"mountPath": "/data", "name": "${APP}-data"} ]'
    assert claims.remembered(spec, [], {names.BOOT_PVCS: spaced, names.DEPLOY_PVCS: "[]"}) == {}
    assert names.BOOT_PVCS in claims.remembered(spec, [], {names.BOOT_PVCS: "{broken"})


def test_a_claim_counts_when_it_is_shared_or_the_apps_own() -> None:
    pods = {"app": "havok", "bootName": "shop", "bootType": "java"}
    assert claims.counts({"shared": "true"}, pods)
    assert claims.counts(dict(pods), pods)
    assert not claims.counts({**pods, "team": "a"}, pods)
    assert not claims.counts({}, pods)
