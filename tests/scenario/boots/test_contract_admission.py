"""Contract section 6 row by row: wiring, rules and texts, as kubectl and other clients see them."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from havok.boots import names, webhooks
from havok.boots.options import OperatorOptions
from havok.cli.console import Console
from havok.cli.failure import report
from havok.codec import Json
from havok.crds import BOOT_KINDS, BOOT_REVISIONS
from havok.kube import AlreadyExists, Denied, Invalid
from havok.kube.resources import (
    CLUSTERROLES,
    CONFIGMAPS,
    DEPLOYMENTS,
    EVENTS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PRIORITYCLASSES,
    SECRETS,
    SERVICES,
    VALIDATING_WEBHOOKS,
)
from havok.text import explain
from scenario.boots.admitting import admission
from scenario.boots.kubectl import Kubectl
from scenario.boots.stage import Cluster, Running, boots
from scenario.boots.test_rules import configured, from_secret, make_claim, make_secret, refused, words_of
from support.controlplane import ControlPlane

CONFIG = "java: {app: {port: 9000, env: [{name: PLATFORM, value: one}]}}"
VALIDATION = 'admission webhook "validation.app.logancloud.com" denied the request: '
MUTATION = 'admission webhook "mutation.app.logancloud.com" denied the request: '


@pytest.fixture(scope="module")
async def stand(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One operator with webhooks for the whole module; each test has Boots of its own names."""
    namespace = await cluster.new_namespace()
    async with admission(cluster, namespace, tmp_path_factory.mktemp("admission")) as operator:
        await configured(cluster, operator, CONFIG, "PLATFORM")
        yield operator


