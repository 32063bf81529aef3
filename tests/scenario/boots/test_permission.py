"""With no webhook the operator looks up the same before it writes, and what runs stays (contract 6.2)."""

from typing import Any

import pytest

from havok.boots import names
from havok.codec import Json
from havok.kube import NotFound
from havok.kube.resources import DEPLOYMENTS, NAMESPACES, PRIORITYCLASSES, SECRETS
from scenario.boots.stage import Cluster, Running, boots, conditions, versions
from scenario.boots.test_rules import from_secret, make_claim, make_secret


async def degraded(cluster: Cluster, namespace: str, reason: str, kind: str = "JavaBoot") -> str:
    """Wait for the reason; the message of the condition."""
    boot = await cluster.until(
        boots(kind), "demo", namespace,
        lambda one: bool(one.get("status", {}).get("conditions")) and reason_of(one) == reason
        and one["status"].get("observedGeneration") == one["metadata"]["generation"],
    )  # fmt: skip
    return next(str(one["message"]) for one in boot["status"]["conditions"] if one["type"] == "Degraded")


def reason_of(boot: Json) -> str:
    return conditions(boot)["Degraded"][1]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"env": from_secret()}, "SecretNotPermitted", "secret db does not permit boot demo"),
    ({"priority": "no-such"}, "PriorityNotPermitted", "PriorityClass no-such does not exist"),
    (
        {"pvc": [{"name": "data", "mountPath": "/data"}]},
        "PvcNotPermitted",
        "the pvc data's label don't match the boot demo",
    ),
    (
        {"env": [{"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        "EnvNotPermitted",
        "fieldRef is not allowed",
    ),
]


@pytest.mark.parametrize(("spec", "reason", "words"), WRONG, ids=[reason for _, reason, _ in WRONG])
async def test_what_runs_stays_while_the_new_spec_is_not_permitted(
    cluster: Cluster, running: Running, spec: dict[str, Any], reason: str, words: str
) -> None:
    namespace = running.options.namespace
    await make_secret(cluster, namespace, "other")
    await make_claim(cluster, namespace, "data", {"app": "other"})
    await cluster.deploy(namespace)
    await running.settled()
    before = await versions(cluster.deployment(namespace), cluster.service(namespace))
    await cluster.change(namespace, version="2.0", **spec)
    message = await degraded(cluster, namespace, reason)
    assert words in message
    assert "what runs stays as it is" in message
    assert await versions(cluster.deployment(namespace), cluster.service(namespace)) == before
    taken_back: dict[str, Any] = dict.fromkeys(spec)
    await cluster.change(namespace, **taken_back)
    await degraded(cluster, namespace, "AsWanted")
    app = (await cluster.deployment(namespace))["spec"]["template"]["spec"]["containers"][0]
    assert app["image"] == "harbor/sample:2.0"


async def test_a_new_boot_that_is_not_permitted_makes_nothing(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace, env=from_secret())
    message = await degraded(cluster, namespace, "SecretNotPermitted")
    assert f"secret db is not in namespace {namespace}" in message
    with pytest.raises(NotFound):
        await cluster.client.get(DEPLOYMENTS, "demo", namespace)
    await make_secret(cluster, namespace, "demo")
    await cluster.change(namespace, version="1.1")
    await running.settled()
    assert await degraded(cluster, namespace, "AsWanted")


async def test_a_permission_taken_back_leaves_the_running_app_alone(
    cluster: Cluster, running: Running
) -> None:
    namespace = running.options.namespace
    await make_secret(cluster, namespace, "demo")
    await cluster.deploy(namespace, env=from_secret())
    await running.settled()
    await cluster.client.delete(SECRETS, "db", namespace)
    await cluster.change(namespace, replicas=2)
    await cluster.until(DEPLOYMENTS, "demo", namespace, lambda one: one["spec"]["replicas"] == 2)
    await degraded(cluster, namespace, "AsWanted")


async def test_a_permitted_priority_is_written(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    mark = {f"{names.PREFIX}priority-{namespace}": ""}
    name = f"low-{namespace}"
    await cluster.client.create(
        PRIORITYCLASSES, {"metadata": {"name": name, "annotations": mark}, "value": 1}
    )
    await cluster.deploy(namespace, priority=name)
    await running.settled()
    assert (await cluster.deployment(namespace))["spec"]["template"]["spec"]["priorityClassName"] == name


async def test_a_secret_that_cannot_be_read_is_no_missing_permission(
    cluster: Cluster, namespace: str
) -> None:
    made = await cluster.client.create(NAMESPACES, {"metadata": {"generateName": "unserved-"}})
    other = made["metadata"]["name"]
    async with Running.start(cluster, namespace, watch_namespaces=(other,)):
        await cluster.deploy(other, env=from_secret())
        message = await degraded(cluster, other, "CouldNotBeChecked")
        assert "secret db could not be checked, try again" in message


async def test_defect_22_two_kinds_never_fight_over_one_name(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    await cluster.deploy(namespace, kind="PhpBoot", image="other/app")
    message = await degraded(cluster, namespace, "NameTaken", "PhpBoot")
    assert f"the name demo is already used in namespace {namespace} by a JavaBoot" in message
    deployment = await cluster.deployment(namespace)
    assert deployment["metadata"]["ownerReferences"][0]["kind"] == "JavaBoot"
    revisions = (await running.settled())["status"]["revision"]
    assert revisions == "1"


async def test_the_name_is_free_again_when_its_boot_goes(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    await cluster.deploy(namespace)
    await running.settled()
    await cluster.deploy(namespace, kind="PhpBoot")
    await degraded(cluster, namespace, "NameTaken", "PhpBoot")
    await cluster.client.delete(DEPLOYMENTS, "demo", namespace)
    await cluster.client.delete(boots(), "demo", namespace)
    # no garbage collector runs here, so the Service of the other Boot is still in the way
    await degraded(cluster, namespace, "NotOurs", "PhpBoot")


async def test_without_a_webhook_the_author_is_unknown(cluster: Cluster, running: Running) -> None:
    namespace = running.options.namespace
    body = {
        "metadata": {"name": "demo", "annotations": {names.CHANGED_BY: "boss"}},
        "spec": {"image": "a", "version": "1"},
    }
    await cluster.client.create(boots(), body, namespace)
    boot = await running.settled()
    assert boot["metadata"]["annotations"][names.CHANGED_BY] == "unknown"
