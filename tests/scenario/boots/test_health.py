"""What the operator says of pods in the Boot's status: the words of `havok deploy`, from what it watches."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.clock import rfc3339, utcnow
from havok.codec import Json
from havok.kube.resources import EVENTS, PODS, REPLICASETS, STATEFULSETS
from scenario.boots.stage import Cluster, Running, boots

LABELS = {"app": "havok", "bootName": "demo", "bootType": "java"}


@pytest.fixture
async def app(cluster: Cluster, namespace: str) -> AsyncIterator[Running]:
    async with Running.start(cluster, namespace) as operator:
        yield operator


async def pod(cluster: Cluster, namespace: str, name: str = "demo-1", **status: Any) -> None:
    """A pod as the controllers make it, with the status that a kubelet would give it."""
    spec = {"containers": [{"name": "app", "image": "harbor/sample:1.0"}]}
    body = {"metadata": {"name": name, "labels": LABELS}, "spec": spec}
    await cluster.client.create(PODS, body, namespace)
    scheduled = [{"type": "PodScheduled", "status": "True"}]
    body = {"status": {"phase": "Pending", "conditions": scheduled, **status}}
    await cluster.client.patch(PODS, name, namespace, body=body, subresource="status")


async def warn(cluster: Cluster, namespace: str, reason: str, message: str, **about: str) -> None:
    """A warning as a kubelet or a controller writes it."""
    subject = {"kind": "Pod", "name": "demo-1", "namespace": namespace, **about}
    body = {
        "metadata": {"generateName": "warning-"}, "involvedObject": subject, "type": "Warning",
        "reason": reason, "message": message, "lastTimestamp": rfc3339(utcnow()), "count": 1,
    }  # fmt: skip
    await cluster.client.create(EVENTS, body, namespace)


async def told(cluster: Cluster, namespace: str, reason: str) -> str:
    """The message of Ready, once it is false for this reason."""

    def ready(boot: Json) -> Json:
        conditions = boot.get("status", {}).get("conditions") or ()
        return next((one for one in conditions if one["type"] == "Ready"), {})

    boot = await cluster.until(boots(), "demo", namespace, lambda one: ready(one).get("reason") == reason)
    return str(ready(boot)["message"])


async def test_a_volume_that_cannot_be_mounted_is_told(
    cluster: Cluster, namespace: str, app: Running
) -> None:
    await cluster.deploy(namespace)
    await app.settled()
    waiting = [
        {"name": "app", "image": "a", "imageID": "", "ready": False, "restartCount": 0,
         "state": {"waiting": {"reason": "ContainerCreating"}}}
    ]  # fmt: skip
    await pod(cluster, namespace, containerStatuses=waiting)
    await warn(cluster, namespace, "FailedMount", 'MountVolume.SetUp failed for volume "d": no such disk')
    words = await told(cluster, namespace, "Volume")
    assert words == (
        "0 of 1 pods ready; pod demo-1: a volume cannot be attached: "
        'MountVolume.SetUp failed for volume "d": no such disk; '
        "check spec.pvc: the claim must be there and free"
    )


async def test_a_failing_health_check_and_an_eviction_are_told(
    cluster: Cluster, namespace: str, app: Running
) -> None:
    await cluster.deploy(namespace)
    await app.settled()
    runs = [
        {"name": "app", "image": "a", "imageID": "", "ready": False, "restartCount": 0,
         "state": {"running": {"startedAt": rfc3339(utcnow())}}}
    ]  # fmt: skip
    await pod(cluster, namespace, containerStatuses=runs)
    failed = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    await warn(cluster, namespace, "Unhealthy", failed)
    assert "running, health check failing: HTTP 503" in await told(cluster, namespace, "ProbeFailing")
    body = {"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}}
    await cluster.client.patch(PODS, "demo-1", namespace, body=body, subresource="status")
    words = await told(cluster, namespace, "Evicted")
    assert "pod demo-1 was evicted by its node: The node was low on memory.; ask in spec.resources" in words


async def test_pods_that_a_quota_forbids_are_told(cluster: Cluster, namespace: str, app: Running) -> None:
    await cluster.deploy(namespace)
    await app.settled()
    deployment = await cluster.deployment(namespace)
    template = deployment["spec"]["template"]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo",
             "uid": deployment["metadata"]["uid"], "controller": True}  # fmt: skip
    labels = {**template["metadata"]["labels"], "pod-template-hash": "7"}
    body = {
        "metadata": {"name": "demo-7", "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": labels}},
        },
    }  # fmt: skip
    await cluster.client.create(REPLICASETS, body, namespace)
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
               "message": 'pods "demo-7-a" is forbidden: exceeded quota: small'}  # fmt: skip
    status = {"replicas": 0, "observedGeneration": 1, "conditions": [failure]}
    await cluster.client.patch(
        REPLICASETS, "demo-7", namespace, body={"status": status}, subresource="status"
    )
    assert "exceeded quota: small; ask for less in spec.resources" in await told(cluster, namespace, "Quota")


async def test_pods_that_a_stateful_set_may_not_make_are_told(
    cluster: Cluster, namespace: str, app: Running
) -> None:
    await cluster.deploy(namespace, workload="StatefulSet")
    await cluster.until(STATEFULSETS, "demo", namespace, lambda one: True)
    message = 'create Pod demo-0 failed error: pods "demo-0" is forbidden: violates PodSecurity "restricted"'
    await warn(cluster, namespace, "FailedCreate", message, kind="StatefulSet", name="demo")
    words = await told(cluster, namespace, "PodSecurity")
    assert "the namespace forbids such pods (PodSecurity)" in words
