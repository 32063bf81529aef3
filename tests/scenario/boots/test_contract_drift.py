"""Contract 4.3: each compared thing of a workload comes back however it was changed; the rest stays."""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from havok.boots import names
from havok.codec import Json
from havok.kube import NotFound
from havok.kube.resources import DEPLOYMENTS, SERVICES, STATEFULSETS
from scenario.boots.contract import app, becomes, changed, deployment, pod, put_up, stand
from scenario.boots.stage import Cluster, Running, boots, conditions
from scenario.boots.test_objects import apply_server_side, edit, patch
from scenario.boots.test_rules import make_claim

Way = Callable[[Cluster, Json], Awaitable[None]]
CONFIG = "java: {app: {podSpec: {volumes: [{name: log, emptyDir: {}}]}, replicas: 2}}"
SPEC: Json = {
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    "nodeSelector": {"disk": "ssd"},
    "readiness": "/ready",
}


@pytest.fixture(scope="module")
async def operator(cluster: Cluster) -> AsyncIterator[Running]:
    async with stand(cluster, CONFIG) as started:
        await make_claim(cluster, started.options.namespace, "data", {"shared": "true"})
        claim = {"name": "data", "mountPath": "/data", "readOnly": True}
        await put_up(started, "demo", **SPEC, pvc=[claim], command=["run"])
        asked = {"metadata": {"annotations": {names.RESTARTED_AT: "then"}}}
        await cluster.client.patch(boots(), "demo", started.options.namespace, body=asked)
        await becomes(started, DEPLOYMENTS, "demo", lambda one: restarted_at(one) == "then")
        yield started


def restarted_at(live: Json) -> str:
    found: str = live["spec"]["template"]["metadata"].get("annotations", {}).get(names.RESTARTED_AT, "")
    return found


def into_app(**fields: Any) -> Callable[[Json], None]:
    """Set fields of the app container."""
    return lambda live: app(live).update(copy.deepcopy(fields))


def probe(name: str, path: str) -> Callable[[Json], None]:
    return lambda live: app(live)[f"{name}Probe"]["httpGet"].update(path=path)


def add(field: str, entry: Json) -> Callable[[Json], None]:
    return lambda live: app(live)[field].append(dict(entry))


CHANGED: dict[str, Callable[[Json], Any]] = {
    "image": into_app(image="evil:1"),
    "env changed": lambda live: app(live)["env"][0].update(value="evil"),
    "env added": add("env", {"name": "HAND", "value": "1"}),
    "port added": add("ports", {"name": "hand", "containerPort": 9999, "protocol": "TCP"}),
    "limit changed": lambda live: app(live)["resources"]["limits"].update(cpu="3"),
    "request added": into_app(resources={"limits": SPEC["resources"]["limits"], "requests": {"cpu": "9m"}}),
    "liveness path": probe("liveness", "/evil"),
    "readiness path": probe("readiness", "/health"),
    "node changed": lambda live: pod(live)["nodeSelector"].update(disk="hdd"),
    "node added": lambda live: pod(live)["nodeSelector"].update(hand="x"),
    "command": into_app(command=["evil", "run"]),
    "mount added": add("volumeMounts", {"name": "log", "mountPath": "/hand"}),
    "priority": lambda live: pod(live).update(priorityClassName="system-node-critical"),
    "restart": lambda live: live["spec"]["template"]["metadata"]["annotations"].update(
        {names.RESTARTED_AT: "evil"}
    ),
    "replicas": lambda live: live["spec"].update(replicas=9),
}
TAKEN: dict[str, Callable[[Json], Any]] = {
    "port changed": lambda live: app(live)["ports"][0].update(containerPort=81),
    "env": lambda live: app(live).pop("env"),
    "one env": lambda live: app(live)["env"].pop(0),
    "order of env": lambda live: app(live)["env"].reverse(),
    "ports": lambda live: app(live).pop("ports"),
    "resources": lambda live: app(live).update(resources={}),
    "liveness": lambda live: app(live).pop("livenessProbe"),
    "readiness": lambda live: app(live).pop("readinessProbe"),
    "nodeSelector": lambda live: pod(live).pop("nodeSelector"),
    "command": lambda live: app(live).pop("command"),
    "mounts": lambda live: app(live).pop("volumeMounts"),
    "restart": lambda live: live["spec"]["template"]["metadata"].pop("annotations"),
}


