"""Services, autoscaler and claims row by row (contract 3.8 to 3.10, 4.4)."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from havok.boots import names
from havok.boots.render import scrape_annotations
from havok.codec import Json
from havok.kube import NotFound
from havok.kube.resources import DEPLOYMENTS, HPAS, SERVICES
from scenario.boots.contract import app, becomes, changed, labels, pod, put_up, stand
from scenario.boots.stage import Cluster, Running, boots
from scenario.boots.test_objects import gone, put
from scenario.boots.test_rules import make_claim

CONFIG = """
quiet:
  settings: {prometheusScrape: false}
  sidecarServices: [{name: never, port: 1}]
  sideCarContainers: [{name: side, image: s, ports: [{name: web, containerPort: 81}, {containerPort: 82}]}]
many: {app: {replicas: 3}}
"""


@pytest.fixture(scope="module")
async def operator(cluster: Cluster) -> AsyncIterator[Running]:
    async with stand(cluster, CONFIG) as started:
        await put_up(started, "demo")
        yield started


async def service(operator: Running, name: str) -> Json:
    return await operator.cluster.service(operator.options.namespace, name)


SERVICES_SAID: list[tuple[str, str, dict[str, Any], str, bool]] = [
    ("plain", "", {}, "None", True),
    ("sticky", "", {"sessionAffinity": "ClientIP"}, "ClientIP", True),
    ("loose", "", {"sessionAffinity": "None", "port": 9000}, "None", True),
    ("said-off", "", {"prometheus": "false", "sessionAffinity": ""}, "None", False),
    ("quiet", "quiet", {}, "None", False),
    ("said-on", "quiet", {"prometheus": "true"}, "None", True),
]


@pytest.mark.parametrize(
    ("name", "profile", "spec", "affinity", "scraped"), SERVICES_SAID, ids=[row[0] for row in SERVICES_SAID]
)
async def test_the_service_of_the_app(
    operator: Running, name: str, profile: str, spec: dict[str, Any], affinity: str, scraped: bool
) -> None:
    boot = await put_up(operator, name, profile=profile, **spec)
    made, port = await service(operator, name), spec.get("port", 8080)
    assert made["spec"]["type"] == "ClusterIP"
    assert made["spec"]["sessionAffinity"] == affinity
    assert made["spec"]["selector"] == labels(name)
    assert made["spec"]["ports"] == [{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}]
    wanted = scrape_annotations(port) if scraped else None
    assert made["metadata"].get("annotations") == wanted
    assert wanted is None or wanted == {
        "prometheus.io/path": "/prometheus", "prometheus.io/port": str(port), "prometheus.io/scheme": "http",
        "prometheus.io/scrape": "true",
    }  # fmt: skip
    found = f"{name},{name}-web" if profile else name
    assert boot["status"]["services"] == found


async def test_a_sidecar_is_always_scraped_and_sidecar_services_do_nothing(operator: Running) -> None:
    await put_up(operator, "pair", profile="quiet", sessionAffinity="ClientIP")
    made = await service(operator, "pair-web")
    assert made["metadata"]["annotations"] == scrape_annotations(81)
    assert made["spec"]["sessionAffinity"] == "ClientIP"
    for name in ("pair-never", "pair-"):
        with pytest.raises(NotFound):
            await service(operator, name)


async def test_a_node_port_is_of_dev_alone(operator: Running) -> None:
    await put_up(operator, "ported", nodePort="true")
    with pytest.raises(NotFound):
        await service(operator, "ported-external")


def notes(**annotations: str) -> Callable[[Json], Any]:
    named = {f"prometheus.io/{key}": value for key, value in annotations.items()}
    return lambda live: live["metadata"]["annotations"].update(named)


CHANGED: dict[str, Callable[[Json], Any]] = {
    "port": lambda live: live["spec"]["ports"][0].update(port=81),
    "targetPort": lambda live: live["spec"]["ports"][0].update(targetPort=81),
    "name of the port": lambda live: live["spec"]["ports"][0].update(name="web"),
    "sessionAffinity": lambda live: live["spec"].update(sessionAffinity="ClientIP"),
    "one annotation": notes(port="1"),
    "an annotation more": notes(mine="1"),
    "an annotation less": lambda live: live["metadata"]["annotations"].pop("prometheus.io/path"),
    "no annotations": lambda live: live["metadata"].pop("annotations"),
    "labels": lambda live: live["metadata"].pop("labels"),
}


@pytest.mark.parametrize("name", list(CHANGED))
async def test_what_the_boot_says_of_its_service_comes_back(operator: Running, name: str) -> None:
    live = await service(operator, "demo")
    before = json.dumps(said(live))
    CHANGED[name](live)
    live["metadata"].pop("resourceVersion")
    written = await put(operator.cluster, SERVICES, live)
    assert json.dumps(said(written)) != before
    await becomes(operator, SERVICES, "demo", lambda one: json.dumps(said(one)) == before)


def said(live: Json) -> Json:
    """What the Boot says of its Service; who wrote it first must not show in the order of ports."""
    metadata, spec = live["metadata"], live["spec"]
    ports = sorted(spec["ports"], key=lambda port: str(port["name"]))
    return {
        "labels": metadata.get("labels"),
        "annotations": sorted((metadata.get("annotations") or {}).items()),
        "affinity": spec["sessionAffinity"],
        "ports": [
            sorted((key, str(value)) for key, value in port.items() if key != "nodePort") for port in ports
        ],
    }


async def test_what_others_say_of_the_service_stays(operator: Running) -> None:
    await put_up(operator, "shared", prometheus="false")
    live = await service(operator, "shared")
    live["metadata"]["labels"]["team"] = "x"
    live["metadata"]["annotations"] = {"mesh/x": "1"}
    live["spec"].update(type="NodePort", selector={"hand": "x"})
    live["spec"]["ports"].append({"name": "grpc", "port": 9090, "targetPort": 9090, "protocol": "TCP"})
    await put(operator.cluster, SERVICES, live)
    notes(scrape="true")(live)
    live["metadata"].pop("resourceVersion")
    await put(operator.cluster, SERVICES, live)
    found = await becomes(
        operator, SERVICES, "shared", lambda one: one["metadata"]["annotations"] == {"mesh/x": "1"}
    )
    await changed(operator, "shared", port=9000)
    found = await becomes(
        operator, SERVICES, "shared",
        lambda one: {port["name"]: port["port"] for port in one["spec"]["ports"]}
        == {"http": 9000, "grpc": 9090},
    )  # fmt: skip
    assert found["metadata"]["annotations"] == {"mesh/x": "1"}
    assert found["metadata"]["labels"] == {"app": "shared", "logan/env": "test", "team": "x"}
    assert (found["spec"]["type"], found["spec"]["selector"]) == ("NodePort", {"hand": "x"})


QUEUE = {"matchLabels": {"queue": "q"}}
NODE = {"apiVersion": "v1", "kind": "Service", "name": "entry"}
METRICS: list[tuple[str, Json, Json]] = [
    ("Resource", {"name": "cpu", "targetAverageUtilization": 70},
     {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}),
    ("Resource", {"name": "memory", "targetAverageValue": "1Gi"},
     {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}),
    ("Pods", {"metricName": "qps", "targetAverageValue": "5", "selector": QUEUE},
     {"metric": {"name": "qps", "selector": QUEUE}, "target": {"type": "AverageValue", "averageValue": "5"}}),
    ("Object", {"target": NODE, "metricName": "hits", "targetValue": "9", "selector": QUEUE},
     {"describedObject": NODE, "metric": {"name": "hits", "selector": QUEUE},
      "target": {"type": "Value", "value": "9"}}),
    ("Object", {"target": NODE, "metricName": "load", "targetValue": "9", "averageValue": "3"},
     {"describedObject": NODE, "metric": {"name": "load"},
      "target": {"type": "AverageValue", "averageValue": "3"}}),
    ("External", {"metricName": "lag", "metricSelector": QUEUE, "targetValue": "8"},
     {"metric": {"name": "lag", "selector": QUEUE}, "target": {"type": "Value", "value": "8"}}),
    ("External", {"metricName": "age", "targetAverageValue": "7"},
     {"metric": {"name": "age"}, "target": {"type": "AverageValue", "averageValue": "7"}}),
]  # fmt: skip


def metrics(shape: int) -> list[Json]:
    """All rows: as v2beta1 (1) or as v2 (2)."""
    return [{"type": row[0], row[0].lower(): row[shape]} for row in METRICS]


@pytest.mark.parametrize("shape", [1, 2], ids=["v2beta1", "v2"])
async def test_metrics_of_both_shapes_are_written_as_v2(operator: Running, shape: int) -> None:
    name = f"scaled-{shape}"
    boot = await put_up(operator, name, hpa={"enable": True, "maxReplicas": 4, "metrics": metrics(shape)})
    made = await becomes(operator, HPAS, name, lambda one: True)
    assert made["spec"]["metrics"] == metrics(2)
    assert boot["spec"]["hpa"]["metrics"] == metrics(shape)


BOUNDS: list[tuple[str, str, Json, tuple[int, int]]] = [
    ("open", "", {}, (1, 5)),
    ("config", "many", {}, (3, 5)),
    ("own", "many", {"minReplicas": 2, "maxReplicas": 9}, (2, 9)),
    ("upper", "many", {"maxReplicas": 4}, (3, 4)),
]


@pytest.mark.parametrize(("name", "profile", "hpa", "bounds"), BOUNDS, ids=[row[0] for row in BOUNDS])
async def test_bounds_are_filled_and_kept(
    operator: Running, name: str, profile: str, hpa: Json, bounds: tuple[int, int]
) -> None:
    name = f"bound-{name}"
    boot = await put_up(operator, name, profile=profile, hpa={"enable": True, **hpa})
    filled = boot["spec"]["hpa"]
    assert (filled["minReplicas"], filled["maxReplicas"]) == bounds
    assert filled["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 80}}
    ]
    made = await becomes(operator, HPAS, name, lambda one: True)
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == bounds
    client, namespace = operator.cluster.client, operator.options.namespace
    await client.delete(HPAS, name, namespace)
    again = await becomes(operator, HPAS, name, lambda one: one["metadata"]["uid"] != made["metadata"]["uid"])
    assert again["spec"] == made["spec"]


async def test_an_autoscaler_that_is_not_enabled_is_none(operator: Running) -> None:
    boot = await put_up(operator, "still", hpa={"enable": False, "maxReplicas": 7})
    assert boot["spec"]["hpa"] == {"enable": False, "maxReplicas": 7}
    with pytest.raises(NotFound):
        await operator.cluster.client.get(HPAS, "still", operator.options.namespace)
    await changed(operator, "still", hpa={"enable": True})
    await becomes(operator, HPAS, "still", lambda one: one["spec"]["maxReplicas"] == 7)
    await operator.cluster.change(operator.options.namespace, "still", hpa=None)
    await gone(operator.cluster, HPAS, "still", operator.options.namespace)


async def test_claims_are_mounted_remembered_and_forgotten(operator: Running) -> None:
    namespace, cluster = operator.options.namespace, operator.cluster
    boot = await put_up(operator, "claims")
    assert remembered(boot) == ("", None)
    for name, marks in (("claims-data", labels("claims")), ("common", {"shared": "true"})):
        await make_claim(cluster, namespace, name, marks)
    data: Json = {"name": "${APP}-data", "mountPath": "/data"}
    common = {"name": "common", "mountPath": "/common", "readOnly": True}
    await cluster.change(namespace, "claims", pvc=[data, common])
    live = await becomes(operator, DEPLOYMENTS, "claims", lambda one: len(pod(one).get("volumes", ())) == 2)
    assert pod(live)["volumes"] == [
        {"name": "claims-data", "persistentVolumeClaim": {"claimName": "claims-data"}},
        {"name": "common", "persistentVolumeClaim": {"claimName": "common", "readOnly": True}},
    ]
    wanted: list[Json] = [{"name": "claims-data", "mountPath": "/data"}, common]
    assert by_value(app(live)["volumeMounts"]) == by_value(wanted)
    boot = await becomes(operator, boots(), "claims", lambda one: remembered(one) == ([data, common], wanted))
    assert boot["spec"]["pvc"] == [data, common]

    await cluster.change(namespace, "claims", pvc=[{**data, "mountPath": "/moved"}])
    await becomes(
        operator, boots(), "claims",
        lambda one: remembered(one)[1] == [{"name": "claims-data", "mountPath": "/moved"}],
    )  # fmt: skip
    await cluster.change(namespace, "claims", pvc=None)
    await becomes(operator, boots(), "claims", lambda one: remembered(one) == ("", None))
    last = await becomes(operator, DEPLOYMENTS, "claims", lambda one: not pod(one).get("volumes"))
    assert "volumeMounts" not in app(last)


def remembered(boot: Json) -> tuple[Any, Any]:
    """The two annotations of claims, as values."""
    told = boot["metadata"]["annotations"]
    own, all_ = (told.get(name, "absent") for name in (names.BOOT_PVCS, names.DEPLOY_PVCS))
    return (json.loads(own) if own not in ("", "absent") else own), json.loads(all_)


def by_value(mounts: list[Json]) -> list[list[tuple[str, Any]]]:
    return [sorted(mount.items()) for mount in mounts]
