"""Status, conditions and annotations say what is, in the contract's fields."""

from typing import Any

import msgspec

from havok.boots import names, status
from havok.boots.health_words import Health
from havok.boots.live import Workload
from havok.boots.status import Problem, Seen
from havok.crds import BootSpec, BootStatus
from havok.kube.views import Condition, ObjectMeta, WorkloadStatus
from unit.boots.apps import filled, key

SPEC = filled(BootSpec(image="a", version="1.0", replicas=3))


def seen(counts: WorkloadStatus | None, **more: Any) -> Seen:
    workload = None if counts is None else Workload(metadata=ObjectMeta(generation=2), status=counts)
    given: dict[str, Any] = {
        "key": key(), "generation": 4, "spec": SPEC, "previous": BootStatus(),
        "workload": workload, "services": ("shop-web", "shop"), "config_hash": "abc",
    } | more  # fmt: skip
    return Seen(**given)


def counts(**more: Any) -> WorkloadStatus:
    base = WorkloadStatus(observed_generation=2, replicas=3, ready_replicas=3, updated_replicas=3)
    return msgspec.structs.replace(base, **more)


def words(found: BootStatus) -> dict[str, tuple[str, str, str]]:
    return {one.type: (one.status, one.reason, one.message) for one in found.conditions}


def test_an_app_that_runs() -> None:
    found = status.observe(seen(counts()), "now")
    assert (found.replicas, found.ready_replicas, found.current_replicas, found.hpa_replicas) == (3, 3, 3, 3)
    assert found.services == "shop,shop-web"
    assert found.selector == "app=havok,bootName=shop,bootType=java"
    assert (found.workload, found.observed_generation, found.config_hash) == ("Deployment", 4, "abc")
    assert words(found) == {
        "Ready": ("True", "AllPodsReady", "3 of 3 pods ready"),
        "Progressing": ("False", "Complete", "version 1.0 runs"),
        "Degraded": ("False", "AsWanted", "everything is as the Boot says"),
    }


def test_an_autoscaler_counts_pods_that_exist_not_pods_asked_for() -> None:
    found = status.observe(seen(counts(replicas=1, ready_replicas=1, updated_replicas=1)), "now")
    assert (found.hpa_replicas, found.replicas) == (1, 3)


def test_a_roll_out_in_progress() -> None:
    found = words(status.observe(seen(counts(replicas=4, updated_replicas=1)), "now"))
    assert found["Ready"][0] == "False"
    assert found["Progressing"] == ("True", "RollingOut", "1 of 3 pods have version 1.0")


def test_counts_of_an_older_spec_are_not_believed() -> None:
    found = words(status.observe(seen(counts(observed_generation=1)), "now"))
    assert found["Ready"][:2] == ("False", "PodsNotReady")


def test_a_stalled_roll_out_is_degraded() -> None:
    stuck = Condition(
        type="Progressing", status="False", reason="ProgressDeadlineExceeded", message="too slow"
    )
    found = words(status.observe(seen(counts(ready_replicas=0, conditions=(stuck,))), "now"))
    assert found["Degraded"] == ("True", "Stalled", "too slow")
    assert found["Progressing"][0] == "False"
    why = msgspec.structs.replace(
        seen(counts(ready_replicas=0, conditions=(stuck,))),
        trouble=Health("Quota", "used up", "ask for less"),
    )
    assert words(status.observe(why, "now"))["Degraded"] == ("True", "Quota", "used up; ask for less")


def test_no_pods_asked_for_is_ready() -> None:
    zero = msgspec.structs.replace(SPEC, replicas=0)
    found = words(
        status.observe(seen(counts(replicas=0, ready_replicas=0, updated_replicas=0), spec=zero), "now")
    )
    assert found["Ready"][:2] == ("True", "ScaledToZero")


def test_a_problem_names_itself() -> None:
    found = words(status.observe(seen(None, problem=Problem("NotOurs", "Deployment shop exists")), "now"))
    assert found["Degraded"] == ("True", "NotOurs", "Deployment shop exists")
    assert found["Ready"][:2] == ("False", "NoWorkload")
    assert found["Progressing"][0] == "False"


def test_an_unchanged_app_gives_an_unchanged_status() -> None:
    first = status.observe(seen(counts()), "then")
    assert status.observe(seen(counts(), previous=first), "now") == first
    wire = msgspec.json.decode(msgspec.json.encode(first), type=BootStatus)
    assert wire == first


def test_annotations_for_older_clients() -> None:
    found = status.annotations(status.observe(seen(counts(ready_replicas=2)), "now"), key())
    assert found == {
        names.DEPLOY: "shop", names.TYPE: "deploy", names.SERVICES: "shop,shop-web",
        names.AVAILABLE: "2", names.DESIRED: "3", names.WORKLOAD: "Deployment",
    }  # fmt: skip
