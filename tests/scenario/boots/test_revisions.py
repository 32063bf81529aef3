"""The history of a Boot on a real API server: what makes a revision, its phases, and going back."""

import asyncio
from typing import Any

import pytest

from havok.codec import Json
from havok.crds import BOOT_REVISIONS
from havok.kube import Client, Denied
from scenario.boots.stage import Cluster, Running, boots, conditions

PREFIX = "app.logancloud.com/"
OLD_CONFIG = "java: {app: {env: [{name: LEVEL, value: old}], podSpec: {dnsPolicy: Default}}}"
NEW_CONFIG = (
    "java: {settings: {registry: other}, app: {env: [{name: LEVEL, value: new}], nodeSelector: {zone: b}}}"
)

pytestmark = pytest.mark.kube


async def history(cluster: Cluster, namespace: str, name: str = "demo") -> list[Json]:
    """The revisions of a Boot, oldest first."""
    found = await cluster.client.list(BOOT_REVISIONS, namespace, labels=f"bootName={name}")
    return sorted(found.items, key=lambda one: int(one["metadata"]["annotations"][f"{PREFIX}revision"]))


async def revision(cluster: Cluster, namespace: str, id_: int, **told: str) -> Json:
    """A revision, once its annotations are these."""

    def holds(one: Json) -> bool:
        found = one["metadata"]["annotations"]
        return all(found.get(PREFIX + name.replace("_", "-")) == value for name, value in told.items())

    return await cluster.until(BOOT_REVISIONS, f"demo-{id_}", namespace, holds)


async def annotate(cluster: Cluster, namespace: str, **annotations: str | None) -> Json:
    """Set annotations of the Boot, as a person with kubectl."""
    named = {PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}
    body = {"metadata": {"annotations": named}}
    return await cluster.client.patch(boots(), "demo", namespace, body=body, field_manager="kubectl")