@pytest.fixture(scope="module")
def kubectl(boots_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(boots_plane, tmp_path_factory.mktemp("kubectl"))


def boot(name: str = "demo", kind: str = "JavaBoot", **spec: Any) -> Json:
    return {
        "apiVersion": "app.logancloud.com/v1", "kind": kind, "metadata": {"name": name},
        "spec": {"image": "harbor/sample", "version": "1.0", **spec},
    }  # fmt: skip


WIRING = [("test", "", "Fail"), ("dev", "-dev", "Ignore"), ("auto", "-auto", "Ignore")]


@pytest.mark.parametrize(("environment", "suffix", "policy"), WIRING)
async def test_the_api_server_keeps_the_wiring_of_each_environment(
    cluster: Cluster, namespace: str, environment: str, suffix: str, policy: str
) -> None:
    """Each row of 6.1; those of `test` are put in order again by the operator that runs."""
    options = OperatorOptions(environment=environment, webhook_url="https://127.0.0.1:1")
    names_of = (options.webhook_configuration, options.validating_configuration)
    assert names_of == (f"logan-app-webhook-mutation{suffix}", f"logan-app-webhook-validation{suffix}")
    resources = (MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS)
    try:
        await webhooks.install(cluster.operator, options, b"")
        live = [
            await cluster.client.get(resource, name)
            for resource, name in zip(resources, names_of, strict=True)
        ]
    finally:
        for resource, name in zip(resources, names_of, strict=True):
            await cluster.client.delete(resource, name)
    (mutating,), (validating, config) = (one["webhooks"] for one in live)
    for one, name, path in (
        (mutating, "mutation.app.logancloud.com", "/boot-mutator"),
        (validating, "validation.app.logancloud.com", "/boot-validator"),
    ):
        assert (one["name"], one["failurePolicy"]) == (name, policy)
        assert one["clientConfig"]["url"] == f"https://127.0.0.1:1{path}"
        (rule,) = one["rules"]
        assert rule["operations"] == ["CREATE", "UPDATE"]
        assert rule["resources"] == [kind.plural for kind in BOOT_KINDS]
        (chosen,) = one["namespaceSelector"]["matchExpressions"]
        assert (chosen["key"], chosen["operator"]) == ("control-plane", "DoesNotExist")
        assert (one["sideEffects"], one["admissionReviewVersions"]) == ("None", ["v1"])
    assert (config["name"], config["failurePolicy"]) == ("config.validation.app.logancloud.com", "Ignore")
    assert config["clientConfig"]["url"] == "https://127.0.0.1:1/boot-configmaps"
    assert config["rules"][0]["operations"] == ["CREATE", "UPDATE", "DELETE"]
    assert config["rules"][0]["resources"] == ["configmaps"]
    (chosen,) = config["namespaceSelector"]["matchExpressions"]
    assert (chosen["key"], chosen["operator"]) == ("logan-operator", "Exists")


EXACT: list[tuple[str, Json, str]] = [
    ("unnamed", {"name": "", "mountPath": "/a"},
     MUTATION + "spec.pvc.name in body should be at least 1 chars long"),
    ("long", {"name": "x" * 64, "mountPath": "/a"},
     MUTATION + "spec.pvc.name in body should be at most 63 chars long"),
    ("unmounted", {"name": "x", "mountPath": ""},
     MUTATION + "spec.pvc.mountPath in body should be at least 1 chars long"),
    ("decoded", {"name": "${APP}" + "x" * 57, "mountPath": "/a"},
     f"{VALIDATION}the pvc name decoded{'x' * 57} must be not empty and no more than 63 characters; "
     "spec.pvc[0].name: give a claim of such a name"),
    ("label", {"name": "${APP}_a", "mountPath": "/a"},
     f"{VALIDATION}the pvc label_a is a DNS-1123 label. spec.pvc[0].name has other characters; "
     "use lower case letters, digits and '-', with a letter or digit at both ends"),
    ("colon", {"name": "a", "mountPath": "/a:b"},
     f"{VALIDATION}the pvc MountPath must be not empty and  not contain ':'; "
     "spec.pvc[0].mountPath: give a path like /data"),
    ("foreign", {"name": "${APP}-data", "mountPath": "/a"},
     f"{VALIDATION}the pvc foreign-data's label don't match the boot foreign; spec.pvc[0].name: its labels "
     "must be exactly app=havok,bootName=foreign,bootType=java, or shared=true for a read-only mount"),
]  # fmt: skip


async def test_the_exact_texts_as_kubectl_prints_them(
    cluster: Cluster, stand: Running, kubectl: Kubectl
) -> None:
    namespace = stand.options.namespace
    await make_claim(cluster, namespace, "foreign-data", {"app": "other"})
    for name, claim, words in EXACT:
        printed = await kubectl.refused("create", "-n", namespace, body=boot(name, pvc=[claim]))
        assert printed == f'Error from server: error when creating "STDIN": {words}'
    await cluster.deploy(namespace, "exact")
    for _, claim, words in EXACT[:3]:
        with pytest.raises(Denied) as caught:
            await cluster.change(namespace, "exact", pvc=[claim])
        assert caught.value.message == words


async def test_defaults_come_back_from_kubectl_create(stand: Running, kubectl: Kubectl) -> None:
    """`--dry-run=server` shows what a create returns."""
    namespace = stand.options.namespace
    shown = await kubectl.run(
        "create", "-n", namespace, "--dry-run=server", "-o", "jsonpath={.spec.port} {.spec.env[0].value}",
        "-f", "-", body=boot("seen"),
    )  # fmt: skip
    assert shown == "9000 one"


async def test_rule_1_a_name_is_taken_by_any_of_the_five_kinds_at_create_alone(
    cluster: Cluster, stand: Running
) -> None:
    namespace = stand.options.namespace
    for holder in BOOT_KINDS:
        name = f"held-{holder.boot_type}"
        await cluster.deploy(namespace, name, holder.kind)
        for kind in BOOT_KINDS:
            if kind != holder:
                words = await refused(cluster, namespace, name, kind=kind.kind)
                assert words == (
                    f"the name {name} is already used in namespace {namespace} by a {holder.kind}; "
                    f"metadata.name: choose another one, or delete the {holder.kind} {name} first"
                )
        with pytest.raises(AlreadyExists):
            await cluster.deploy(namespace, name, holder.kind)
        await cluster.change(namespace, name, holder.kind, version="2.0")
    elsewhere = await cluster.new_namespace()
    await cluster.deploy(elsewhere, "held-java", "PhpBoot")


async def test_rule_2_and_3_on_create_and_update(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    await make_secret(cluster, namespace, "allowed", "other-boot")
    legal = {"secretKeyRef": {"name": "db", "key": "password"}}
    two = {**legal, "configMapKeyRef": {"name": "a", "key": "b"}}
    table: list[tuple[list[Json], str]] = [
        ([{"name": "P", "valueFrom": two}], "configMapKeyRef is not allowed for env P"),
        ([{"name": "P", "value": "x", "valueFrom": legal}], "env P has value and valueFrom"),
        ([{"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}], "fieldRef"),
        (from_secret(name="other"), f"secret other is not in namespace {namespace}"),
        (from_secret(key="user"), "secret db has no key user"),
        (from_secret(), "secret db does not permit boot "),
    ]
    await cluster.deploy(namespace, "open")
    platform = {"name": "PLATFORM", "value": "one"}
    for env, words in table:
        assert words in await refused(cluster, namespace, "closed", env=env)
        with pytest.raises(Denied) as caught:
            await cluster.change(namespace, "open", env=[platform, *env])
        assert words in words_of(caught.value)
    await cluster.deploy(namespace, "allowed", env=[{"name": "P", "value": "", "valueFrom": legal}])
    for name in ("1A", "A B", ""):
        with pytest.raises(Invalid, match=r"spec\.env\[0\]\.name"):
            await cluster.deploy(namespace, "unnamed", env=[{"name": name, "value": "x"}])


async def test_rule_4_added_modified_and_deleted(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    own = {"name": "OWN", "value": "1"}
    platform = {"name": "PLATFORM", "value": "one"}
    other = {"name": "PLATFORM", "value": "two"}
    assert "env PLATFORM is set by the central config" in await refused(cluster, namespace, "e", env=[other])
    made = await cluster.deploy(namespace, "env", env=[own])
    assert made["spec"]["env"] == [own, platform]
    for env, words in (
        ([own], "spec.env: env PLATFORM is set by the central config and cannot be deleted; put it back"),
        (
            [own, other],
            'spec.env[1]: env PLATFORM is set by the central config to "one" and cannot be another',
        ),
        ([], "cannot be deleted"),
    ):
        with pytest.raises(Denied) as caught:
            await cluster.change(namespace, "env", env=env)
        assert words_of(caught.value).startswith(words) or words in caught.value.message
    await cluster.change(namespace, "env", env=[platform, {"name": "OWN", "value": "2"}])


CPU: Json = {"name": "cpu"}
METRICS: list[tuple[Json, str]] = [
    ({"type": "Disk"}, '.type: "Disk" is not known; use one of Resource, Pods, Object, External, '
     "ContainerResource"),
    ({"type": "Pods"}, ".pods: type Pods needs it; fill it in"),
    ({"type": "Pods", "pods": {"metricName": "q", "targetAverageValue": 1}, "resource": CPU},
     ".resource: only pods may be given with type Pods; take it out"),
    ({"type": "Resource", "resource": {"name": "", "targetAverageUtilization": 1}},
     ".resource.name: it is missing; give it"),
    ({"type": "Resource", "resource": CPU},
     ".resource: no target is given; give one of targetAverageUtilization, targetAverageValue"),
    ({"type": "Resource", "resource": {**CPU, "targetAverageUtilization": 0}},
     ".resource.targetAverageUtilization: 0 is not greater than 0; give a positive amount"),
    ({"type": "Resource", "resource": {**CPU, "targetAverageUtilization": -5}},
     ".resource.targetAverageUtilization: -5 is not greater than 0; give a positive amount"),
    ({"type": "Resource", "resource": {**CPU, "targetAverageValue": "0"}},
     ".resource.targetAverageValue: 0 is not greater than 0; give a positive amount"),
    ({"type": "Resource", "resource": {**CPU, "targetAverageUtilization": 1, "targetAverageValue": 1}},
     ".resource.targetAverageValue: targetAverageUtilization is given too; leave one of them out"),
    ({"type": "Pods", "pods": {"targetAverageValue": 1}}, ".pods.metricName: it is missing; give it"),
    ({"type": "Pods", "pods": {"metricName": "q"}},
     ".pods: no target is given; give one of targetAverageValue"),
    ({"type": "Pods", "pods": {"metricName": "q", "targetAverageValue": 0}},
     ".pods.targetAverageValue: 0 is not greater than 0; give a positive amount"),
    ({"type": "Object", "object": {"target": {"kind": "", "name": "x"}, "metricName": "m", "targetValue": 1}},
     ".object.target.kind: it is missing; give it"),
    ({"type": "Object", "object": {"target": {"kind": "Service"}, "metricName": "m", "targetValue": 1}},
     ".object.target.name: it is missing; give it"),
    ({"type": "Object", "object": {"target": {"kind": "Service", "name": "x"}, "targetValue": 1}},
     ".object.metricName: it is missing; give it"),
    ({"type": "Object", "object": {"target": {"kind": "Service", "name": "x"}, "metricName": "m"}},
     ".object: no target is given; give one of targetValue, averageValue"),
    ({"type": "External", "external": {"targetValue": 1}}, ".external.metricName: it is missing; give it"),
    ({"type": "External", "external": {"metricName": "m"}},
     ".external: no target is given; give one of targetValue, targetAverageValue"),
    ({"type": "External", "external": {"metricName": "m", "targetValue": 1, "targetAverageValue": 1}},
     ".external.targetAverageValue: targetValue is given too; leave one of them out"),
    ({"type": "Resource", "resource": {**CPU, "target": {"type": "Value", "value": 1}}},
     '.resource.target.type: "Value" does not fit; use one of Utilization, AverageValue'),
    ({"type": "Resource", "resource": {**CPU, "target": {"type": "Utilization"}}},
     ".resource.target.averageUtilization: type Utilization needs it; fill it in"),
    ({"type": "External", "external": {
        "metric": {"name": "m"}, "target": {"type": "Value", "value": 1, "averageValue": 1}}},
     ".external.target.averageValue: only value may be given with type Value; take it out"),
    ({"type": "External", "external": {"target": {"type": "Value", "value": 1}}},
     ".external.metric.name: it is missing; give it"),
    ({"type": "Object", "object": {
        "metric": {"name": "m"}, "describedObject": {"kind": "Service", "name": ""},
        "target": {"type": "Value", "value": 1}}},
     ".object.describedObject.name: it is missing; give it"),
    ({"type": "ContainerResource", "containerResource": {
        **CPU, "container": "", "target": {"type": "Utilization", "averageUtilization": 1}}},
     ".containerResource.container: it is missing; give it"),
]  # fmt: skip


async def test_rule_5_metrics_even_while_not_enabled(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    await cluster.deploy(namespace, "scaled")
    for metric, words in METRICS:
        scaling = {"enable": False, "metrics": [metric]}
        assert await refused(cluster, namespace, "s", hpa=scaling) == f"spec.hpa.metrics[0]{words}"
    with pytest.raises(Denied, match=r"spec\.hpa\.metrics\[0\]\.type"):
        await cluster.change(namespace, "scaled", hpa={"metrics": [{"type": "Disk"}]})
    for bounds, words in (
        ({"minReplicas": 2}, "spec.hpa.maxReplicas: Required value: minReplicas is given without"),
        ({"minReplicas": 5, "maxReplicas": 3}, "maxReplicas is less than minReplicas; raise it or lower"),
    ):
        with pytest.raises(Invalid) as caught:
            await cluster.deploy(namespace, "s", hpa=bounds)
        assert words in caught.value.message


async def test_rule_6_the_workload_stays(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    for name, first, other in (("stay", "Deployment", "StatefulSet"), ("also", "StatefulSet", "Deployment")):
        await cluster.deploy(namespace, name, workload=first)
        await stand.settled(name)
        with pytest.raises(Invalid) as caught:
            await cluster.change(namespace, name, workload=other)
        assert f"spec.workload: Forbidden: the workload is {first} and cannot be changed" in str(caught.value)
        assert "delete the Boot and make it again" in caught.value.message
    await cluster.change(namespace, "stay", workload=None, version="2.0")


async def test_rule_7_priority_on_create_and_update_and_in_kube_system(
    cluster: Cluster, stand: Running
) -> None:
    namespace, name = stand.options.namespace, f"high-{uuid4().hex[:8]}"
    await cluster.client.create(PRIORITYCLASSES, {"metadata": {"name": name}, "value": 1})
    await cluster.deploy(namespace, "low")
    for priority, words in (
        ("none", "PriorityClass none does not exist"),
        (name, f"does not permit namespace {namespace}"),
        ("system-cluster-critical", "is for namespace kube-system alone"),
    ):
        assert words in await refused(cluster, namespace, "p", priority=priority)
        with pytest.raises(Denied, match=words):
            await cluster.change(namespace, "low", priority=priority)
    system = "system-cluster-critical"
    body = boot("core", priority=system)
    with pytest.raises(Denied, match="does not permit namespace kube-system"):
        await cluster.client.create(boots(), body, "kube-system", dry_run=True)
    mark: Json = {"metadata": {"annotations": {f"{names.PREFIX}priority-kube-system": "yes"}}}
    await cluster.client.patch(PRIORITYCLASSES, system, body=mark)
    await cluster.client.create(boots(), body, "kube-system", dry_run=True)


async def test_rule_8_claims_on_update_and_shared_ones(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    own = {"app": "havok", "bootName": "claims", "bootType": "java"}
    await make_claim(cluster, namespace, "claims-own", own)
    await make_claim(cluster, namespace, "claims-shared", {"shared": "true"})
    await make_claim(cluster, namespace, "claims-less", {"app": "havok"})
    await make_claim(cluster, namespace, "claims-more", {**own, "shared": "false"})
    await cluster.deploy(namespace, "claims", pvc=[{"name": "${APP}-own", "mountPath": "/o"}])
    for claim, words in (
        ({"name": "claims-shared", "mountPath": "/s"},
         "spec.pvc[0].readOnly: the pvc claims-shared is shared and can only be mounted read-only; "
         "set readOnly to true"),
        ({"name": "claims-less", "mountPath": "/l"},
         "the pvc claims-less's label don't match the boot claims;"),
        ({"name": "claims-more", "mountPath": "/m"},
         "the pvc claims-more's label don't match the boot claims;"),
        ({"name": "claims-none", "mountPath": "/n"},
         f"spec.pvc[0].name: the pvc claims-none is not in namespace {namespace};"),
    ):  # fmt: skip
        with pytest.raises(Denied) as caught:
            await cluster.change(namespace, "claims", pvc=[claim])
        assert words_of(caught.value).startswith(words)
    shared = {"name": "claims-shared", "mountPath": "/s", "readOnly": True}
    await cluster.change(namespace, "claims", pvc=[shared])


@asynccontextmanager
async def forbidden(cluster: Cluster, resource: str) -> AsyncIterator[None]:
    """Take the operator's right to read a kind away, until the block ends."""
    role = await cluster.client.get(CLUSTERROLES, "havok:operator")
    rules = [one for one in role["rules"] if resource not in one["resources"]]
    assert len(rules) < len(role["rules"])
    try:
        await cluster.client.patch(CLUSTERROLES, "havok:operator", body={"rules": rules})
        yield
    finally:
        await cluster.client.patch(CLUSTERROLES, "havok:operator", body={"rules": role["rules"]})


LOOKUPS: list[tuple[str, Json, str, str]] = [
    ("persistentvolumeclaims", {"pvc": [{"name": "x", "mountPath": "/x"}]}, "the pvc x", "spec.pvc"),
    ("priorityclasses", {"priority": "some"}, "PriorityClass some", "spec.priority"),
]


@pytest.mark.parametrize(("resource", "spec", "what", "field"), LOOKUPS, ids=[one[0] for one in LOOKUPS])
async def test_what_may_not_be_read_could_not_be_checked(
    cluster: Cluster, stand: Running, resource: str, spec: Json, what: str, field: str
) -> None:
    """The API server learns of a changed role by a watch of its own, so it is asked until it has."""
    namespace = stand.options.namespace
    async with forbidden(cluster, resource), asyncio.timeout(20):
        while True:
            words = await refused(cluster, namespace, "unchecked", **spec)
            if "could not be checked" in words:
                break
    assert words.startswith(f"{what} could not be checked, try again: ")
    assert words.endswith(f"; {field}: give the operator the right to read it")
    async with asyncio.timeout(20):
        while "could not be checked" in await refused(cluster, namespace, "unchecked", **spec):
            pass  # each look is a request, so this does not spin


async def test_a_dry_run_leaves_no_trace(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    await cluster.deploy(namespace, "base")
    await stand.settled("base")

    async def trace() -> list[str]:
        kinds = (*(kind.resource for kind in BOOT_KINDS), BOOT_REVISIONS, DEPLOYMENTS, SERVICES, SECRETS)
        found = [await cluster.client.list(kind, namespace) for kind in (*kinds, CONFIGMAPS)]
        return [f"{one['metadata']['uid']} {one['metadata']['resourceVersion']}"
                for listed in found for one in listed.items]  # fmt: skip

    async def told() -> list[str]:
        """Events about Boots that only a dry run knows."""
        listed = await cluster.client.list(EVENTS, namespace)
        return [one["message"] for one in listed.items if one["involvedObject"]["name"] == "dry"]

    await stand.settled("base")
    before = await trace()
    await cluster.client.create(boots(), boot("dry"), namespace, dry_run=True)
    with pytest.raises(Denied):
        await cluster.client.create(boots(), boot("dry", priority="none"), namespace, dry_run=True)
    change = {"spec": {"version": "9"}}
    await cluster.client.patch(boots(), "base", namespace, body=change, dry_run=True)
    text = {"data": {"config.yaml": "java: {app: {port: 1}}"}}
    name = stand.options.config_map
    await cluster.client.patch(CONFIGMAPS, name, namespace, body=text, dry_run=True)
    assert await trace() == before
    assert await told() == []
    made = await cluster.client.create(boots(), boot("dry"), namespace, dry_run=True)
    assert made["spec"]["port"] == 9000


async def test_subresources_and_namespaces_of_the_control_plane_are_not_asked_about(
    cluster: Cluster, stand: Running
) -> None:
    namespace = stand.options.namespace
    made = await cluster.client.create(
        NAMESPACES, {"metadata": {"generateName": "control-", "labels": {"control-plane": "yes"}}}
    )
    free = made["metadata"]["name"]
    created = await cluster.client.create(boots(), boot("free", priority="none"), free)
    assert "port" not in created["spec"]
    await make_secret_of(cluster, namespace, "gone", "sub")
    await cluster.deploy(namespace, "sub", env=from_secret("gone"))
    await cluster.client.delete(SECRETS, "gone", namespace)
    with pytest.raises(Denied, match="secret gone is not in namespace"):
        await cluster.change(namespace, "sub", replicas=2)
    scale = {"spec": {"replicas": 2}}
    await cluster.client.patch(boots(), "sub", namespace, body=scale, subresource="scale")
    await cluster.client.delete(boots(), "sub", namespace)


async def make_secret_of(cluster: Cluster, namespace: str, name: str, permitted: str) -> None:
    annotations = {f"{names.PREFIX}secret-{permitted}": "any value"}
    body = {"metadata": {"name": name, "annotations": annotations}, "stringData": {"password": "x"}}
    await cluster.client.create(SECRETS, body, namespace)


SCHEMA: list[tuple[Json, str]] = [
    ({"hpa": {"minReplicas": 2}}, "spec.hpa.maxReplicas: 只写了 minReplicas，没有写 maxReplicas；请两个都写"),
    ({"hpa": {"minReplicas": 5, "maxReplicas": 3}}, "maxReplicas 小于 minReplicas；请提高它"),
    ({"replicas": 101}, "spec.replicas：101 太大；不能大于 100"),
    ({"hpa": {"maxReplicas": 1}}, "spec.hpa.maxReplicas：1 太小；不能小于 2"),
    ({"env": [{"name": "1A"}]}, 'spec.env[0].name："1A" 的写法不对；必须符合'),
    ({"prometheus": "yes"}, 'spec.prometheus: 没有 "yes" 这个值；可用："true", "false", ""'),
    ({"health": "x" * 2049}, "spec.health: 太长；最多 2048"),
    ({"env": [{"name": "A"}, {"name": "A"}]}, "重复出现；请只保留一个"),
]


async def test_what_the_schema_refuses_is_told_in_both_languages(cluster: Cluster, stand: Running) -> None:
    namespace = stand.options.namespace
    await cluster.deploy(namespace, "fixed")
    await stand.settled("fixed")
    with pytest.raises(Invalid) as caught:
        await cluster.change(namespace, "fixed", workload="StatefulSet")
    assert "JavaBoot fixed：spec.workload: 工作负载是 Deployment，应用存在期间不能更改；请删除" in printed(
        caught.value, "zh"
    )
    for spec, words in SCHEMA:
        with pytest.raises(Invalid) as caught:
            await cluster.deploy(namespace, "wrong", **spec)
        assert words in printed(caught.value, "zh")
        assert caught.value.message in printed(caught.value, "en")


def printed(error: Invalid, lang: str) -> str:
    """What `havok` writes about it."""
    out = io.StringIO()
    report(Console(stderr=out, environ={"HAVOK_LANG": lang}), error)
    return out.getvalue()


async def test_the_config_webhook_is_told_in_both_languages(cluster: Cluster, stand: Running) -> None:
    namespace, name = stand.options.namespace, stand.options.config_map
    head = 'admission webhook "config.validation.app.logancloud.com" denied the request: '
    for text, code, words in (
        ("", "boots.config.blank",
         f"ConfigMap {name}: data['config.yaml'] is missing or blank; put the central config there"),
        ("java:\n  app:\n    port: many\n", "boots.config.mismatch", f"ConfigMap {name}: "),
        ("java: [", "boots.config.syntax", f"ConfigMap {name}: "),
    ):  # fmt: skip
        with pytest.raises(Denied) as caught:
            await cluster.configure(namespace, text)
        assert caught.value.message.startswith(head + words)
        assert caught.value.code in (code, code.replace("boots.", "boots.refused."))
        message, hint = explain(caught.value, "zh")
        assert ("中央配置" in message or name in message) and hint != caught.value.hint
    with pytest.raises(Denied) as caught:
        await cluster.client.delete(CONFIGMAPS, name, namespace)
    assert caught.value.code == "boots.refused.config.deleted"
    assert explain(caught.value, "zh")[0] == f"ConfigMap {name} 是中央配置，不能删除"
    elsewhere = await cluster.new_namespace()
    await cluster.configure(elsewhere, "java: [")
