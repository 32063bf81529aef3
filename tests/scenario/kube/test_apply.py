"""Applying objects while others change them too, on a real API server."""

from copy import deepcopy
from typing import Any

import pytest

from havok.kube import AlreadyExists, Client, Conflict
from havok.kube.apply import Outcome, apply_status, reconcile_object, take_over
from havok.kube.equality import Path
from havok.kube.resources import DEPLOYMENTS, SERVICES

MANAGER = "havok-test"
CONTAINER = ("spec", "template", "spec", "containers", "[name=app]")
EQUAL: tuple[Path, ...] = (
    (*CONTAINER, "env"),
    (*CONTAINER, "ports"),
    (*CONTAINER, "resources"),
    (*CONTAINER, "readinessProbe"),
    ("spec", "template", "spec", "nodeSelector"),
    ("spec", "template", "spec", "priorityClassName"),
)
PORT_EQUAL: tuple[Path, ...] = (
    ("spec", "ports", "[name=http]"),
    ("metadata", "annotations", "prometheus.io/*"),
)


def deployment(namespace: str) -> dict[str, Any]:
    container = {
        "name": "app",
        "image": "registry/app:1",
        "env": [
            {"name": "A", "value": "1"},
            {"name": "EMPTY", "value": ""},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    pod = {
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "nodeSelector": {"disk": "ssd"},
        "imagePullSecrets": [{"name": "pull"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": namespace, "labels": {"app": "x"}, "annotations": {}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "x"}},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": pod},
        },
    }


def service(namespace: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    meta = {"name": "app", "namespace": namespace, "annotations": {"prometheus.io/port": "8080"}}
    return {"metadata": meta, "spec": {"selector": {"app": "x"}, "ports": ports}}


async def settle(client: Client, desired: dict[str, Any]) -> Outcome:
    live = await client.get(DEPLOYMENTS, "app", desired["metadata"]["namespace"])
    return await reconcile_object(
        client, DEPLOYMENTS, desired, live, field_manager=MANAGER, equal=EQUAL
    )  # fmt: skip


async def created(client: Client, namespace: str) -> dict[str, Any]:
    outcome = await reconcile_object(
        client, DEPLOYMENTS, deployment(namespace), None, field_manager=MANAGER, equal=EQUAL
    )
    assert outcome.action == "created"
    return outcome.object


async def edit(client: Client, namespace: str, change: Any) -> dict[str, Any]:
    """As `kubectl edit` does it: read the whole, change it, write the whole."""
    live = await client.get(DEPLOYMENTS, "app", namespace)
    change(live["spec"]["template"]["spec"]["containers"][0], live)
    return await client.request(
        "PUT", DEPLOYMENTS.path(namespace, "app"), body=live, params={"fieldManager": "kubectl-edit"}
    )


def app(live: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = live["spec"]["template"]["spec"]["containers"][0]
    return found


async def test_what_is_as_wanted_costs_no_write(client: Client, namespace: str) -> None:
    made = await created(client, namespace)
    outcome = await settle(client, deployment(namespace))
    assert outcome.action == "unchanged"
    assert outcome.object == made


async def test_a_field_that_is_no_longer_wanted_goes(client: Client, namespace: str) -> None:
    await created(client, namespace)
    desired = deployment(namespace)
    del app(desired)["volumeMounts"]
    app(desired)["env"].pop(0)
    outcome = await settle(client, desired)
    assert outcome.action == "changed"
    assert [one["name"] for one in app(outcome.object)["env"]] == ["EMPTY", "IP"]
    assert "volumeMounts" not in app(outcome.object)
    assert (await settle(client, desired)).action == "unchanged"


async def test_entries_that_others_added_to_compared_lists_go_in_one_roll_out(
    client: Client, namespace: str
) -> None:
    made = await created(client, namespace)

    def change(container: dict[str, Any], live: dict[str, Any]) -> None:
        container["env"].insert(0, {"name": "FOREIGN", "value": "x"})
        container["env"][1]["value"] = "changed"
        container["ports"].append({"name": "debug", "containerPort": 5005})
        container["ports"][0]["hostPort"] = 8080
        container["resources"]["limits"]["ephemeral-storage"] = "1Gi"
        container["readinessProbe"]["periodSeconds"] = 77
        live["spec"]["template"]["spec"]["nodeSelector"]["zone"] = "a"
        live["spec"]["template"]["spec"]["priorityClassName"] = "high"

    edited = await edit(client, namespace, change)
    outcome = await settle(client, deployment(namespace))
    assert outcome.action == "changed"
    assert app(outcome.object)["env"] == app(made)["env"]
    assert app(outcome.object)["ports"] == app(made)["ports"]
    assert app(outcome.object)["resources"] == app(made)["resources"]
    assert app(outcome.object)["readinessProbe"] == app(made)["readinessProbe"]
    assert outcome.object["spec"] == made["spec"]
    assert outcome.object["metadata"]["generation"] == edited["metadata"]["generation"] + 1
    assert (await settle(client, deployment(namespace))).action == "unchanged"


async def test_what_others_put_elsewhere_stays(client: Client, namespace: str) -> None:
    await created(client, namespace)

    def change(container: dict[str, Any], live: dict[str, Any]) -> None:
        container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "1"]}}}
        container["volumeMounts"].append({"name": "tmp", "mountPath": "/var/tmp"})
        live["metadata"]["annotations"] = {"note": "mine"}
        live["spec"]["template"]["spec"]["containers"].append({"name": "mesh", "image": "mesh:1"})

    await edit(client, namespace, change)
    outcome = await settle(client, deployment(namespace))
    assert outcome.action == "unchanged"
    live = await client.get(DEPLOYMENTS, "app", namespace)
    assert live["metadata"]["annotations"]["note"] == "mine"
    assert "lifecycle" in app(live)
    assert len(app(live)["volumeMounts"]) == 2
    assert [one["name"] for one in live["spec"]["template"]["spec"]["containers"]] == ["app", "mesh"]


