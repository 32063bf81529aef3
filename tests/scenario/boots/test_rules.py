"""What the validating webhook accepts and refuses, asked through the API server (contract 6.2)."""

import base64
from pathlib import Path
from typing import Any

import pytest

from havok.boots import names
from havok.codec import Json
from havok.kube import AlreadyExists, Client, Denied, Invalid, KubeError
from havok.kube.resources import CONFIGMAPS, NAMESPACES, PRIORITYCLASSES, PVCS, SECRETS, VALIDATING_WEBHOOKS
from havok.text import explain
from scenario.boots.admitting import admission
from scenario.boots.stage import Cluster, Running, boots
from support.controlplane import ControlPlane

PREFIX = 'admission webhook "validation.app.logancloud.com" denied the request: '
CONFIG = """
java: {app: {port: 9000, env: [{name: PLATFORM, value: "${APP}:${PORT}"}]}}
vip: {app: {env: [{name: TIER, value: "vip ${ENV}"}]}}
"""


async def refused(cluster: Cluster, namespace: str, name: str = "demo", **spec: Any) -> str:
    """The words of the refusal; the prefix is exactly the contract's."""
    with pytest.raises(Denied) as caught:
        await cluster.deploy(namespace, name, **spec)
    return words_of(caught.value)


def words_of(error: Denied) -> str:
    assert error.message.startswith(PREFIX), error.message
    return error.message.removeprefix(PREFIX)


async def make_claim(cluster: Cluster, namespace: str, name: str, labels: dict[str, str]) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    await cluster.client.create(PVCS, body, namespace)


async def make_secret(cluster: Cluster, namespace: str, *permitted: str) -> None:
    annotations = {f"{names.PREFIX}secret-{boot}": "" for boot in permitted}
    data = {"password": base64.b64encode(b"hunter2").decode()}
    body = {"metadata": {"name": "db", "annotations": annotations}, "data": data}
    await cluster.client.create(SECRETS, body, namespace)