def compared(live: Json) -> Json:
    """What has to come back, as the API server has it."""
    own = app(live)
    fields = ("image", "env", "ports", "resources", "command", "volumeMounts")
    found = {field: own.get(field) for field in (*fields, "livenessProbe", "readinessProbe")}
    said = {field: pod(live).get(field) for field in ("nodeSelector", "priorityClassName")}
    return {**found, **said, "restart": restarted_at(live), "replicas": live["spec"]["replicas"]}


async def comes_back(operator: Running, change: Callable[[Json], Any], way: Way) -> None:
    live = await deployment(operator, "demo")
    before = copy.deepcopy(compared(live))
    change(live)
    assert compared(live) != before
    live["metadata"].pop("resourceVersion")  # the operator may write once more
    await way(operator.cluster, live)
    generation = live["metadata"]["generation"]
    await becomes(
        operator, DEPLOYMENTS, "demo",
        lambda one: one["metadata"]["generation"] > generation + 1 and compared(one) == before,
    )  # fmt: skip


@pytest.mark.parametrize("way", [edit, apply_server_side, patch])
@pytest.mark.parametrize("name", list(CHANGED))
async def test_what_was_changed_comes_back(operator: Running, name: str, way: Way) -> None:
    await comes_back(operator, CHANGED[name], way)


@pytest.mark.parametrize("name", list(TAKEN))
async def test_what_a_whole_write_takes_away_or_moves_comes_back(operator: Running, name: str) -> None:
    await comes_back(operator, TAKEN[name], edit)


def by_hand(live: Json) -> None:
    """Everything outside the compared set."""
    live["metadata"]["labels"]["hand"] = "x"
    live["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = 3
    live["spec"]["minReadySeconds"] = 4
    live["spec"]["template"]["metadata"]["labels"]["hand"] = "x"
    live["spec"]["template"]["metadata"].setdefault("annotations", {})["hand"] = "x"
    found, own = pod(live), app(live)
    found["affinity"]["nodeAffinity"] = {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "preference": {"matchExpressions": [{"key": "hand", "operator": "Exists"}]}}
        ]
    }
    found["containers"].append({"name": "hand", "image": "hand"})
    found["initContainers"] = [{"name": "first", "image": "hand"}]
    found["volumes"].append({"name": "hand", "emptyDir": {}})
    found["terminationGracePeriodSeconds"] = 5
    own["lifecycle"] = {"preStop": {"sleep": {"seconds": 2}}}
    own["securityContext"] = {"runAsNonRoot": True}
    own["imagePullPolicy"] = "Never"
    own["livenessProbe"].update(periodSeconds=3)
    own["livenessProbe"]["httpGet"]["port"] = 81