async def test_values_that_others_changed_come_back(client: Client, namespace: str) -> None:
    await created(client, namespace)

    def change(container: dict[str, Any], live: dict[str, Any]) -> None:
        container["image"] = "registry/app:hacked"
        live["spec"]["replicas"] = 7
        live["metadata"]["labels"] = {}

    await edit(client, namespace, change)
    outcome = await settle(client, deployment(namespace))
    assert app(outcome.object)["image"] == "registry/app:1"
    assert outcome.object["spec"]["replicas"] == 0
    assert outcome.object["metadata"]["labels"] == {"app": "x"}


async def test_a_removed_and_a_renamed_entry_come_back(client: Client, namespace: str) -> None:
    made = await created(client, namespace)

    def change(container: dict[str, Any], live: dict[str, Any]) -> None:
        container["env"][0]["name"] = "RENAMED"
        container["env"].reverse()
        container["ports"] = []

    await edit(client, namespace, change)
    outcome = await settle(client, deployment(namespace))
    assert app(outcome.object)["env"] == app(made)["env"]
    assert app(outcome.object)["ports"] == app(made)["ports"]


async def test_a_stale_read_is_a_conflict_and_changes_nothing(client: Client, namespace: str) -> None:
    stale = await created(client, namespace)
    foreign = deepcopy(stale)
    app(foreign)["env"].append({"name": "X", "value": "1"})
    live = await edit(client, namespace, lambda container, live: container["env"].append({"name": "Y"}))
    with pytest.raises(Conflict):
        await reconcile_object(
            client, DEPLOYMENTS, deployment(namespace), foreign, field_manager=MANAGER, equal=EQUAL
        )
    assert await client.get(DEPLOYMENTS, "app", namespace) == live


async def test_an_object_made_anew_meanwhile_is_a_conflict(client: Client, namespace: str) -> None:
    old = await created(client, namespace)
    await client.delete(DEPLOYMENTS, "app", namespace)
    desired = deployment(namespace)
    app(desired)["image"] = "registry/app:2"
    with pytest.raises(Conflict):
        await reconcile_object(client, DEPLOYMENTS, desired, old, field_manager=MANAGER)
    await client.create(DEPLOYMENTS, deployment(namespace))
    with pytest.raises(Conflict):
        await reconcile_object(client, DEPLOYMENTS, desired, old, field_manager=MANAGER)
    with pytest.raises(AlreadyExists):
        await reconcile_object(client, DEPLOYMENTS, desired, None, field_manager=MANAGER)


