"""Defects of the Go operator that concern what it reads, keeps and takes, by number of contract 8.1."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.boots import names, rbac
from havok.codec import Json
from havok.crds import BOOT_KINDS, BOOT_REVISIONS
from havok.kube import Conflict, Forbidden, Invalid
from havok.kube.resources import DEPLOYMENTS, NAMESPACES, ROLEBINDINGS, SECRETS
from scenario.boots.admitting import admission
from scenario.boots.limited import limited
from scenario.boots.stage import OPERATOR, Cluster, Running, boots
from scenario.boots.test_process import kubeconfig as kubeconfig
from scenario.boots.test_rules import make_secret
from support.controlplane import ControlPlane


@pytest.fixture(scope="module")
async def admitting(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    namespace = await cluster.new_namespace()
    async with admission(cluster, namespace, tmp_path_factory.mktemp("webhook")) as operator:
        yield operator


UNSEEN = (("bootrevisions", "list"), ("bootrevisions", "watch"))


async def test_defect_2_revisions_that_cannot_be_listed_are_waited_for(
    cluster: Cluster, boots_plane: ControlPlane
) -> None:
    async with limited(cluster, boots_plane, *UNSEEN) as limits:
        await cluster.deploy(limits.namespace)
        await limits.may_not(*UNSEEN)
        assert (await cluster.client.list(BOOT_REVISIONS, limits.namespace)).items == []
        await limits.may_not()
        boot = await limits.operator.settled()
        assert boot["status"]["revision"] == "1"


async def test_defect_7_edits_at_the_same_time_are_never_lost(cluster: Cluster, admitting: Running) -> None:
    namespace, client = admitting.options.namespace, cluster.client
    await cluster.deploy(namespace, "busy")
    said: Json = {
        "port": 9000, "health": "/up", "readiness": "/ready", "replicas": 3, "command": ["run"],
        "sessionAffinity": "ClientIP", "version": "7", "env": [{"name": "A", "value": "1"}],
    }  # fmt: skip
    specs = [cluster.change(namespace, "busy", **{field: value}) for field, value in said.items()]
    marks = [
        client.patch(boots(), "busy", namespace, body={"metadata": {"annotations": {f"hand/{number}": "x"}}})
        for number in range(20)
    ]
    await asyncio.gather(*specs, *marks)
    await replaced(cluster, namespace, "busy")
    boot = await admitting.settled("busy")
    assert said.items() <= boot["spec"].items()
    assert {f"hand/{number}" for number in range(20)} | {"hand/put"} <= set(boot["metadata"]["annotations"])


async def replaced(cluster: Cluster, namespace: str, name: str) -> None:
    """Read, change and write the whole object, again until nobody wrote meanwhile."""
    while True:
        live = await cluster.client.get(boots(), name, namespace)
        live["metadata"]["annotations"]["hand/put"] = "x"
        try:
            await cluster.client.request("PUT", boots().path(namespace, name), body=live)
        except Conflict:
            continue
        return


async def test_defect_7_what_another_manager_applies_stays_and_is_no_drift(
    cluster: Cluster, admitting: Running
) -> None:
    namespace, client = admitting.options.namespace, cluster.client
    manifest = {
        "metadata": {"name": "gitops", "namespace": namespace, "labels": {"team": "x"}},
        "spec": {"image": "a", "version": "1", "env": [{"name": "A", "value": "1"}], "replicas": 2},
    }
    await client.apply(boots(), manifest, field_manager="argocd", force=False)
    await admitting.settled("gitops")
    settled = await quiet(cluster, namespace, "gitops")
    again = await client.apply(boots(), manifest, field_manager="argocd", force=False)
    assert again["metadata"]["resourceVersion"] == settled["metadata"]["resourceVersion"]
    assert again["metadata"]["labels"] == {"team": "x"}


async def quiet(cluster: Cluster, namespace: str, name: str) -> Json:
    """The Boot, once annotations and status both tell of its Services and revision; nothing comes after."""

    def told_twice(one: Json) -> bool:
        noted, status = one["metadata"]["annotations"], one.get("status", {})
        services = noted.get(names.SERVICES) == status.get("services") == name
        return bool(services and noted.get(names.REVISION) == status.get("revision") == "1")

    return await cluster.until(boots(), name, namespace, told_twice)


async def test_defect_8_a_write_of_nothing_is_no_change(cluster: Cluster, admitting: Running) -> None:
    namespace, client = admitting.options.namespace, cluster.client
    await cluster.deploy(namespace, "still", env=[{"name": "A", "value": "1"}])
    before = await quiet(cluster, namespace, "still")
    same = await cluster.change(namespace, "still", version="1.0", env=[{"name": "A", "value": "1"}])
    written = await client.request("PUT", boots().path(namespace, "still"), body=same)
    touched = await client.patch(boots(), "still", namespace, body={"metadata": {"annotations": {}}})
    found = {one["metadata"]["resourceVersion"] for one in (before, same, written, touched)}
    assert len(found) == 1
    assert names.LAST_UPDATE not in written["metadata"]["annotations"]


async def test_defect_8_only_what_a_person_changes_is_stamped(cluster: Cluster, admitting: Running) -> None:
    namespace, client = admitting.options.namespace, cluster.client

    async def stamp(**metadata: Any) -> str:
        body = {"metadata": metadata}
        made = await client.patch(boots(), "stamped", namespace, body=body, field_manager="person")
        return str(made["metadata"]["annotations"].get(names.LAST_UPDATE, ""))

    await cluster.deploy(namespace, "stamped")
    await quiet(cluster, namespace, "stamped")
    assert await stamp(annotations={names.AVAILABLE: "9"}) == ""
    first = await stamp(labels={"team": "x"})
    assert re.fullmatch(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"', first)
    assert await stamp(labels={"team": "x"}) == first
    assert await stamp(annotations={"mine": "y"}) != ""


async def test_defect_20_secrets_are_read_one_by_one_and_only_where_that_is_allowed(
    cluster: Cluster, namespace: str
) -> None:
    made = await cluster.client.create(NAMESPACES, {"metadata": {"generateName": "served-"}})
    served = made["metadata"]["name"]
    user = {"kind": "User", "name": OPERATOR, "apiGroup": rbac.API}
    await cluster.client.apply(ROLEBINDINGS, rbac.secret_reader(user, served), field_manager="test")
    await make_secret(cluster, served, "demo")
    async with Running.start(cluster, namespace, watch_namespaces=(served,)):
        source = {"secretKeyRef": {"name": "db", "key": "password"}}
        await cluster.deploy(served, env=[{"name": "P", "valueFrom": source}])
        await cluster.until(DEPLOYMENTS, "demo", served, lambda one: "secretKeyRef" in str(one))
    assert (await cluster.operator.get(SECRETS, "db", served))["data"]
    for where in (served, namespace, None):
        with pytest.raises(Forbidden):
            await cluster.operator.list(SECRETS, where)
        with pytest.raises(Forbidden):
            await cluster.operator.request("GET", SECRETS.path(where), params={"watch": "true"})
    made = await cluster.client.create(NAMESPACES, {"metadata": {"generateName": "unserved-"}})
    await make_secret(cluster, made["metadata"]["name"], "demo")
    with pytest.raises(Forbidden):
        await cluster.operator.get(SECRETS, "db", made["metadata"]["name"])


VALUES: dict[str, tuple[str, ...]] = {
    "nodePort": ("true", "false"),
    "prometheus": ("true", "false", ""),
    "sessionAffinity": ("ClientIP", "None", ""),
    "workload": ("Deployment", "StatefulSet"),
}


async def test_defect_24_each_word_of_each_field_is_taken_by_the_definitions(
    cluster: Cluster, namespace: str
) -> None:
    for kind in BOOT_KINDS:
        for field, words in VALUES.items():
            for at, word in enumerate(words):
                name = f"{kind.boot_type}-{field.lower()}-{at}"
                made = await cluster.deploy(namespace, name, kind.kind, **{field: word})
                assert not word or made["spec"][field] == word  # what is open is filled
            if field != "workload":  # an unknown workload becomes a Deployment (contract 1.2)
                with pytest.raises(Invalid, match="supported values"):
                    await cluster.deploy(namespace, "wrong", kind.kind, **{field: "perhaps"})
    spec = {"image": "a", "version": "1", "nodePort": "true", "hpa": {"enable": True, "maxReplicas": 3}}
    revision = {"metadata": {"name": "old-1"}, "bootType": "java", "appKey": "javaBoot", "spec": spec}
    made = await cluster.client.create(BOOT_REVISIONS, revision, namespace)
    assert made["spec"] == spec
