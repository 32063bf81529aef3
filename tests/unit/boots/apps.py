"""Boots and configs that the tests of the pure core share."""

from typing import Any

import msgspec
from hypothesis import strategies as st

from havok.boots import config, defaults
from havok.boots.config import Defaults, IngressBlock
from havok.boots.names import BootKey
from havok.boots.render import App
from havok.crds import BOOT_KINDS, BootSpec, boot_kind
from havok.crds.autoscaling import Autoscaling, Metric, PodsMetric
from havok.crds.spec import EnvVar, PersistentVolumeClaimMount, ResourceRequirements


def key(kind: str = "JavaBoot", name: str = "shop") -> BootKey:
    row = boot_kind(kind)
    assert row is not None
    return BootKey(row, "demo", name)


def filled(
    spec: BootSpec, block: Defaults | None = None, *, name: str = "shop", environment: str = "test"
) -> BootSpec:
    return defaults.fill(spec, {}, name=name, defaults=block or Defaults(), environment=environment).spec


def app(spec: BootSpec, block: Defaults | None = None, *, kind: str = "JavaBoot", **more: Any) -> App:
    return App(key=key(kind), uid="uid-1", spec=filled(spec, block), **more)


def block_of(text: str, *, kind: str = "JavaBoot", environment: str = "test", profile: str = "") -> Defaults:
    return config.parse(text, environment).defaults(key(kind).kind, profile)


words = st.text("abcxyz-", min_size=1, max_size=8)
amounts = st.sampled_from(["1", "500m", "0", "2", 1, "1Gi", "512Mi", "2000m"])
resources = st.builds(
    ResourceRequirements,
    limits=st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), amounts),
    requests=st.dictionaries(st.sampled_from(["cpu", "memory"]), amounts),
)
env = st.lists(
    st.builds(EnvVar, name=st.sampled_from("ABCDE"), value=st.sampled_from(["", "v", "${APP}", "<&>"])),
    unique_by=lambda one: one.name,
).map(tuple)
CLAIM = PersistentVolumeClaimMount(name="${APP}-data", mount_path="/data")
ODD_CONTAINER = {"image": "other", "env": [], "readinessProbe": {"initialDelaySeconds": 1, "exec": {}}}
LOGGING = {
    "startupProbe": {"periodSeconds": 1},
    "volumeMounts": [{"name": "${APP}-log", "mountPath": "/log"}],
}
SIDECAR = {"name": "side", "image": "s", "ports": [{"name": "m", "containerPort": 1}]}
CLASHING = {"name": "other", "image": "s", "ports": [{"name": "m", "containerPort": 2}, {"containerPort": 3}]}
OLD_SHAPE = Autoscaling(
    enable=True,
    max_replicas=3,
    metrics=(Metric(type="Pods", pods=PodsMetric(metric_name="qps", target_average_value="1")),),
)
specs = st.builds(
    BootSpec,
    image=words,
    version=words,
    replicas=st.none() | st.integers(0, 100),
    env=env,
    port=st.sampled_from([0, 80, 8080]),
    health=st.sampled_from([None, "", "/health", "/h?x=1"]),
    readiness=st.sampled_from([None, "", "/ready"]),
    prometheus=st.sampled_from(["", "true", "false"]),
    resources=st.none() | resources,
    node_selector=st.dictionaries(words, words, max_size=2),
    command=st.lists(words, max_size=2).map(tuple),
    session_affinity=st.sampled_from(["", "None", "ClientIP"]),
    node_port=st.sampled_from(["", "true", "false"]),
    pvc=st.sampled_from([(), (CLAIM,)]),
    priority=st.sampled_from(["", "high"]),
    workload=st.sampled_from(["", "Deployment", "StatefulSet"]),
    hpa=st.sampled_from([None, Autoscaling(), Autoscaling(enable=True), OLD_SHAPE]),
)
blocks = st.builds(
    Defaults,
    port=st.sampled_from([8080, 9000]),
    replicas=st.integers(1, 3),
    env=env,
    resources=resources,
    node_selector=st.dictionaries(words, words, max_size=2),
    registry=st.sampled_from(["", "registry.example:5000"]),
    health_port=st.sampled_from([0, 7070]),
    scrape=st.booleans(),
    container=st.sampled_from([{}, ODD_CONTAINER, LOGGING]),
    pod_spec=st.sampled_from([{}, {"volumes": [{"name": "${APP}-log", "emptyDir": {}}]}]),
    sidecars=st.sampled_from([(), (SIDECAR,), (SIDECAR, CLASHING)]),
    node_port=st.booleans(),
    ingress=st.sampled_from([IngressBlock(), IngressBlock(host="${APP}.example.com", tls="${APP}")]),
)
kinds = st.sampled_from([row.kind for row in BOOT_KINDS])


def json_of(value: object) -> Any:
    return msgspec.to_builtins(value)
