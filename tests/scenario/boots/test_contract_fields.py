"""The kinds and the fields of their specs, row by row (contract 1.1 to 1.5), as the server has them.

What the webhook refuses and not the schema (":" in a mount path, the sources of a metric) is no row here.
"""

from typing import Any

import pytest

from havok.codec import Json
from havok.crds import BOOT_REVISIONS
from havok.kube import Invalid
from havok.kube.resources import CRDS
from scenario.boots.stage import Cluster, boots

KINDS = [
    ("JavaBoot", "javaboots", "javaboot", "java"),
    ("PhpBoot", "phpboots", "phpboot", "php"),
    ("PythonBoot", "pythonboots", "pythonboot", "python"),
    ("NodeJSBoot", "nodejsboots", "nodejsboot", "nodejs"),
    ("WebBoot", "webboots", "webboot", "web"),
]
COLUMNS = [
    ("Desired", "integer", ".spec.replicas"),
    ("ReadyReplicas", "integer", ".status.readyReplicas"),
    ("CurrentReplicas", "integer", ".status.currentReplicas"),
    ("Services", "string", ".status.services"),
    ("Workload", "string", ".status.workload"),
    ("Version", "string", ".spec.version"),
]
SCALE = {
    "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.HPAReplicas",
    "labelSelectorPath": ".status.selector",
}  # fmt: skip
METADATA = {"minLength": 1, "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"}


async def definition(cluster: Cluster, plural: str) -> tuple[Json, Json]:
    """The spec of a definition, and its only version."""
    found = (await cluster.client.get(CRDS, f"{plural}.app.logancloud.com"))["spec"]
    (version,) = found["versions"]
    return found, version


@pytest.fixture(scope="module")
async def space(cluster: Cluster) -> str:
    return await cluster.new_namespace()


@pytest.mark.parametrize(("kind", "plural", "singular", "short"), KINDS, ids=[row[0] for row in KINDS])
async def test_a_kind_has_its_names_columns_and_subresources(
    cluster: Cluster, kind: str, plural: str, singular: str, short: str
) -> None:
    found, version = await definition(cluster, plural)
    assert (found["group"], found["scope"], found.get("conversion")) == (
        "app.logancloud.com", "Namespaced", {"strategy": "None"},
    )  # fmt: skip
    assert found["names"] == {
        "kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular,
        "shortNames": [short],
    }  # fmt: skip
    assert (version["name"], version["served"], version["storage"]) == ("v1", True, True)
    columns = version["additionalPrinterColumns"]
    assert [(one["name"], one["type"], one["jsonPath"]) for one in columns] == COLUMNS
    assert version["subresources"] == {"status": {}, "scale": SCALE}
    name = version["schema"]["openAPIV3Schema"]["properties"]["metadata"]["properties"]["name"]
    assert name == {"type": "string", "maxLength": 47, **METADATA}


async def test_revisions_have_names_columns_and_a_status(cluster: Cluster) -> None:
    found, version = await definition(cluster, "bootrevisions")
    assert found["names"] == {
        "kind": "BootRevision", "listKind": "BootRevisionList", "plural": "bootrevisions",
        "singular": "bootrevision",
    }  # fmt: skip
    columns = version["additionalPrinterColumns"]
    assert [(one["name"], one["type"], one["jsonPath"]) for one in columns] == [COLUMNS[0], COLUMNS[-1]]
    assert version["subresources"] == {"status": {}}
    schema = version["schema"]["openAPIV3Schema"]
    assert {"bootType", "appKey"} <= set(schema["required"])
    assert schema["properties"]["metadata"]["properties"]["name"]["maxLength"] == 54


async def test_all_kinds_and_revisions_have_one_spec(cluster: Cluster) -> None:
    specs = []
    for plural in (*(row[1] for row in KINDS), "bootrevisions"):
        _, version = await definition(cluster, plural)
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        specs.append((properties["spec"]["properties"], properties["status"]["properties"].keys()))
    assert all(one == specs[0] for one in specs)
    assert set(specs[0][0]) == {
        "image", "version", "replicas", "env", "port", "subDomain", "health", "readiness", "prometheus",
        "resources", "nodeSelector", "command", "sessionAffinity", "nodePort", "pvc", "priority", "workload",
        "hpa",
    }  # fmt: skip
    assert specs[0][1] >= {
        "services", "workload", "HPAReplicas", "selector", "replicas", "currentReplicas", "readyReplicas",
        "revision",
    }  # fmt: skip


