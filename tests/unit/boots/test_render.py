"""A filled Boot renders to the objects of contract section 3."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from havok.boots import drift
from havok.boots.config import Defaults
from havok.boots.live import Autoscaler, Ingress, Workload
from havok.boots.names import RESTARTED_AT
from havok.boots.render import App, Objects, render
from havok.crds import BootSpec
from havok.crds.spec import EnvVar, PersistentVolumeClaimMount
from havok.kube.views import Service
from unit.boots.apps import app, block_of, blocks, filled, json_of, key, kinds, specs

SIX_LINES = BootSpec(image="harbor/sample", version="1.0")


def rendered(
    spec: BootSpec, block: Defaults | None = None, *, environment: str = "test", **more: Any
) -> Objects:
    return render(app(spec, block, **more), block or Defaults(), environment)


def container(objects: Objects) -> Any:
    return objects.workload["spec"]["template"]["spec"]["containers"][0]


def test_a_deployment_of_six_lines() -> None:
    objects = rendered(SIX_LINES, Defaults(registry="registry.example"))
    workload = objects.workload
    assert (workload["apiVersion"], workload["kind"]) == ("apps/v1", "Deployment")
    assert workload["metadata"]["labels"] == {"app": "havok", "havok/type": "shop"}
    (owner,) = workload["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("JavaBoot", "uid-1", True)
    pods = {"app": "havok", "bootName": "shop", "bootType": "java"}
    assert workload["spec"]["selector"] == {"matchLabels": pods}
    assert workload["spec"]["template"]["metadata"] == {"labels": pods}
    assert workload["spec"]["revisionHistoryLimit"] == 5
    assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": "1%"}
    only = container(objects)
    assert (only["name"], only["image"]) == ("app", "registry.example/harbor/sample:1.0")
    assert only["ports"] == [{"containerPort": 8080, "name": "http", "protocol": "TCP"}]
    assert only["imagePullPolicy"] == "Always"


@pytest.mark.parametrize(("kind", "failures"), [("JavaBoot", 10), ("PythonBoot", 15), ("WebBoot", 10)])
def test_built_in_probes(kind: str, failures: int) -> None:
    only = container(rendered(SIX_LINES, kind=kind))
    common = {"periodSeconds": 10, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": failures}
    get = {"scheme": "HTTP", "port": 8080, "path": "/health"}
    assert only["livenessProbe"] == {"initialDelaySeconds": 120, **common, "httpGet": get}
    assert only["readinessProbe"] == {"initialDelaySeconds": 60, **common, "httpGet": get}
    assert "startupProbe" not in only


def test_an_empty_health_turns_both_probes_off() -> None:
    block = Defaults(container={"startupProbe": {"periodSeconds": 1}})
    only = container(rendered(msgspec.structs.replace(SIX_LINES, health="", readiness="/r"), block))
    assert [field for field in only if field.endswith("Probe")] == []


def test_config_sets_delays_and_a_startup_probe_but_not_the_path() -> None:
    block = block_of(
        """
        java:
          settings: {appHealthPort: 7070}
          app:
            container:
              readinessProbe: {initialDelaySeconds: 1, httpGet: {path: /other}}
              livenessProbe: {exec: {command: ["true"]}}
              startupProbe: {periodSeconds: 1, failureThreshold: 60}
        """
    )
    only = container(rendered(msgspec.structs.replace(SIX_LINES, readiness="/ready"), block))
    assert only["readinessProbe"]["initialDelaySeconds"] == 1
    assert only["readinessProbe"]["httpGet"] == {"scheme": "HTTP", "port": 7070, "path": "/ready"}
    assert "exec" not in only["livenessProbe"]
    assert only["startupProbe"] == {
        "periodSeconds": 1, "failureThreshold": 60,
        "httpGet": {"scheme": "HTTP", "port": 7070, "path": "/ready"},
    }  # fmt: skip


def test_only_java_changes_the_rolling_update() -> None:
    assert "strategy" not in rendered(SIX_LINES, kind="WebBoot").workload["spec"]


def test_a_stateful_set_names_its_headless_service() -> None:
    stateful = msgspec.structs.replace(SIX_LINES, workload="StatefulSet", session_affinity="ClientIP")
    objects = rendered(stateful)
    workload = objects.workload
    _, headless = objects.services
    assert headless["metadata"]["name"] == "shop-headless"
    assert "labels" not in headless["metadata"]
    assert "annotations" not in headless["metadata"]
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["publishNotReadyAddresses"] is True
    assert rendered(stateful, governing="shop").workload["spec"]["serviceName"] == "shop"
    assert workload["kind"] == "StatefulSet"
    assert workload["spec"]["serviceName"] == "shop-headless"
    assert workload["spec"]["podManagementPolicy"] == "OrderedReady"
    assert "strategy" not in workload["spec"]


def test_the_service_has_four_annotations_or_none() -> None:
    (service,) = rendered(SIX_LINES).services
    assert service["metadata"]["annotations"] == {
        "prometheus.io/path": "/prometheus", "prometheus.io/port": "8080",
        "prometheus.io/scheme": "http", "prometheus.io/scrape": "true",
    }  # fmt: skip
    assert service["metadata"]["labels"] == {"app": "shop", "logan/env": "test"}
    assert service["spec"]["ports"] == [{"name": "http", "port": 8080, "targetPort": 8080, "protocol": "TCP"}]
    assert service["spec"]["sessionAffinity"] == "None"
    (silent,) = rendered(msgspec.structs.replace(SIX_LINES, prometheus="false")).services
    assert "annotations" not in silent["metadata"]


def test_sidecars_get_services_and_template_variables() -> None:
    block = block_of(
        """
        java:
          sideCarContainers:
          - {name: side, image: s, env: [{name: A, value: "${APP}"}], ports: [{name: web, containerPort: 81}],
             volumeMounts: [{name: "${APP}-log", mountPath: /log}]}
          app:
            container: {volumeMounts: [{name: "${APP}-log", mountPath: /log}]}
            podSpec: {volumes: [{name: "${APP}-log", emptyDir: {}}], serviceAccountName: robot}
        """
    )
    objects = rendered(SIX_LINES, block)
    pod = objects.workload["spec"]["template"]["spec"]
    side = pod["containers"][1]
    assert side["env"] == [{"name": "A", "value": "shop"}]
    assert side["volumeMounts"][0]["name"] == "shop-log"
    assert container(objects)["volumeMounts"] == [{"name": "shop-log", "mountPath": "/log"}]
    assert pod["volumes"] == [{"name": "shop-log", "emptyDir": {}}]
    assert pod["serviceAccountName"] == "robot"
    own, sidecar = objects.services
    assert (sidecar["metadata"]["name"], sidecar["spec"]["ports"][0]["port"]) == ("shop-web", 81)
    assert sidecar["metadata"]["annotations"]["prometheus.io/port"] == "81"
    assert own["metadata"]["name"] == "shop"


def test_claims_become_volumes_and_mounts() -> None:
    claim = PersistentVolumeClaimMount(name="${APP}-data", mount_path="/data", read_only=True)
    objects = rendered(msgspec.structs.replace(SIX_LINES, pvc=(claim,)))
    pod = objects.workload["spec"]["template"]["spec"]
    assert pod["volumes"] == [
        {"name": "shop-data", "persistentVolumeClaim": {"claimName": "shop-data", "readOnly": True}}
    ]
    assert container(objects)["volumeMounts"] == [
        {"name": "shop-data", "mountPath": "/data", "readOnly": True}
    ]


def test_a_node_port_is_made_in_dev_alone() -> None:
    asked = msgspec.structs.replace(SIX_LINES, node_port="true")
    assert len(rendered(asked).services) == 1
    external = rendered(asked, environment="dev").services[1]
    assert (external["metadata"]["name"], external["spec"]["type"]) == ("shop-external", "NodePort")
    assert external["spec"]["ports"][0]["port"] == 8080
    settled = rendered(asked, environment="dev", external_port=31000).services[1]
    assert settled["spec"]["ports"][0] == {
        "name": "http", "port": 31000, "targetPort": 8080, "protocol": "TCP", "nodePort": 31000,
    }  # fmt: skip


def test_a_restart_is_seen_by_the_pods() -> None:
    template = rendered(SIX_LINES, restarted_at="now").workload["spec"]["template"]
    assert template["metadata"]["annotations"] == {RESTARTED_AT: "now"}


def test_the_boot_wins_over_container_and_pod_spec() -> None:
    block = block_of(
        """
        java:
          app:
            container: {image: evil, name: evil, ports: [{containerPort: 1}], command: [config]}
            podSpec: {nodeSelector: {a: b, c: d}, priorityClassName: low}
        """
    )
    said = msgspec.structs.replace(
        SIX_LINES, command=("mine",), priority="high", node_selector={"x": "y"}, env=(EnvVar(name="A"),)
    )
    objects = rendered(said, block)
    only, pod = container(objects), objects.workload["spec"]["template"]["spec"]
    assert (only["name"], only["image"], only["command"]) == ("app", "harbor/sample:1.0", ["mine"])
    assert len(only["ports"]) == 1
    assert pod["priorityClassName"] == "high"
    assert pod["nodeSelector"] == filled(said, block).node_selector == {"x": "y", "a": "b", "c": "d"}
    assert container(rendered(SIX_LINES, block))["command"] == ["config"]


@given(specs, blocks, kinds)
def test_what_is_rendered_does_not_drift_from_itself(spec: BootSpec, block: Defaults, kind: str) -> None:
    objects = rendered(spec, block, kind=kind, environment="dev")
    assert not drift.of_workload(objects.workload, msgspec.convert(objects.workload, Workload))
    for service in objects.services:
        assert drift.of_service(service, msgspec.convert(service, Service)) == ()
    if objects.autoscaler is not None:
        assert not drift.of_autoscaler(objects.autoscaler, msgspec.convert(objects.autoscaler, Autoscaler))
    if objects.ingress is not None:
        assert not drift.of_ingress(objects.ingress, msgspec.convert(objects.ingress, Ingress))
    named = [service["metadata"]["name"] for service in objects.services]
    assert len(named) == len(set(named))
    assert named[0] == "shop"


@given(specs, blocks, kinds)
def test_defect_15_rendering_is_pure_and_shares_nothing(spec: BootSpec, block: Defaults, kind: str) -> None:
    one = app(spec, block, kind=kind)
    before = msgspec.json.encode((one, block))
    first = render(one, block, "dev")
    untouched = json_of(first)
    _scribble(render(one, block, "dev").workload)
    assert json_of(render(one, block, "dev")) == untouched
    assert msgspec.json.encode((one, block)) == before


@given(specs, blocks)
def test_container_env_is_the_env_of_the_spec(spec: BootSpec, block: Defaults) -> None:
    done = App(key=key(), uid="u", spec=filled(spec, block))
    assert container(render(done, block, "test")).get("env", []) == list(json_of(done.spec.env))


def _scribble(node: Any) -> None:
    """Change everything that can be changed in place."""
    if isinstance(node, dict):
        for inner in node.values():
            _scribble(inner)
        node["scribble"] = 1
    elif isinstance(node, list):
        for inner in node:
            _scribble(inner)
        node.append("scribble")
