"""Contract section 5 row by row, with webhooks, on one control plane."""

import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from havok.boots import names
from havok.boots.pin import deploying_hash
from havok.boots.revisions import Rolled
from havok.codec import Json
from havok.crds import BOOT_KINDS, BOOT_REVISIONS, BootKind, BootSpec
from havok.kube import Denied
from scenario.boots.admitting import admission
from scenario.boots.stage import Cluster, Running, boots, conditions
from scenario.boots.test_revisions import history
from scenario.boots.test_rules import configured

PREFIX = "app.logancloud.com/"
CONFIG = "java: {app: {env: [{name: PLATFORM, value: one}]}}"


@pytest.fixture(scope="module")
async def shared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One operator with webhooks for the whole module; each test has a Boot of its own name."""
    namespace = await cluster.new_namespace()
    async with admission(
        cluster, namespace, tmp_path_factory.mktemp("revisions"), ignored_env=("BIZ",)
    ) as operator:
        await configured(cluster, operator, CONFIG, "PLATFORM")
        yield operator


async def revised(cluster: Cluster, namespace: str, name: str, id_: int, **told: str) -> Json:
    """A revision of the Boot, once its annotations are these."""

    def holds(one: Json) -> bool:
        found = one["metadata"]["annotations"]
        return all(found.get(PREFIX + key.replace("_", "-")) == value for key, value in told.items())

    return await cluster.until(BOOT_REVISIONS, f"{name}-{id_}", namespace, holds)


@pytest.mark.parametrize("kind", BOOT_KINDS, ids=[kind.kind for kind in BOOT_KINDS])
async def test_each_kind_has_revisions_as_the_contract_writes_them(
    cluster: Cluster, shared: Running, kind: BootKind
) -> None:
    namespace, name = shared.options.namespace, f"first-{kind.boot_type}"
    await cluster.deploy(namespace, name, kind.kind, replicas=3)
    first = await revised(cluster, namespace, name, 1)
    boot = await cluster.client.get(kind.resource, name, namespace)
    assert first["spec"] == {**boot["spec"], "replicas": 0}
    assert (first["bootType"], first["appKey"]) == (kind.boot_type, kind.app_key)
    assert first["metadata"]["labels"] == {"app": "havok", "bootName": name, "bootType": kind.boot_type}
    told = {key.removeprefix(PREFIX): value for key, value in first["metadata"]["annotations"].items()}
    assert {key: told[key] for key in ("revision", "phase", "retry", "diff")} == {
        "revision": "1", "phase": "Running", "retry": "0", "diff": "",
    }  # fmt: skip
    assert told["hash"]
    (owner,) = first["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == (kind.kind, boot["metadata"]["uid"], True)


async def test_the_next_revision_tells_what_changed(cluster: Cluster, shared: Running) -> None:
    namespace = shared.options.namespace
    await cluster.deploy(namespace, "changed")
    await revised(cluster, namespace, "changed", 1)
    await cluster.change(namespace, "changed", version="2.0")
    second = await revised(cluster, namespace, "changed", 2, phase="Running")
    chunks = json.loads(second["metadata"]["annotations"][f"{PREFIX}diff"])
    assert {one["Type"] for one in chunks} == {-1, 0, 1}
    assert [one["Text"].strip() for one in chunks if one["Type"]] == ["version: '1.0'", "version: '2.0'"]
    await revised(cluster, namespace, "changed", 1, phase="Cancelled")


async def test_the_latest_is_active_while_all_its_pods_are(cluster: Cluster, shared: Running) -> None:
    namespace = shared.options.namespace
    await cluster.deploy(namespace, "flapping", replicas=2)
    await shared.settled("flapping")
    await cluster.report(namespace, "flapping", replicas=2, updatedReplicas=2, readyReplicas=2)
    await revised(cluster, namespace, "flapping", 1, phase="Active")
    await cluster.report(namespace, "flapping", replicas=2, updatedReplicas=2, readyReplicas=1)
    await revised(cluster, namespace, "flapping", 1, phase="Running")
    await cluster.report(namespace, "flapping", replicas=2, updatedReplicas=2, readyReplicas=2)
    await revised(cluster, namespace, "flapping", 1, phase="Active")
    await cluster.change(namespace, "flapping", version="2.0")
    await revised(cluster, namespace, "flapping", 1, phase="Complete")
    await cluster.until(boots(), "flapping", namespace, lambda one: one["status"].get("revision") == "2")


async def test_the_last_ten_are_kept(cluster: Cluster, shared: Running) -> None:
    namespace = shared.options.namespace
    await cluster.deploy(namespace, "long")
    for number in range(2, 13):
        await revised(cluster, namespace, "long", number - 1)
        await cluster.change(namespace, "long", version=f"1.{number}")
    await revised(cluster, namespace, "long", 12)
    found = await history(cluster, namespace, "long")
    while len(found) > 10:  # each look is a request, so this does not spin
        found = await history(cluster, namespace, "long")
    assert [one["metadata"]["name"] for one in found] == [f"long-{number}" for number in range(3, 13)]


async def test_what_is_no_revision(cluster: Cluster, shared: Running) -> None:
    namespace, name = shared.options.namespace, "still"
    await cluster.deploy(namespace, name, env=[{"name": "BIZ", "value": "monday"}])
    await revised(cluster, namespace, name, 1)
    scale = {"spec": {"replicas": 4}}
    await cluster.client.patch(boots(), name, namespace, body=scale, subresource="scale")
    await cluster.change(namespace, name, replicas=3)
    boot = await cluster.client.get(boots(), name, namespace)
    env = [{**one, "value": "tuesday"} if one["name"] == "BIZ" else one for one in boot["spec"]["env"]]
    await cluster.change(namespace, name, env=env)
    body = {"metadata": {"annotations": {f"{PREFIX}restartedAt": "now", "team": "shop"}}}
    await cluster.client.patch(boots(), name, namespace, body=body)
    with pytest.raises(Denied, match="PriorityClass none does not exist"):
        await cluster.change(namespace, name, version="9", priority="none")
    with pytest.raises(Denied, match="env PLATFORM is set by the central config"):
        await cluster.change(namespace, name, version="9", env=[{"name": "PLATFORM", "value": "x"}])
    dry = {"spec": {"version": "9"}}
    await cluster.client.patch(boots(), name, namespace, body=dry, dry_run=True)
    await cluster.configure(namespace, CONFIG + "\n# read again")
    await cluster.change(namespace, name, version="2.0")
    second = await revised(cluster, namespace, name, 2)
    assert second["spec"]["version"] == "2.0"
    assert len(await history(cluster, namespace, name)) == 2


async def test_another_profile_is_another_revision(cluster: Cluster, shared: Running) -> None:
    namespace, name = shared.options.namespace, "profiled"
    await cluster.deploy(namespace, name)
    await revised(cluster, namespace, name, 1)
    body = {"metadata": {"annotations": {names.PROFILE: "vip"}}}
    await cluster.client.patch(boots(), name, namespace, body=body)
    second = await revised(cluster, namespace, name, 2)
    assert second["metadata"]["annotations"][names.PROFILE] == "vip"


async def test_a_boot_that_is_being_deleted_gets_no_revision(cluster: Cluster, shared: Running) -> None:
    namespace, name = shared.options.namespace, "leaving"
    await cluster.deploy(namespace, name)
    await revised(cluster, namespace, name, 1)
    hold: Json = {"metadata": {"finalizers": ["test.example/hold"]}}
    await cluster.client.patch(boots(), name, namespace, body=hold)
    await cluster.client.delete(boots(), name, namespace)
    await cluster.change(namespace, name, version="9", priority="none")
    await cluster.deploy(namespace, "after-leaving")
    await revised(cluster, namespace, "after-leaving", 1)
    assert len(await history(cluster, namespace, name)) == 1
    await cluster.client.patch(boots(), name, namespace, body={"metadata": {"finalizers": None}})


async def test_going_back_keeps_replicas_and_the_ignored_env(cluster: Cluster, shared: Running) -> None:
    namespace, name = shared.options.namespace, "back"
    await cluster.deploy(namespace, name, replicas=1, env=[{"name": "BIZ", "value": "monday"}])
    first = await revised(cluster, namespace, name, 1)
    assert {"name": "BIZ", "value": "monday"} in first["spec"]["env"]
    env = [one for one in first["spec"]["env"] if one["name"] != "BIZ"]
    today = [*env, {"name": "BIZ", "value": "tuesday"}, {"name": "NEW", "value": "1"}]
    await cluster.change(namespace, name, version="2.0", replicas=5, env=today)
    await revised(cluster, namespace, name, 2)
    body = {"metadata": {"annotations": {names.ROLLBACK_TO: "1"}}}
    await cluster.client.patch(boots(), name, namespace, body=body)
    third = await revised(cluster, namespace, name, 3, restored="1")
    boot = await cluster.client.get(boots(), name, namespace)
    assert (boot["spec"]["version"], boot["spec"]["replicas"]) == ("1.0", 5)
    assert {one["name"]: one["value"] for one in boot["spec"]["env"]} == {"PLATFORM": "one", "BIZ": "tuesday"}
    assert third["spec"]["replicas"] == 0


async def test_a_new_boot_of_an_old_name_goes_on_counting(cluster: Cluster, shared: Running) -> None:
    """The old one's revisions, until they are collected, are neither its own nor in its way."""
    namespace, name = shared.options.namespace, "twice"
    await cluster.deploy(namespace, name)
    first = await revised(cluster, namespace, name, 1)
    await cluster.client.delete(boots(), name, namespace)
    made = await cluster.deploy(namespace, name, version="5.0")
    second = await revised(cluster, namespace, name, 2)
    assert second["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


async def test_a_rollback_is_never_refused_for_an_env_that_the_revision_had_not(
    cluster: Cluster, shared: Running
) -> None:
    namespace, name, php = shared.options.namespace, "bare", boots("PhpBoot")
    await cluster.deploy(namespace, name, "PhpBoot")
    await shared.settled(name, "PhpBoot")
    await cluster.configure(namespace, f"{CONFIG}\nphp: {{app: {{env: [{{name: PLATFORM, value: one}}]}}}}")
    body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
    while "env" not in (await cluster.client.create(php, body, namespace, dry_run=True))["spec"]:
        pass  # each look is a request, so this does not spin
    await cluster.change(namespace, name, "PhpBoot", port=9000)  # env is merged for a new image alone
    second = await revised(cluster, namespace, name, 2)
    assert "env" not in second["spec"]
    changed = await cluster.change(namespace, name, "PhpBoot", version="2.0")
    assert changed["spec"]["env"] == [{"name": "PLATFORM", "value": "one"}]
    await revised(cluster, namespace, name, 3)
    await shared.settled(name, "PhpBoot")
    ask = {"metadata": {"annotations": {names.ROLLBACK_TO: "2"}}}
    await cluster.client.patch(php, name, namespace, body=ask)
    await revised(cluster, namespace, name, 4, restored="2")
    boot = await shared.settled(name, "PhpBoot")
    assert boot["spec"] == {**second["spec"], "replicas": 1}
    assert conditions(boot)["Degraded"] == ("False", "AsWanted")


async def test_a_person_cannot_call_a_change_a_rollback(cluster: Cluster, shared: Running) -> None:
    namespace, name = shared.options.namespace, "forged"
    made = await cluster.deploy(namespace, name)
    assert made["spec"]["env"] == [{"name": "PLATFORM", "value": "one"}]
    spec = msgspec.structs.replace(msgspec.convert(made["spec"], BootSpec), env=())
    rolled = Rolled(to=1, generation=2, deployed=deploying_hash(spec, ""))
    body = {"metadata": {"annotations": {names.ROLLED_BACK: rolled.text}}, "spec": {"env": []}}
    with pytest.raises(Denied, match="env PLATFORM is set by the central config and cannot be deleted"):
        await cluster.client.patch(boots(), name, namespace, body=body, field_manager="person")