async def test_the_first_spec_is_revision_one(cluster: Cluster, namespace: str, running: Running) -> None:
    await cluster.deploy(namespace, replicas=2)
    boot = await cluster.until(
        boots(), "demo", namespace, lambda one: one.get("status", {}).get("revision") == "1"
    )
    (first,) = await history(cluster, namespace)
    assert first["metadata"]["name"] == "demo-1"
    assert first["metadata"]["labels"] == {"app": "havok", "bootName": "demo", "bootType": "java"}
    assert (first["bootType"], first["appKey"]) == ("java", "javaBoot")
    assert first["spec"] == {**boot["spec"], "replicas": 0}
    told = first["metadata"]["annotations"]
    assert {name: told[PREFIX + name] for name in ("phase", "retry", "diff", "changed-by")} == {
        "phase": "Running", "retry": "0", "diff": "", "changed-by": "unknown",
    }  # fmt: skip
    (owner,) = first["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (boot["metadata"]["uid"], True)
    assert boot["metadata"]["annotations"][f"{PREFIX}revision"] == "1"


async def test_phases_follow_the_pods(cluster: Cluster, namespace: str, running: Running) -> None:
    await cluster.deploy(namespace, replicas=1)
    await running.settled()
    await cluster.report(namespace, replicas=1, updatedReplicas=1, readyReplicas=1)
    await revision(cluster, namespace, 1, phase="Active")
    await cluster.change(namespace, version="1.1")
    await revision(cluster, namespace, 2, phase="Running")
    await revision(cluster, namespace, 1, phase="Complete")
    await cluster.change(namespace, version="1.2")
    await revision(cluster, namespace, 3, phase="Running")
    await revision(cluster, namespace, 2, phase="Cancelled")


async def test_replicas_restarts_ignored_env_and_annotations_make_no_revision(
    cluster: Cluster, namespace: str
) -> None:
    async with Running.start(cluster, namespace, ignored_env=("LAST_DEPLOY",)) as running:
        await cluster.deploy(namespace, env=[{"name": "LAST_DEPLOY", "value": "monday"}])
        await running.settled()
        await cluster.change(namespace, replicas=3)
        await cluster.change(namespace, env=[{"name": "LAST_DEPLOY", "value": "tuesday"}])
        await annotate(cluster, namespace, restartedAt="now", note="hello")
        await cluster.until(
            boots(), "demo", namespace,
            lambda one: one["status"].get("observedGeneration") == one["metadata"]["generation"]
            and one["status"].get("replicas") == 3,
        )  # fmt: skip
        await running.settled()
        assert len(await history(cluster, namespace)) == 1


async def test_quick_updates_each_make_one_and_exactly_the_last_are_kept(
    cluster: Cluster, namespace: str
) -> None:
    async with Running.start(cluster, namespace, max_history=3) as running:
        await cluster.deploy(namespace)
        await running.settled()
        for number in range(2, 9):
            await cluster.change(namespace, version=f"1.{number}")
        await revision(cluster, namespace, 8)
        await cluster.until(boots(), "demo", namespace, lambda one: one["status"].get("revision") == "8")
        found = await history(cluster, namespace)
        while len(found) > 3:  # each look is a request, so this does not spin
            found = await history(cluster, namespace)
        assert [one["spec"]["version"] for one in found] == ["1.6", "1.7", "1.8"]


async def test_going_back_and_forth_between_two_specs_makes_each_time_a_revision(
    cluster: Cluster, namespace: str, running: Running
) -> None:
    await cluster.deploy(namespace)
    await running.settled()
    for version in ("1.1", "1.0", "1.1"):
        await cluster.change(namespace, version=version)
    await revision(cluster, namespace, 4)
    found = await history(cluster, namespace)
    assert [one["spec"]["version"] for one in found] == ["1.0", "1.1", "1.0", "1.1"]


async def test_defect_6_no_revision_of_a_dry_run_or_a_refused_request(
    cluster: Cluster, namespace: str, running: Running
) -> None:
    await cluster.deploy(namespace)
    await running.settled()
    body = {"spec": {"version": "2.0"}}
    await cluster.client.patch(boots(), "demo", namespace, body=body, dry_run=True)
    with pytest.raises(Exception, match="replicas"):
        await cluster.change(namespace, version="2.1", replicas=-1)
    await cluster.change(namespace, version="2.2")
    await revision(cluster, namespace, 2)
    assert [one["spec"]["version"] for one in await history(cluster, namespace)] == ["1.0", "2.2"]


async def test_defect_21_a_large_change_has_a_bounded_diff(
    cluster: Cluster, namespace: str, running: Running
) -> None:
    def large(word: str) -> list[Json]:
        return [{"name": f"V{number}", "value": word * 50} for number in range(1500)]

    await cluster.deploy(namespace, env=large("a"))
    await running.settled()
    await cluster.change(namespace, env=None)
    made = await revision(cluster, namespace, 2)
    assert len(made["metadata"]["annotations"][f"{PREFIX}diff"]) <= 16_384


async def go_revision(client: Client, namespace: str, **spec: Any) -> None:
    """A revision as the Go operator left it: an opaque hash, nobody's."""
    annotations = {"revision": "4", "hash": "8779fd766", "phase": "Active", "retry": "0", "diff": ""}
    metadata = {
        "name": "demo-4",
        "labels": {"app": "havok", "bootName": "demo", "bootType": "java"},
        "annotations": {PREFIX + name: value for name, value in annotations.items()},
    }
    full = {"image": "harbor/sample", "version": "1.0", "replicas": 0, "port": 8080, "health": "/health",
            "prometheus": "true", "resources": {}, **spec}  # fmt: skip
    body = {"metadata": metadata, "bootType": "java", "appKey": "javaBoot", "spec": full}
    await client.create(BOOT_REVISIONS, body, namespace)


async def test_revisions_of_the_go_operator_are_taken_over_without_a_new_one(
    cluster: Cluster, namespace: str
) -> None:
    await go_revision(cluster.client, namespace)
    boot = await cluster.deploy(namespace, replicas=2)
    async with Running.start(cluster, namespace):
        taken = await cluster.until(
            BOOT_REVISIONS, "demo-4", namespace, lambda one: bool(one["metadata"].get("ownerReferences"))
        )
        assert taken["metadata"]["ownerReferences"][0]["uid"] == boot["metadata"]["uid"]
        await cluster.change(namespace, version="1.1")
        await revision(cluster, namespace, 5)
        assert [one["metadata"]["name"] for one in await history(cluster, namespace)] == ["demo-4", "demo-5"]


async def test_rolling_back_across_a_config_change_restores_the_exact_pod_template(
    cluster: Cluster, namespace: str
) -> None:
    await cluster.configure(namespace, OLD_CONFIG)
    async with Running.start(cluster, namespace) as running:
        await cluster.deploy(namespace, replicas=2)
        await running.settled()
        before = (await cluster.deployment(namespace))["spec"]["template"]
        await cluster.configure(namespace, NEW_CONFIG)
        await cluster.change(namespace, version="2.0", replicas=5)
        await revision(cluster, namespace, 2)
        await running.settled()
        await annotate(cluster, namespace, rollback_to="1", rollback_reason="2.0 loses orders")
        await revision(cluster, namespace, 3, restored="1", reason="2.0 loses orders")
        boot = await running.settled()
        live = await cluster.deployment(namespace)
        assert live["spec"]["template"] == before
        assert live["spec"]["replicas"] == boot["spec"]["replicas"] == 5
        assert not {f"{PREFIX}rollback-to", f"{PREFIX}rollback-reason"} & set(boot["metadata"]["annotations"])
        await cluster.change(namespace, replicas=4)
        await running.settled()
        assert (await cluster.deployment(namespace))["spec"]["template"] == before
        await cluster.change(namespace, version="2.1")
        await running.settled()
        pod = (await cluster.deployment(namespace))["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == "other/harbor/sample:2.1"


async def test_rolling_back_with_todays_config(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, OLD_CONFIG)
    async with Running.start(cluster, namespace) as running:
        await cluster.deploy(namespace)
        await running.settled()
        await cluster.configure(namespace, NEW_CONFIG)
        await cluster.change(namespace, version="2.0")
        await revision(cluster, namespace, 2)
        await running.settled()
        await annotate(cluster, namespace, rollback_to="1", rollback_keep_config="true")
        await revision(cluster, namespace, 3, restored="1")
        await running.settled()
        container = (await cluster.deployment(namespace))["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == "other/harbor/sample:1.0"
        assert container["env"] == [{"name": "LEVEL", "value": "new"}]


async def test_a_revision_that_is_not_there_is_refused_by_condition(
    cluster: Cluster, namespace: str, running: Running
) -> None:
    await cluster.deploy(namespace)
    await running.settled()
    await annotate(cluster, namespace, rollback_to="7")
    boot = await cluster.until(
        boots(), "demo", namespace,
        lambda one: conditions(one).get("Degraded") == ("True", "RollbackImpossible"),
    )  # fmt: skip
    (degraded,) = (one for one in boot["status"]["conditions"] if one["type"] == "Degraded")
    assert "there is no revision 7; kept are 1" in degraded["message"]
    await annotate(cluster, namespace, rollback_to=None)
    await cluster.until(
        boots(), "demo", namespace, lambda one: conditions(one).get("Degraded", ("", ""))[0] == "False"
    )


async def test_a_paused_boot_keeps_its_workload_and_says_so(
    cluster: Cluster, namespace: str, running: Running
) -> None:
    await cluster.deploy(namespace)
    await running.settled()
    before = await cluster.deployment(namespace)
    await annotate(cluster, namespace, paused="true")
    await cluster.until(boots(), "demo", namespace, lambda one: "Paused" in conditions(one))
    await cluster.change(namespace, version="2.0")
    await revision(cluster, namespace, 2, phase="Running")
    await running.settled()
    assert (await cluster.deployment(namespace))["spec"] == before["spec"]
    await annotate(cluster, namespace, paused=None)
    await cluster.until(boots(), "demo", namespace, lambda one: "Paused" not in conditions(one))
    container = (await cluster.deployment(namespace))["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "harbor/sample:2.0"


async def test_with_webhooks_a_rollback_is_as_exact_and_tells_who_asked(
    cluster: Cluster, admitting: Running
) -> None:
    namespace = admitting.options.namespace
    await cluster.configure(namespace, OLD_CONFIG)
    await probe(cluster, namespace, "old")
    await cluster.deploy(namespace)
    await admitting.settled()
    before = (await cluster.deployment(namespace))["spec"]["template"]
    await cluster.configure(namespace, NEW_CONFIG)
    await probe(cluster, namespace, "new")
    await cluster.change(namespace, version="2.0", env=[{"name": "LEVEL", "value": "new"}])
    second = await revision(cluster, namespace, 2)
    await admitting.settled()
    await annotate(cluster, namespace, rollback_to="1", rollback_by="somebody-else")
    third = await revision(cluster, namespace, 3, restored="1")
    await admitting.settled()
    assert (await cluster.deployment(namespace))["spec"]["template"] == before
    who = second["metadata"]["annotations"][f"{PREFIX}changed-by"]
    assert who not in ("unknown", "somebody-else")
    assert third["metadata"]["annotations"][f"{PREFIX}changed-by"] == who


async def probe(cluster: Cluster, namespace: str, level: str) -> None:
    """Wait until the webhook fills with the config of this level; each look is a request."""
    body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
    async with asyncio.timeout(20):
        while True:
            try:
                made = await cluster.client.create(boots(), body, namespace, dry_run=True)
            except Denied:  # filled from the one config and judged by the next
                continue
            if made["spec"].get("env") == [{"name": "LEVEL", "value": level}]:
                return