async def test_every_kind_is_scaled_by_its_subresource(cluster: Cluster, space: str) -> None:
    for kind, *_ in KINDS:
        name = f"scaled-{kind.lower()}"
        await cluster.deploy(space, name, kind, replicas=1)
        body = {"spec": {"replicas": 4}}
        await cluster.client.patch(boots(kind), name, space, body=body, subresource="scale")
        status = {"status": {"HPAReplicas": 3, "replicas": 9, "selector": f"bootName={name}"}}
        await cluster.client.patch(boots(kind), name, space, body=status, subresource="status")
        scale = await cluster.client.request("GET", boots(kind).path(space, name, "scale"))
        assert scale["spec"] == {"replicas": 4}
        assert scale["status"] == {"replicas": 3, "selector": f"bootName={name}"}


def metric(**source: Any) -> Json:
    """An enabled autoscaler with one metric in the shape of v2beta1."""
    ((name, value),) = source.items()
    return {"enable": True, "minReplicas": 1, "maxReplicas": 100, "metrics": [
        {"type": name.capitalize(), name: value}]}  # fmt: skip


KEPT: list[tuple[str, Json]] = [
    ("image", {"image": "a/b/c-d_e"}),
    ("version", {"version": "latest"}),
    ("replicas-least", {"replicas": 0}),
    ("replicas-most", {"replicas": 100}),
    ("port-least", {"port": 1}),
    ("port-most", {"port": 65535}),
    ("subDomain", {"subDomain": "anything at all"}),
    ("health-none", {"health": ""}),
    ("health-longest", {"health": "/" + "h" * 2047}),
    ("readiness-none", {"readiness": ""}),
    ("readiness-longest", {"readiness": "/" + "r" * 2047}),
    *((f"prometheus-{value or 'open'}", {"prometheus": value}) for value in ("true", "false", "")),
    *((f"affinity-{value or 'open'}", {"sessionAffinity": value}) for value in ("ClientIP", "None", "")),
    *((f"nodePort-{value}", {"nodePort": value}) for value in ("true", "false")),
    *((f"workload-{value}", {"workload": value}) for value in ("Deployment", "StatefulSet")),
    ("nodeSelector", {"nodeSelector": {"a.b/c": "d"}}),
    ("command", {"command": ["sh", "-c", ""]}),
    ("priority", {"priority": "high"}),
    ("pvc", {"pvc": [{"name": "n" * 63, "mountPath": "/", "readOnly": True}]}),
    ("pvc-variable", {"pvc": [{"name": "${APP}", "mountPath": "a"}]}),
    ("env-names", {"env": [{"name": name, "value": "${PORT}"} for name in ("a", "_", "-", ".x", "A.b-c_1")]}),
    ("env-secret", {"env": [{"name": "a", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
    ("env-configmap", {"env": [{"name": "a", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}}]}),
    ("env-field", {"env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
    ("env-resource", {"env": [{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}),
    ("amounts", {"resources": {"limits": {
        "cpu": "100m", "memory": "1.5Gi", "storage": "1e3", "ephemeral-storage": "+1"}}}),
    ("amounts-of-others", {"resources": {"requests": {"nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"}}}),
    ("hpa-off", {"hpa": {"enable": False}}),
    ("hpa-resource", {"hpa": metric(resource={"name": "memory", "targetAverageValue": "1Gi"})}),
    ("hpa-pods", {"hpa": metric(pods={
        "metricName": "m", "targetAverageValue": "1", "selector": {"matchLabels": {"a": "b"}}})}),
    ("hpa-object", {"hpa": metric(object={
        "target": {"apiVersion": "v1", "kind": "Service", "name": "s"}, "metricName": "m", "targetValue": "1",
        "averageValue": "2"})}),
    ("hpa-external", {"hpa": metric(external={"metricName": "m", "metricSelector": {}, "targetValue": "1"})}),
]  # fmt: skip


@pytest.mark.parametrize("spec", [row[1] for row in KEPT], ids=[row[0] for row in KEPT])
async def test_a_value_within_its_bounds_is_kept(cluster: Cluster, space: str, spec: Json) -> None:
    whole = {"image": "a", "version": "1", **spec}
    body = {"metadata": {"name": "kept"}, "spec": whole}
    made = await cluster.client.create(boots("NodeJSBoot"), body, space, dry_run=True)
    assert made["spec"] == whole


REFUSED: list[tuple[str, Json, str]] = [
    ("no-image", {"image": None}, "spec.image: Required value"),
    ("no-version", {"version": None}, "spec.version: Required value"),
    ("version-number", {"version": 1.5}, "spec.version"),
    ("replicas", {"replicas": 101}, "spec.replicas"),
    ("port", {"port": 65536}, "spec.port"),
    ("health", {"health": "h" * 2049}, "spec.health"),
    ("readiness", {"readiness": "r" * 2049}, "spec.readiness"),
    ("nodePort-boolean", {"nodePort": True}, "spec.nodePort"),
    ("nodePort-empty", {"nodePort": ""}, "spec.nodePort"),
    ("env-name", {"env": [{"name": "a=b"}]}, "spec.env[0].name"),
    ("env-nameless", {"env": [{"value": "a"}]}, "spec.env[0].name: Required value"),
    ("pvc-nameless", {"pvc": [{"mountPath": "/a"}]}, "spec.pvc[0].name: Required value"),
    ("pvc-unmounted", {"pvc": [{"name": "a"}]}, "spec.pvc[0].mountPath: Required value"),
    *((f"amount-of-{name}", {"resources": {"requests": {name: "-1"}}}, f"spec.resources.requests.{name}")
      for name in ("cpu", "memory", "storage", "ephemeral-storage")),
    ("amount-empty", {"resources": {"limits": {"cpu": ""}}}, "spec.resources.limits"),
    ("amount-long", {"resources": {"limits": {"cpu": "1" * 64}}}, "spec.resources.limits"),
    ("hpa-min", {"hpa": {"minReplicas": 0, "maxReplicas": 3}}, "spec.hpa.minReplicas"),
    ("hpa-max", {"hpa": {"maxReplicas": 101}}, "spec.hpa.maxReplicas"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "field"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_value_outside_its_bounds_is_refused(
    cluster: Cluster, space: str, spec: Json, field: str
) -> None:
    given = {"image": "a", "version": "1", **spec}
    body = {"metadata": {"name": "bad"}, "spec": {key: one for key, one in given.items() if one is not None}}
    with pytest.raises(Invalid) as refused:
        await cluster.client.create(boots("NodeJSBoot"), body, space, dry_run=True)
    assert field in refused.value.message


@pytest.mark.parametrize(
    ("name", "legal"),
    [("x" * 47, True), ("x" * 48, False), ("a-1", True), ("a-", False), ("A", False), ("1", False)],
)
async def test_the_name_of_a_boot_leaves_room_for_its_revisions(
    cluster: Cluster, space: str, name: str, legal: bool
) -> None:
    spec = {"image": "a", "version": "1"}
    body: Json = {"metadata": {"name": name}, "spec": spec}
    if not legal:
        with pytest.raises(Invalid, match=r"metadata\.name"):
            await cluster.client.create(boots("WebBoot"), body, space, dry_run=True)
        return
    await cluster.client.create(boots("WebBoot"), body, space, dry_run=True)
    revision = {
        "metadata": {"name": f"{name}-999999"}, "bootType": "web", "appKey": "webBoot", "spec": spec,
        "status": {"revision": "1"},
    }  # fmt: skip
    await cluster.client.create(BOOT_REVISIONS, revision, space, dry_run=True)
    revision["metadata"] = {"name": f"{'x' * 47}-9999999"}
    with pytest.raises(Invalid, match=r"metadata\.name"):
        await cluster.client.create(BOOT_REVISIONS, revision, space, dry_run=True)


async def test_unknown_fields_are_left_out(cluster: Cluster, space: str) -> None:
    body = {"metadata": {"name": "old"}, "spec": {"image": "a", "version": "1", "args": ["x"], "vpc": {}}}
    made = await cluster.client.create(boots(), body, space, dry_run=True)
    assert made["spec"] == {"image": "a", "version": "1"}


async def test_the_status_is_written_by_its_subresource_alone(cluster: Cluster, space: str) -> None:
    made = await cluster.deploy(space, "status")
    status = {"revision": "7", "services": "status", "workload": "Deployment"}
    body = {"metadata": {"name": "status"}, "status": status}
    ignored = await cluster.client.patch(boots(), "status", space, body=body)
    assert "status" not in ignored
    assert ignored["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    kept = await cluster.client.patch(boots(), "status", space, body=body, subresource="status")
    assert kept["status"] == status