@pytest.mark.parametrize("change", ["edited", "removed", "renamed", "doubled", "clash"])
async def test_the_http_port_of_a_service_is_ours_in_every_way(
    client: Client, namespace: str, change: str
) -> None:
    made = await reconcile_object(client, SERVICES, service(namespace), None, field_manager=MANAGER)
    live = deepcopy(made.object)
    ports = live["spec"]["ports"]
    other = {"name": "other", "port": 9999, "protocol": "TCP", "targetPort": 9999}
    live["metadata"]["annotations"] |= {"prometheus.io/path": "/x", "lb.example.org/id": "7"}
    if change == "edited":
        ports[0].update(port=81)
    elif change == "removed":
        ports[:] = [other]
    elif change == "renamed":
        ports[0].update(name="web")
    elif change == "doubled":
        ports.append({**ports[0], "name": "http2", "port": 81})
    else:
        ports[0].update(port=81)
        ports.append({**ports[0], "name": "web", "port": 80})
    if change != "removed":
        ports.append(other)
    body = {key: live[key] for key in ("apiVersion", "kind", "metadata", "spec")}
    params = {"fieldManager": "kubectl-edit"}
    live = await client.request("PUT", SERVICES.path(namespace, "app"), body=body, params=params)
    outcome = await reconcile_object(
        client, SERVICES, service(namespace), live, field_manager=MANAGER, equal=PORT_EQUAL
    )
    result = outcome.object["spec"]["ports"]
    by_name = {port["name"]: port for port in result}
    assert (by_name["http"]["port"], by_name["http"]["targetPort"]) == (80, 8080)
    assert by_name["other"]["port"] == 9999
    assert set(by_name) == {"http", "other"} | ({"http2"} if change == "doubled" else set())
    assert outcome.object["metadata"]["annotations"] == {
        "prometheus.io/port": "8080",
        "lb.example.org/id": "7",
    }
    again = await reconcile_object(
        client, SERVICES, service(namespace), outcome.object, field_manager=MANAGER, equal=PORT_EQUAL
    )
    assert again.action == "unchanged"


async def test_taking_over_lets_apply_remove_what_the_other_manager_made(
    client: Client, namespace: str
) -> None:
    old = deployment(namespace)
    old["metadata"]["labels"]["legacy"] = "yes"
    app(old)["volumeMounts"].append({"name": "tmp", "mountPath": "/old"})
    live = await client.create(DEPLOYMENTS, old, field_manager="old-operator")
    mine = await take_over(
        client, DEPLOYMENTS, live, field_manager=MANAGER, managers=["old-operator"]
    )  # fmt: skip
    assert mine["spec"] == live["spec"]
    assert mine["metadata"]["generation"] == live["metadata"]["generation"]
    assert {one["manager"] for one in mine["metadata"]["managedFields"]} == {MANAGER}
    outcome = await settle(client, deployment(namespace))
    assert "legacy" not in outcome.object["metadata"]["labels"]
    assert [one["mountPath"] for one in app(outcome.object)["volumeMounts"]] == ["/tmp"]
    unchanged = await take_over(
        client, DEPLOYMENTS, outcome.object, field_manager=MANAGER, managers=["old-operator"]
    )
    assert unchanged is outcome.object


async def test_status_is_written_once(client: Client, namespace: str) -> None:
    await created(client, namespace)
    condition = {"type": "Available", "status": "True", "reason": "Test", "message": ""}
    status: dict[str, Any] = {
        "metadata": {"name": "app", "namespace": namespace},
        "status": {"replicas": 3, "readyReplicas": 2, "conditions": [condition]},
    }
    first = await apply_status(client, DEPLOYMENTS, status, field_manager=MANAGER)
    assert first.object["status"]["readyReplicas"] == 2
    again = await apply_status(client, DEPLOYMENTS, status, field_manager=MANAGER, live=first.object)
    assert again.action == "unchanged"
    status["status"]["readyReplicas"] = 0
    down = await apply_status(client, DEPLOYMENTS, status, field_manager=MANAGER, live=first.object)
    assert down.action == "changed"
    assert "readyReplicas" not in down.object["status"]
    assert (await settle(client, deployment(namespace))).action == "unchanged"
