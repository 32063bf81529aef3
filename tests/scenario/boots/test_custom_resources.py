"""A real API server accepts the generated definitions and refuses bad Boots in words that help."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from havok.crds import BOOT_KINDS, BOOT_REVISIONS, manifests
from havok.kube import Invalid
from havok.kube.resources import CRDS
from scenario.boots.stage import Cluster, boots
from support.binaries import binary
from support.controlplane import ControlPlane


@pytest.mark.parametrize("kind", [kind.kind for kind in BOOT_KINDS])
async def test_three_words_make_a_boot_of_each_kind(cluster: Cluster, namespace: str, kind: str) -> None:
    made = await cluster.deploy(namespace, kind=kind)
    assert made["spec"] == {"image": "harbor/sample", "version": "1.0"}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"replicas": 101}, "spec.replicas in body should be less than or equal to 100"),
    ({"replicas": -1}, "spec.replicas in body should be greater than or equal to 0"),
    ({"port": 0}, "spec.port in body should be greater than or equal to 1"),
    ({"port": 65536}, "spec.port in body should be less than or equal to 65535"),
    ({"health": "x" * 2049}, "spec.health"),
    ({"prometheus": "yes"}, 'supported values: "true", "false", ""'),
    ({"prometheus": True}, "must be of type string"),
    ({"nodePort": "maybe"}, 'supported values: "true", "false"'),
    ({"sessionAffinity": "Pod"}, 'supported values: "ClientIP", "None", ""'),
    ({"workload": "Job"}, 'supported values: "Deployment", "StatefulSet"'),
    ({"env": [{"name": "1A"}]}, "spec.env[0].name"),
    ({"env": [{"name": "A"}, {"name": "A"}]}, 'Duplicate value: {"name":"A"}'),
    ({"resources": {"limits": {"cpu": "-1"}}}, "spec.resources.limits.cpu"),
    ({"resources": {"limits": {"cpu": -1}}}, "should be greater than or equal to 0"),
    ({"resources": {"limits": {"cpu": "1..2"}}}, "must be amounts in Kubernetes notation"),
    ({"pvc": [{"name": "", "mountPath": "/a"}]}, "spec.pvc[0].name in body should be at least 1 chars long"),
    ({"pvc": [{"name": "x" * 64, "mountPath": "/a"}]}, "spec.pvc[0].name"),
    ({"pvc": [{"name": "a", "mountPath": ""}]}, "spec.pvc[0].mountPath"),
    ({"hpa": {"minReplicas": 3}}, "minReplicas is given without maxReplicas"),
    ({"hpa": {"minReplicas": 5, "maxReplicas": 3}}, "maxReplicas is less than minReplicas"),
    ({"hpa": {"maxReplicas": 1}}, "spec.hpa.maxReplicas in body should be greater than or equal to 2"),
    ({"hpa": {"metrics": []}}, "spec.hpa.metrics"),
]


@pytest.mark.parametrize(("spec", "words"), BAD, ids=[json.dumps(spec)[:40] for spec, _ in BAD])
async def test_a_bad_field_is_refused(
    cluster: Cluster, namespace: str, spec: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid) as caught:
        await cluster.deploy(namespace, **spec)
    assert words in caught.value.message


@pytest.mark.parametrize("name", ["x" * 48, "1a", "a.b"])
async def test_a_bad_name_is_refused(cluster: Cluster, namespace: str, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await cluster.deploy(namespace, name)
    assert "metadata.name" in caught.value.message


GOOD: list[dict[str, Any]] = [
    {"replicas": 0, "health": "", "prometheus": "", "sessionAffinity": "", "workload": "StatefulSet"},
    {"resources": {"limits": {"cpu": 1, "memory": "1Gi", "nvidia.com/gpu": "1"}, "requests": {"cpu": "0"}}},
    {"env": [{"name": "a.b-c_D", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
    {"pvc": [{"name": "${APP}-data", "mountPath": "/data"}]},
    {"hpa": {"enable": True, "minReplicas": 1, "maxReplicas": 2, "metrics": [
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 80}},
        {"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
        {"type": "Object", "object": {
            "target": {"kind": "Service", "name": "x"}, "metricName": "m", "targetValue": "1k"}},
    ]}},
]  # fmt: skip


@pytest.mark.parametrize("spec", GOOD, ids=[json.dumps(spec)[:40] for spec in GOOD])
async def test_every_kind_of_field_is_kept(cluster: Cluster, namespace: str, spec: dict[str, Any]) -> None:
    made = await cluster.deploy(namespace, **spec)
    assert {key: made["spec"].get(key) for key in spec} == spec


async def test_the_workload_cannot_be_changed_once_it_runs(cluster: Cluster, namespace: str) -> None:
    await cluster.deploy(namespace)
    status = {"status": {"workload": "Deployment"}}
    await cluster.client.patch(boots(), "demo", namespace, body=status, subresource="status")
    await cluster.change(namespace, workload="Deployment")
    with pytest.raises(Invalid) as caught:
        await cluster.change(namespace, workload="StatefulSet")
    assert (
        "spec.workload: Forbidden: the workload is Deployment and cannot be changed" in caught.value.message
    )


async def test_a_boot_is_scaled_by_its_subresource(cluster: Cluster, namespace: str) -> None:
    await cluster.deploy(namespace, replicas=1)
    body = {"spec": {"replicas": 3}}
    await cluster.client.patch(boots(), "demo", namespace, body=body, subresource="scale")
    status = {"status": {"HPAReplicas": 2, "selector": "app=havok"}}
    await cluster.client.patch(boots(), "demo", namespace, body=status, subresource="status")
    path = boots().path(namespace, "demo", "scale")
    scale = await cluster.client.request("GET", path)
    assert (scale["spec"]["replicas"], scale["status"]) == (3, {"replicas": 2, "selector": "app=havok"})


async def test_a_revision_carries_its_type_beside_the_spec(cluster: Cluster, namespace: str) -> None:
    body = {
        "metadata": {"name": "demo-1"}, "bootType": "java", "appKey": "javaBoot",
        "spec": {"image": "a", "version": "1"},
    }  # fmt: skip
    made = await cluster.client.create(BOOT_REVISIONS, body, namespace)
    assert made["bootType"] == "java"
    with pytest.raises(Invalid, match="appKey: Required value"):
        await cluster.client.create(BOOT_REVISIONS, {**body, "appKey": None}, namespace)


@pytest.fixture
def kubectl(boots_plane: ControlPlane, tmp_path: Path) -> Callable[..., str]:
    """kubectl as the administrator."""
    access = boots_plane.access()
    identity = access.credentials
    for name, data in (("ca", access.ca), ("crt", identity.certificate), ("key", identity.key)):
        (tmp_path / name).write_bytes(data or b"")
    base = [
        str(binary("kubectl")), f"--server={boots_plane.server}", f"--cache-dir={tmp_path / 'cache'}",
        f"--certificate-authority={tmp_path / 'ca'}", f"--client-certificate={tmp_path / 'crt'}",
        f"--client-key={tmp_path / 'key'}",
    ]  # fmt: skip

    def run(*words: str) -> str:
        return subprocess.run([*base, *words], capture_output=True, text=True, check=True).stdout

    return run


@pytest.mark.parametrize("word", ["java", "javaboot", "javaboots", "javaboots.app.logancloud.com"])
async def test_kubectl_shows_the_columns_of_the_contract(
    cluster: Cluster, namespace: str, kubectl: Callable[..., str], word: str
) -> None:
    await cluster.deploy(namespace, replicas=2)
    status = {"readyReplicas": 1, "currentReplicas": 2, "services": "demo", "workload": "Deployment"}
    await cluster.client.patch(boots(), "demo", namespace, body={"status": status}, subresource="status")
    head, row = kubectl("get", word, "-n", namespace).splitlines()
    assert head.split() == [
        "NAME", "DESIRED", "READYREPLICAS", "CURRENTREPLICAS", "SERVICES", "WORKLOAD", "VERSION",
    ]  # fmt: skip
    assert row.split() == ["demo", "2", "1", "2", "demo", "Deployment", "1.0"]


def test_kubectl_explains_a_field(cluster: Cluster, kubectl: Callable[..., str]) -> None:
    text = kubectl("explain", "pythonboot.spec.health")
    assert "The HTTP path of the probes" in text


async def test_applying_the_definitions_again_changes_nothing(cluster: Cluster) -> None:
    before = [await cluster.client.get(CRDS, manifest["metadata"]["name"]) for manifest in manifests()]
    await cluster.install()
    after = [await cluster.client.get(CRDS, manifest["metadata"]["name"]) for manifest in manifests()]
    assert before == after
