"""Everything that is told of a Boot: annotations, status, each event and each count (contract 4.6 to 4.8)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.boots import names
from havok.boots.metrics_service import SERVICE_MONITORS
from havok.codec import Json
from havok.kube.resources import CRDS, EVENTS, SERVICES, STATEFULSETS
from scenario.boots.contract import becomes, changed, put_up
from scenario.boots.limited import Limited, Right, limited
from scenario.boots.stage import Cluster, Running, boots
from scenario.boots.test_objects import gone
from scenario.boots.test_process import get
from support.controlplane import ControlPlane, free_ports


@pytest.fixture(scope="module")
async def stage(cluster: Cluster, boots_plane: ControlPlane) -> AsyncIterator[Limited]:
    (port,) = free_ports(1)
    async with limited(cluster, boots_plane, metrics_port=port) as started:
        yield started


async def told(limits: Limited, name: str, *reasons: str) -> dict[str, Json]:
    """The events of a Boot by reason, once these are there; each look is a request."""
    client, found = limits.operator.cluster.client, dict[str, Json]()
    async with asyncio.timeout(10):
        while not set(reasons) <= set(found):
            events = await client.list(EVENTS, limits.namespace, fields=f"involvedObject.name={name}")
            found = {one["reason"]: one for one in events.items}
    return found


async def counted(limits: Limited, name: str) -> set[tuple[str, str]]:
    """Stage and sub-stage of the failures of a Boot."""
    text = (await get(limits.operator.options.metrics_port, "/metrics"))[1]
    found = set()
    for line in text.splitlines():
        if line.startswith("logan_controller_runtime_reconcile_errors_total{") and f'boot="{name}"' in line:
            labels = dict(part.split("=") for part in line[line.index("{") + 1 : line.index("}")].split(","))
            assert labels["namespace"].strip('"') == limits.namespace
            assert labels["kind"].strip('"') in ("JavaBoot", "WebBoot")
            found.add((labels["stage"].strip('"'), labels["sub_stage"].strip('"')))
    return found


@pytest.mark.parametrize("workload", ["Deployment", "StatefulSet"])
async def test_what_was_done_is_told(stage: Limited, workload: str) -> None:
    name, operator = f"done-{workload.lower()}", stage.operator
    await stage.may_not()
    await put_up(operator, name, "WebBoot", workload=workload)
    await changed(operator, name, "WebBoot", version="2.0", port=9000)
    await becomes(operator, SERVICES, name, lambda one: one["spec"]["ports"][0]["port"] == 9000)
    reasons = (
        f"Created{workload}", f"Updated{workload}", "CreatedService", "UpdatedService",
        "UpdatedBootDefaulters", "UpdatedBootMeta", "UpdatedBootStatus",
    )  # fmt: skip
    found = await told(stage, name, *reasons)
    assert set(found) == set(reasons)
    assert {one["type"] for one in found.values()} == {"Normal"}
    assert {one["source"]["component"] for one in found.values()} == {"webboot-controller"}
    assert await counted(stage, name) == set()


async def test_a_removed_service_is_told_and_an_autoscaler_is_not(stage: Limited) -> None:
    await stage.may_not()
    operator, cluster = stage.operator, stage.operator.cluster
    await put_up(operator, "less", hpa={"enable": True})
    extra = await cluster.service(stage.namespace, "less")
    meta = {"name": "less-old", "ownerReferences": extra["metadata"]["ownerReferences"]}
    await cluster.client.create(
        SERVICES, {"metadata": meta, "spec": {"ports": [{"port": 1}]}}, stage.namespace
    )
    await gone(cluster, SERVICES, "less-old", stage.namespace)
    found = await told(stage, "less", "DeletedService")
    assert found["DeletedService"]["type"] == "Normal"
    assert not any("Autoscaler" in reason or "HPA" in reason for reason in found)


Case = tuple[str, str, tuple[str, str], Right, dict[str, Any], dict[str, Any]]
"""Event and type; stage and sub-stage; the right that is missing; the spec before and the change."""
SET: dict[str, Any] = {"workload": "StatefulSet"}
HPA: dict[str, Any] = {"hpa": {"enable": True}}
NEXT: dict[str, Any] = {"version": "2.0"}
UPDATE = "reconcile_update"
CREATE = "reconcile_create"
FAILED: list[Case] = [
    ("FailedUpdateDeployment", "Warning", (UPDATE, "update_deployment"), ("deployments", "patch"), {}, NEXT),
    ("FailedUpdateStatefulSet", "Warning", (UPDATE, "update_statefulset"), ("statefulsets", "patch"),
     SET, NEXT),
    ("FailedGetDeployment", "Normal", (UPDATE, "get_deployment"), ("deployments", "get"), {}, NEXT),
    ("FailedGetStatefulSet", "Warning", (UPDATE, "get_statefulset"), ("statefulsets", "get"), SET, NEXT),
    ("FailedUpdateService", "Warning", (UPDATE, "update_service"), ("services", "patch"), {}, {"port": 81}),
    ("FailedGetService", "Normal", (UPDATE, "get_service"), ("services", "get"), {}, {"port": 81}),
    ("FailedUpdateBootStatus", "Warning", ("reconcile_update_boot_status", "update_boot_status"),
     ("javaboots/status", "patch"), {}, {"replicas": 2}),
    ("FailedUpdateBootMeta", "Normal", ("reconcile_update_boot_meta", "update_boot_meta"),
     ("javaboots", "patch"), {}, {"replicas": 2}),
    ("FailedUpdateBootDefaulters", "Normal", ("reconcile_update_boot_defaulters", ""),
     ("javaboots", "patch"), {}, {"image": "harbor/other"}),
    ("", "", (UPDATE, "update_hpa"), ("horizontalpodautoscalers", "patch"), HPA, {"hpa": {"maxReplicas": 9}}),
    ("", "", (UPDATE, "delete_hpa"), ("horizontalpodautoscalers", "delete"), HPA, {"hpa": {"enable": False}}),
    ("", "", (CREATE, "create_hpa"), ("horizontalpodautoscalers", "create"), {}, HPA),
]  # fmt: skip


@pytest.mark.parametrize("case", FAILED, ids=[case[0] or case[2][1] for case in FAILED])
async def test_what_failed_is_told_and_counted(stage: Limited, case: Case) -> None:
    reason, type_, where, right, spec, change = case
    name = f"failed-{FAILED.index(case)}"
    await stage.may_not()
    await put_up(stage.operator, name, **spec)
    await becomes(stage.operator, boots(), name, lambda one: names.SERVICES in one["metadata"]["annotations"])
    await stage.may_not(right)
    await stage.operator.cluster.change(stage.namespace, name, **change)
    if reason:
        assert (await told(stage, name, reason))[reason]["type"] == type_
    await until_counted(stage, name, where)
    if not reason:
        assert not any(one.startswith("Failed") for one in await told(stage, name))


async def until_counted(stage: Limited, name: str, where: tuple[str, str]) -> None:
    async with asyncio.timeout(10):
        while where not in await counted(stage, name):
            pass


UNMADE: list[tuple[str, str, Right, dict[str, Any]]] = [
    ("FailedCreateDeployment", "create_deployment", ("deployments", "create"), {}),
    ("FailedCreateStatefulSet", "create_statefulset", ("statefulsets", "create"), SET),
    ("FailedCreateService", "create_service", ("services", "create"), {}),
]


@pytest.mark.parametrize(("reason", "where", "right", "spec"), UNMADE, ids=[case[0] for case in UNMADE])
async def test_what_could_not_be_made_is_told_and_counted(
    stage: Limited, reason: str, where: str, right: Right, spec: dict[str, Any]
) -> None:
    name = f"unmade-{where.split('_')[1]}"
    await stage.may_not(right)
    await stage.operator.cluster.deploy(stage.namespace, name, **spec)
    assert (await told(stage, name, reason))[reason]["type"] == "Warning"
    await until_counted(stage, name, (CREATE, where))


async def test_services_beside_the_apps_own_are_other_ones(stage: Limited) -> None:
    await stage.may_not()
    cluster, client = stage.operator.cluster, stage.operator.cluster.client
    boot = await put_up(stage.operator, "beside", workload="StatefulSet")
    await stage.may_not(("services", "patch"), ("services", "delete"))
    headless = await cluster.service(stage.namespace, "beside-headless")
    await client.patch(
        SERVICES, "beside-headless", stage.namespace, body={"spec": {"sessionAffinity": "ClientIP"}}
    )
    await until_counted(stage, "beside", (UPDATE, "update_other_service"))
    meta = {"name": "beside-old", "ownerReferences": headless["metadata"]["ownerReferences"]}
    await stage.may_not(("services", "delete"))
    await client.create(SERVICES, {"metadata": meta, "spec": {"ports": [{"port": 1}]}}, stage.namespace)
    await until_counted(stage, "beside", (UPDATE, "delete_other_service"))
    assert (await told(stage, "beside", "FailedDeleteService"))["FailedDeleteService"]["type"] == "Warning"
    await stage.may_not(("services", "create"))
    await client.delete(SERVICES, "beside-headless", stage.namespace)
    await until_counted(stage, "beside", (CREATE, "create_other_service"))
    assert boot["status"]["services"] == "beside"


async def test_defect_18_a_deleted_boot_is_no_failure_and_leaves_no_series(stage: Limited) -> None:
    await stage.may_not(("deployments", "create"))
    client = stage.operator.cluster.client
    await stage.operator.cluster.deploy(stage.namespace, "leaving")
    await until_counted(stage, "leaving", (CREATE, "create_deployment"))
    await client.delete(boots(), "leaving", stage.namespace)
    async with asyncio.timeout(10):
        while await counted(stage, "leaving"):
            pass
    await stage.may_not()
    await put_up(stage.operator, "fine")
    await client.delete(boots(), "fine", stage.namespace)
    await put_up(stage.operator, "after")
    text = (await get(stage.operator.options.metrics_port, "/metrics"))[1]
    assert "reconcile_get_boot" not in text
    assert 'boot="fine"' not in text


async def test_what_is_written_back_to_the_boot(stage: Limited) -> None:
    await stage.may_not()
    operator = stage.operator
    await put_up(operator, "back", "WebBoot", replicas=2)
    await operator.cluster.report(
        stage.namespace, "back", replicas=2, readyReplicas=1, updatedReplicas=2, availableReplicas=1
    )
    boot = await becomes(
        operator, boots("WebBoot"), "back",
        lambda one: one["metadata"]["annotations"].get(names.AVAILABLE) == "1"
        and one["status"].get("readyReplicas") == 1,
    )  # fmt: skip
    written = {
        key.removeprefix(names.PREFIX): value for key, value in boot["metadata"]["annotations"].items()
    }
    said = {
        "deploy": "back", "type": "deploy", "services": "back", "status.available": "1",
        "status.desired": "2", "revision": "1", "workload": "Deployment", "env": "generated",
        "boot-envs": "null", "boot-images": "harbor/sample:1.0", "boot-pvcs": "", "boot-deploy-pvcs": "null",
    }  # fmt: skip
    assert said.items() <= written.items()
    status = {key: value for key, value in boot["status"].items() if key != "conditions"}
    assert status == {
        "services": "back", "workload": "Deployment", "HPAReplicas": 2, "replicas": 2, "currentReplicas": 2,
        "readyReplicas": 1, "revision": "1", "selector": "app=havok,bootName=back,bootType=web",
        "observedGeneration": boot["metadata"]["generation"],
    } | {key: status[key] for key in ("configHash",) if key in status}  # fmt: skip


async def test_a_stateful_set_tells_its_current_replicas(stage: Limited) -> None:
    await stage.may_not()
    operator = stage.operator
    await put_up(operator, "counts", "WebBoot", workload="StatefulSet", replicas=3)
    counts = {"replicas": 3, "currentReplicas": 2, "readyReplicas": 1}
    client = operator.cluster.client
    await client.patch(STATEFULSETS, "counts", stage.namespace, body={"status": counts}, subresource="status")
    boot = await becomes(
        operator, boots("WebBoot"), "counts", lambda one: one["status"].get("currentReplicas") == 2
    )
    assert (boot["status"]["HPAReplicas"], boot["status"]["readyReplicas"]) == (3, 1)
    assert boot["metadata"]["annotations"][names.TYPE] == "deploy"
    assert boot["metadata"]["annotations"][names.WORKLOAD] == "StatefulSet"


async def test_the_operators_own_metrics_service(cluster: Cluster, namespace: str) -> None:
    async with Running.start(cluster, namespace, operator_name="logan", metrics_port=free_ports(1)[0]) as one:
        made = await cluster.until(SERVICES, "logan-metrics", namespace, lambda service: True)
        port = one.options.metrics_port
        named = [(port["name"], port["port"]) for port in made["spec"]["ports"]]
        assert named == [("http-metrics", port), ("cr-metrics", 8686)]
        assert made["metadata"]["annotations"] == {
            "prometheus.io/path": "/metrics", "prometheus.io/port": str(port),
            "prometheus.io/scheme": "http", "prometheus.io/scrape": "true",
        }  # fmt: skip


async def test_a_service_monitor_is_made_where_that_kind_exists(cluster: Cluster, namespace: str) -> None:
    await cluster.client.apply(CRDS, monitors(), field_manager="test")
    await cluster.until(
        CRDS, monitors()["metadata"]["name"], "", lambda one: "Established" in str(one.get("status"))
    )
    await cluster.client.list(SERVICE_MONITORS, namespace)
    (port,) = free_ports(1)
    async with Running.start(cluster, namespace, operator_name="logan", metrics_port=port):
        made = await cluster.until(SERVICE_MONITORS, "logan-metrics", namespace, lambda one: True)
    assert made["spec"]["endpoints"] == [{"port": "http-metrics"}]
    await cluster.client.delete(CRDS, monitors()["metadata"]["name"])


def monitors() -> Json:
    """The definition of the Prometheus operator, as far as it matters here."""
    kind, group, plural = SERVICE_MONITORS.kind, SERVICE_MONITORS.group, SERVICE_MONITORS.plural
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names_ = {"kind": kind, "plural": plural, "singular": kind.lower()}
    spec = {"group": group, "scope": "Namespaced", "names": names_, "versions": [version]}
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": spec}