def from_secret(name: str = "db", key: str = "password") -> list[Json]:
    return [{"name": "P", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]


async def configured(cluster: Cluster, operator: Running, text: str, key: str) -> None:
    """Write the central config and wait until the webhook goes by it: `key` is an env that it sets."""
    await cluster.configure(operator.options.namespace, text)
    body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
    while True:
        made = await cluster.client.create(boots(), body, operator.options.namespace, dry_run=True)
        if any(one["name"] == key for one in made["spec"].get("env", ())):
            return


async def test_the_api_server_is_told_as_the_contract_says(cluster: Cluster, admitting: Running) -> None:
    live = await cluster.client.get(VALIDATING_WEBHOOKS, "logan-app-webhook-validation")
    of_boots, of_config = live["webhooks"]
    assert of_boots["name"] == "validation.app.logancloud.com"
    assert of_boots["clientConfig"]["url"].endswith("/boot-validator")
    assert of_boots["failurePolicy"] == "Fail"
    assert of_boots["rules"][0]["operations"] == ["CREATE", "UPDATE"]
    assert of_config["name"] == "config.validation.app.logancloud.com"
    assert of_config["clientConfig"]["url"].endswith("/boot-configmaps")
    assert (of_config["failurePolicy"], of_config["sideEffects"]) == ("Ignore", "None")
    assert of_config["rules"][0]["operations"] == ["CREATE", "UPDATE", "DELETE"]


async def test_a_name_is_used_once_over_all_kinds(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    await cluster.deploy(namespace)
    words = await refused(cluster, namespace, kind="PhpBoot")
    assert words.startswith(f"the name demo is already used in namespace {namespace} by a JavaBoot;")
    with pytest.raises(AlreadyExists, match="by a JavaBoot"):
        await cluster.deploy(namespace)
    await cluster.deploy(namespace, "other", kind="PhpBoot")


SOURCES: list[tuple[Json, str]] = [
    ({"fieldRef": {"fieldPath": "metadata.name"}}, "fieldRef is not allowed for env P"),
    ({"resourceFieldRef": {"resource": "limits.cpu"}}, "resourceFieldRef is not allowed for env P"),
    ({"configMapKeyRef": {"name": "a", "key": "b"}}, "configMapKeyRef is not allowed for env P"),
    ({}, "env P names no source"),
    ({"secretKeyRef": {"name": "A_B", "key": "k"}}, '"A_B" of env P is no name of a Secret'),
    ({"secretKeyRef": {"name": "a", "key": "a/b"}}, '"a/b" of env P is no key of a Secret'),
    ({"secretKeyRef": {"name": "a", "key": ".."}}, '".." of env P is no key of a Secret'),
]


async def test_values_come_from_secrets_alone(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    for source, words in SOURCES:
        assert words in await refused(cluster, namespace, env=[{"name": "P", "valueFrom": source}])
    both = {"name": "P", "value": "x", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    assert "env P has value and valueFrom" in await refused(cluster, namespace, env=[both])


async def test_a_secret_has_to_permit_the_boot(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    words = await refused(cluster, namespace, env=from_secret())
    assert f"spec.env[0].valueFrom.secretKeyRef.name: secret db is not in namespace {namespace}" in words
    await make_secret(cluster, namespace, "friend")
    assert "secret db has no key user" in await refused(cluster, namespace, env=from_secret(key="user"))
    words = await refused(cluster, namespace, env=from_secret())
    assert "secret db does not permit boot demo" in words
    assert "app.logancloud.com/secret-demo" in words
    await cluster.deploy(namespace, "friend", env=from_secret())


async def test_what_cannot_be_looked_up_is_not_called_a_missing_permission(
    cluster: Cluster, admitting: Running
) -> None:
    other = await unserved(cluster)
    words = await refused(cluster, other, env=from_secret())
    assert words.startswith("secret db could not be checked, try again: ")
    assert "bind ClusterRole havok:secret-reader to the operator" in words


async def unserved(cluster: Cluster) -> str:
    """A namespace where nobody lets the operator read Secrets."""
    made = await cluster.client.create(NAMESPACES, {"metadata": {"generateName": "unserved-"}})
    return str(made["metadata"]["name"])


async def test_the_env_of_the_config_cannot_be_contradicted(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    await configured(cluster, admitting, CONFIG, "PLATFORM")
    own = {"name": "OWN", "value": "1"}
    other = [{"name": "PLATFORM", "value": "other"}]
    words = await refused(cluster, namespace, env=other)
    assert 'env PLATFORM is set by the central config to "demo:9000" and cannot be another' in words
    same = [{"name": "PLATFORM", "value": "demo:9000"}, own]
    made = await cluster.deploy(namespace, env=same)
    assert made["spec"]["env"] == same
    with pytest.raises(Denied) as caught:
        await cluster.change(namespace, env=[own])
    assert "env PLATFORM is set by the central config and cannot be deleted" in words_of(caught.value)
    with pytest.raises(Denied) as caught:
        await cluster.change(namespace, env=[*other, own])
    assert "cannot be another" in words_of(caught.value)
    changed = await cluster.change(namespace, env=[same[0], {"name": "OWN", "value": "2"}])
    assert changed["spec"]["env"][1]["value"] == "2"
    changed = await cluster.change(namespace, env=same[:1])
    assert changed["spec"]["env"] == same[:1]


async def test_defect_13_a_profile_has_its_own_env_and_templates_match(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    await configured(cluster, admitting, CONFIG, "PLATFORM")
    body = {
        "metadata": {"name": "demo", "annotations": {names.PROFILE: "vip"}},
        "spec": {"image": "a", "version": "1", "env": [{"name": "PLATFORM", "value": "free"}]},
    }
    made = await cluster.client.create(boots(), body, namespace)
    assert {one["name"]: one["value"] for one in made["spec"]["env"]} == {
        "PLATFORM": "free", "TIER": "vip test",
    }  # fmt: skip
    with pytest.raises(Denied, match="env TIER is set by the central config and cannot be deleted"):
        await cluster.change(namespace, env=[{"name": "PLATFORM", "value": "free"}])


async def test_an_update_without_the_remembered_env_is_checked_too(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    await configured(cluster, admitting, CONFIG, "PLATFORM")
    await cluster.deploy(namespace)
    body = {"spec": {"env": []}, "metadata": {"annotations": {names.LAST_ENV: None}}}
    with pytest.raises(Denied, match="cannot be deleted"):
        await cluster.client.patch(boots(), "demo", namespace, body=body)


METRICS: list[tuple[Json, str]] = [
    ({"type": "Disk"}, 'metrics[0].type: "Disk" is not known'),
    ({"type": "Resource"}, "metrics[0].resource: type Resource needs it"),
    (
        {"type": "Resource", "resource": {"name": "cpu"}},
        "metrics[0].resource: no target is given",
    ),
    (
        {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 0}},
        "metrics[0].resource.targetAverageUtilization: 0 is not greater than 0",
    ),
    (
        {
            "type": "Resource",
            "resource": {"name": "cpu", "targetAverageUtilization": 1, "targetAverageValue": "1"},
        },
        "targetAverageUtilization is given too",
    ),
    (
        {"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "Value", "value": 1}}},
        'metrics[0].pods.target.type: "Value" does not fit',
    ),
]


async def test_metrics_make_sense_in_both_shapes(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    for metric, words in METRICS:
        assert words in await refused(cluster, namespace, hpa={"metrics": [metric]})
    await cluster.deploy(
        namespace, hpa={"maxReplicas": 3, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 80}},
            {"type": "Resource", "resource": {
                "name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
            {"type": "Pods", "pods": {"metricName": "q", "targetAverageValue": "1k"}},
        ]},
    )  # fmt: skip
    with pytest.raises(Invalid, match="minReplicas is given without maxReplicas"):
        await cluster.deploy(namespace, "other", hpa={"minReplicas": 2})


async def test_a_priority_class_has_to_permit_the_namespace(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    name = f"high-{namespace}"
    assert f"PriorityClass {name} does not exist" in await refused(cluster, namespace, priority=name)
    await cluster.client.create(PRIORITYCLASSES, {"metadata": {"name": name}, "value": 1000})
    words = await refused(cluster, namespace, priority=name)
    assert f"PriorityClass {name} does not permit namespace {namespace}" in words
    assert f"app.logancloud.com/priority-{namespace}" in words
    mark = {"metadata": {"annotations": {f"app.logancloud.com/priority-{namespace}": "yes"}}}
    await cluster.client.patch(PRIORITYCLASSES, name, body=mark)
    await cluster.deploy(namespace, priority=name)
    words = await refused(cluster, namespace, "other", priority="system-node-critical")
    assert "PriorityClass system-node-critical is for namespace kube-system alone" in words


async def test_claims_are_refused_in_the_exact_words(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace

    async def answer(name: str, path: str = "/data", **more: Any) -> str:
        return await refused(cluster, namespace, pvc=[{"name": name, "mountPath": path, **more}])

    name = "d" * 40
    words = await refused(cluster, namespace, name, pvc=[{"name": "${APP}" + "x" * 30, "mountPath": "/a"}])
    assert words.startswith(f"the pvc name {name}{'x' * 30} must be not empty and no more than 63 characters")
    assert (await answer("${APP}_a")).startswith("the pvc demo_a is a DNS-1123 label.")
    words = "the pvc MountPath must be not empty and  not contain ':'"
    assert (await answer("a", "/a:b")).startswith(words)
    assert f"the pvc a is not in namespace {namespace}" in await answer("a")
    await make_claim(cluster, namespace, "demo-data", {"app": "other"})
    words = "the pvc demo-data's label don't match the boot demo"
    assert (await answer("${APP}-data")).startswith(words)
    await make_claim(cluster, namespace, "common", {"shared": "true"})
    assert "the pvc common is shared and can only be mounted read-only" in await answer("common")


async def test_claims_that_are_the_boots_own_or_shared_are_mounted(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    own = {"app": "havok", "bootName": "demo", "bootType": "java"}
    await make_claim(cluster, namespace, "demo-data", own)
    await make_claim(cluster, namespace, "common", {"shared": "true", "more": "x"})
    await make_claim(cluster, namespace, "extra", {**own, "more": "x"})
    claims = [
        {"name": "${APP}-data", "mountPath": "/data"},
        {"name": "common", "mountPath": "/common", "readOnly": True},
    ]
    await cluster.deploy(namespace, pvc=claims)
    with pytest.raises(Denied, match="the pvc extra's label don't match the boot demo"):
        await cluster.change(namespace, pvc=[{"name": "extra", "mountPath": "/x"}])


async def test_the_first_rule_that_fails_answers(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    wrong: Json = {
        "env": from_secret(), "priority": "none", "pvc": [{"name": "none", "mountPath": "/a"}],
        "hpa": {"metrics": [{"type": "Disk"}]},
    }  # fmt: skip
    assert "secret db" in await refused(cluster, namespace, **wrong)
    await make_secret(cluster, namespace, "demo")
    assert '"Disk" is not known' in await refused(cluster, namespace, **wrong)
    del wrong["hpa"]
    assert "PriorityClass none" in await refused(cluster, namespace, **wrong)
    del wrong["priority"]
    assert "the pvc none is not" in await refused(cluster, namespace, **wrong)


async def test_a_permission_taken_back_stands_in_the_way_of_the_next_change_alone(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    await make_secret(cluster, namespace, "demo")
    await cluster.deploy(namespace, env=from_secret())
    await cluster.client.delete(SECRETS, "db", namespace)
    labels = {"metadata": {"labels": {"team": "a"}}}
    await cluster.client.patch(boots(), "demo", namespace, body=labels)
    with pytest.raises(Denied, match="secret db is not in namespace"):
        await cluster.change(namespace, version="2.0")
    await cluster.client.delete(boots(), "demo", namespace)


async def test_a_dry_run_is_refused_alike_and_leaves_nothing(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    body = {"metadata": {"name": "dry"}, "spec": {"image": "a", "version": "1", "priority": "none"}}
    with pytest.raises(Denied, match="PriorityClass none does not exist"):
        await cluster.client.create(boots(), body, namespace, dry_run=True)
    assert (await cluster.client.list(boots(), namespace)).items == []


async def test_a_config_that_cannot_be_read_is_refused_with_its_line(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    await configured(cluster, admitting, CONFIG, "PLATFORM")
    denied = 'admission webhook "config.validation.app.logancloud.com" denied the request: '
    for text, words in (
        ("java:\n  app:\n    port: many\n", "line 3"),
        ("{xx:123,}", "line 1"),
        ("  \n", "data['config.yaml'] is missing or blank"),
    ):
        with pytest.raises(Denied) as caught:
            await cluster.configure(namespace, text)
        assert caught.value.message.startswith(denied)
        assert words in caught.value.message
    name = admitting.options.config_map
    with pytest.raises(Denied, match="is missing or blank"):
        await cluster.client.patch(CONFIGMAPS, name, namespace, body={"data": {"config.yaml": None}})
    with pytest.raises(Denied, match="is the central config and cannot be deleted"):
        await cluster.client.delete(CONFIGMAPS, name, namespace)
    other = {"metadata": {"name": "mine"}, "data": {"config.yaml": "{"}}
    await cluster.client.create(CONFIGMAPS, other, namespace)
    await cluster.client.delete(CONFIGMAPS, "mine", namespace)


async def test_asking_about_a_config_does_not_load_it(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    body = {"metadata": {"name": admitting.options.config_map}, "data": {"config.yaml": CONFIG}}
    await cluster.client.create(CONFIGMAPS, body, namespace, dry_run=True)
    made = await cluster.deploy(namespace)
    assert "env" not in made["spec"]


async def test_who_changed_it_is_who_asked(
    cluster: Cluster, admitting: Running, boots_plane: ControlPlane
) -> None:
    namespace = admitting.options.namespace
    made = await cluster.deploy(namespace)
    assert made["metadata"]["annotations"][names.CHANGED_BY] == "admin"
    boot = await admitting.settled()
    assert boot["metadata"]["annotations"][names.CHANGED_BY] == "admin"
    forged = {"metadata": {"annotations": {names.CHANGED_BY: "boss"}}}
    async with Client(boots_plane.access("ann", ("system:masters",))) as ann:
        left = await ann.patch(boots(), "demo", namespace, body=forged)
        assert left["metadata"]["annotations"][names.CHANGED_BY] == "admin"
        changed = await ann.patch(boots(), "demo", namespace, body={**forged, "spec": {"version": "2"}})
        assert changed["metadata"]["annotations"][names.CHANGED_BY] == "ann"
    boot = await admitting.settled()
    assert boot["metadata"]["annotations"][names.CHANGED_BY] == "ann"


async def test_a_config_broken_from_the_start_keeps_admission_up(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    await cluster.configure(namespace, "java:\n  app:\n    port: many\n")
    async with admission(cluster, namespace, tmp_path, fills=False):
        words = await refused(cluster, namespace, env=[{"name": "A", "value": "b"}])
        assert words.startswith("central config is broken, line 3: ")
        assert words.endswith("; nothing was changed")
        assert "does not exist" in await refused(cluster, namespace, priority="none")
        made = await cluster.deploy(namespace)
        assert "port" not in made["spec"]
        assert made["metadata"]["annotations"][names.CHANGED_BY] == "admin"
        await cluster.configure(namespace, CONFIG)
        boot = await cluster.until(
            boots(), "demo", namespace, lambda one: bool(one.get("status", {}).get("services"))
        )
    assert boot["spec"]["port"] == 9000
    assert boot["metadata"]["annotations"][names.CHANGED_BY] == "admin"


async def test_one_environment_down_does_not_stop_another(cluster: Cluster, admitting: Running) -> None:
    other = f"{admitting.options.namespace}-dev"
    await cluster.client.create(NAMESPACES, {"metadata": {"name": other}})
    await admitting.stopped()
    await cluster.deploy(other)
    with pytest.raises(KubeError, match="failed calling webhook"):
        await cluster.deploy(admitting.options.namespace)


async def test_a_refusal_is_told_in_the_persons_language(cluster: Cluster, admitting: Running) -> None:
    namespace = admitting.options.namespace
    await make_secret(cluster, namespace)
    with pytest.raises(Denied) as caught:
        await cluster.deploy(namespace, env=from_secret())
    assert caught.value.code == "boots.refused.secret.permission"
    message, hint = explain(caught.value, "zh")
    assert message == "spec.env[0].valueFrom.secretKeyRef：Secret db 没有授权应用 demo"
    assert hint.endswith(f"kubectl annotate secret db -n {namespace} app.logancloud.com/secret-demo=true")