async def test_what_is_not_compared_stays(operator: Running) -> None:
    await put_up(operator, "free", env=[{"name": "A", "value": "1"}])
    live = await deployment(operator, "free")
    by_hand(live)
    path = DEPLOYMENTS.path(operator.options.namespace, "free")
    left = await operator.cluster.client.request("PUT", path, body=live)
    await changed(operator, "free", replicas=3)
    scaled = await becomes(operator, DEPLOYMENTS, "free", lambda one: one["spec"]["replicas"] == 3)
    assert without_counts(scaled) == without_counts(left)

    await changed(operator, "free", version="2.0")
    done = await becomes(operator, DEPLOYMENTS, "free", lambda one: app(one)["image"].endswith(":2.0"))
    found, own = pod(done), app(done)
    assert done["metadata"]["labels"]["hand"] == "x"
    assert done["spec"]["template"]["metadata"]["labels"]["hand"] == "x"
    assert done["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 3
    assert "nodeAffinity" in found["affinity"]
    assert [one["name"] for one in found["containers"]] == ["app", "hand"]
    assert [one["name"] for one in found["initContainers"]] == ["first"]
    assert {one["name"] for one in found["volumes"]} == {"log", "hand"}
    assert found["terminationGracePeriodSeconds"] == 5
    assert "lifecycle" in own
    # what we say ourselves is said again with the next render
    assert own["imagePullPolicy"] == "Always"
    assert (own["livenessProbe"]["periodSeconds"], own["livenessProbe"]["httpGet"]["port"]) == (10, 8080)


def without_counts(live: Json) -> Json:
    return {"labels": live["metadata"]["labels"], **live["spec"], "replicas": 0}


async def test_a_stateful_set_comes_back_too(operator: Running) -> None:
    await put_up(operator, "set", workload="StatefulSet")
    body = {"spec": {"replicas": 7, "template": {"spec": {"nodeSelector": {"hand": "x"}}}}}
    client, namespace = operator.cluster.client, operator.options.namespace
    before = await client.get(STATEFULSETS, "set", namespace)
    await client.patch(STATEFULSETS, "set", namespace, body=body)
    await becomes(
        operator, STATEFULSETS, "set",
        lambda one: one["spec"]["replicas"] == 2 and "nodeSelector" not in pod(one)
        and one["metadata"]["generation"] > before["metadata"]["generation"] + 1,
    )  # fmt: skip
    await client.delete(STATEFULSETS, "set", namespace)
    again = await becomes(
        operator, STATEFULSETS, "set", lambda one: one["metadata"]["uid"] != before["metadata"]["uid"]
    )
    assert again["spec"] == before["spec"]


async def test_an_owner_taken_away_is_not_taken_back_without_consent(operator: Running) -> None:
    await put_up(operator, "orphan")
    client, namespace = operator.cluster.client, operator.options.namespace
    for resource in (DEPLOYMENTS, SERVICES):
        await client.patch(resource, "orphan", namespace, body={"metadata": {"ownerReferences": None}})
    await becomes(
        operator, boots(), "orphan", lambda boot: conditions(boot)["Degraded"] == ("True", "NotOurs")
    )
    for resource in (DEPLOYMENTS, SERVICES):
        consent = {"metadata": {"annotations": {names.ADOPT: "orphan"}}}
        await client.patch(resource, "orphan", namespace, body=consent)
        await becomes(operator, resource, "orphan", lambda one: bool(one["metadata"].get("ownerReferences")))
    await becomes(
        operator, boots(), "orphan", lambda boot: conditions(boot)["Degraded"] == ("False", "AsWanted")
    )


async def test_generated_objects_carry_no_finalizer(operator: Running) -> None:
    boot = await put_up(operator, "free-to-go")
    read, namespace = operator.cluster.client.get, operator.options.namespace
    made = [await read(resource, "free-to-go", namespace) for resource in (DEPLOYMENTS, SERVICES)]
    assert not any("finalizers" in one["metadata"] for one in (boot, *made))


async def test_a_boot_that_leaves_before_its_objects_is_let_go(operator: Running) -> None:
    await put_up(operator, "leaving")
    client, namespace = operator.cluster.client, operator.options.namespace
    await client.delete(boots(), "leaving", namespace, propagation="Foreground")
    await becomes(operator, boots(), "leaving", lambda one: "deletionTimestamp" in one["metadata"])
    await client.delete(DEPLOYMENTS, "leaving", namespace)
    await put_up(operator, "staying")  # by now the operator has seen both
    with pytest.raises(NotFound):
        await deployment(operator, "leaving")
