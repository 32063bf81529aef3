"""The ten compared things are seen, everything else is left alone."""

from typing import Any

import msgspec
import pytest

from havok.boots import drift
from havok.boots.config import Defaults
from havok.boots.live import Workload
from havok.boots.names import RESTARTED_AT
from havok.boots.pin import Pin
from havok.boots.render import render
from havok.crds import BootSpec
from havok.crds.spec import EnvVar, ResourceRequirements
from havok.kube.views import Service
from unit.boots.apps import app, json_of

SPEC = BootSpec(
    image="a",
    version="1",
    env=(EnvVar(name="A", value="1"),),
    resources=ResourceRequirements(limits={"cpu": "1000m", "memory": "1Gi"}),
)
RENDERED = render(app(SPEC), Defaults(), "test")
PIN = Pin("config", "deployed")


def living(change: Any = None) -> Workload:
    """The workload as the API server keeps it: with its defaults, and changed by somebody."""
    obj = json_of(msgspec.json.decode(msgspec.json.encode(RENDERED.workload)))
    container = obj["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["limits"] = {"cpu": "1", "memory": "1Gi"}
    container["terminationMessagePath"] = "/dev/termination-log"
    obj["metadata"] |= {"resourceVersion": "5", "annotations": PIN.annotations}
    if change is not None:
        change(obj, container)
    return msgspec.convert(obj, Workload)


def test_the_notation_of_the_api_server_is_no_drift() -> None:
    assert not drift.of_workload(RENDERED.workload, living())
    assert drift.narrow_patch(RENDERED.workload, living(), PIN) == {}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("image", lambda obj, app: app.update(image="other")),
        ("env", lambda obj, app: app["env"].append({"name": "B"})),
        ("ports", lambda obj, app: app["ports"].append({"containerPort": 1})),
        ("resources", lambda obj, app: app["resources"].update(requests={"cpu": 1})),
        ("probes", lambda obj, app: app.pop("livenessProbe")),
        ("probes", lambda obj, app: app["readinessProbe"].update(httpGet={"path": "/x"})),
        ("probes", lambda obj, app: app.update(livenessProbe={"exec": {"command": ["true"]}})),
        ("nodeSelector", lambda obj, app: obj["spec"]["template"]["spec"].update(nodeSelector={"a": "b"})),
        ("command", lambda obj, app: app.update(command=["sh"])),
        ("mounts", lambda obj, app: app.update(volumeMounts=[{"name": "a", "mountPath": "/a"}])),
        ("priority", lambda obj, app: obj["spec"]["template"]["spec"].update(priorityClassName="high")),
    ],
)
def test_each_compared_thing(name: str, change: Any) -> None:
    live = living(change)
    assert drift.of_workload(RENDERED.workload, live).template == (name,)


@pytest.mark.parametrize(
    "change",
    [
        lambda obj, app: app.update(imagePullPolicy="Never", securityContext={"runAsUser": 1}),
        lambda obj, app: app["livenessProbe"].update(periodSeconds=99),
        lambda obj, app: obj["spec"]["template"]["spec"].update(volumes=[{"name": "x", "emptyDir": {}}]),
        lambda obj, app: obj["spec"]["template"]["spec"]["containers"].append({"name": "mesh", "image": "m"}),
        lambda obj, app: obj["spec"]["template"]["spec"]["containers"].insert(0, {"name": "mesh"}),
        lambda obj, app: obj["spec"]["template"]["metadata"].update(annotations={RESTARTED_AT: "before"}),
        lambda obj, app: obj["metadata"]["labels"].update(team="a"),
    ],
)
def test_what_is_not_compared_is_left_alone(change: Any) -> None:
    assert not drift.of_workload(RENDERED.workload, living(change))


def test_replicas_and_restart_are_changed_without_a_render() -> None:
    rendered = render(app(SPEC, restarted_at="now"), Defaults(), "test").workload
    live = living(lambda obj, app: obj["spec"].update(replicas=5))
    assert drift.narrow_patch(rendered, live, PIN) == {
        "spec": {"replicas": 1, "template": {"metadata": {"annotations": {RESTARTED_AT: "now"}}}}
    }


def test_a_new_hash_is_remembered() -> None:
    newer = Pin("config", "newer")
    assert drift.narrow_patch(RENDERED.workload, living(), newer) == {
        "metadata": {"annotations": newer.annotations}
    }


def service(change: Any) -> Service:
    obj = json_of(msgspec.json.decode(msgspec.json.encode(RENDERED.services[0])))
    change(obj)
    return msgspec.convert(obj, Service)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("port", lambda obj: obj["spec"]["ports"][0].update(port=1)),
        ("port", lambda obj: obj["spec"]["ports"][0].update(name="other")),
        ("annotations", lambda obj: obj["metadata"]["annotations"].update({"prometheus.io/port": "1"})),
        ("annotations", lambda obj: obj["metadata"]["annotations"].update({"prometheus.io/mine": "1"})),
        ("annotations", lambda obj: obj["metadata"].pop("annotations")),
        ("sessionAffinity", lambda obj: obj["spec"].update(sessionAffinity="ClientIP")),
    ],
)
def test_each_compared_thing_of_a_service(name: str, change: Any) -> None:
    assert drift.of_service(RENDERED.services[0], service(change)) == (name,)


def test_ports_of_other_names_and_other_annotations_are_left_alone() -> None:
    def by_hand(obj: Any) -> None:
        obj["spec"]["ports"].append({"name": "grpc", "port": 9090, "targetPort": 9090})
        obj["metadata"]["annotations"]["mesh/x"] = "1"

    assert drift.of_service(RENDERED.services[0], service(by_hand)) == ()
