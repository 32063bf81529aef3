"""An operator whose rights in a namespace a test takes away and gives back, to see what a refusal does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from havok.boots import rbac
from havok.codec import Json
from havok.kube import Client
from havok.kube.resources import ROLEBINDINGS, ROLES
from scenario.boots.stage import RBAC, Cluster, Running
from support.controlplane import ControlPlane

USER = "havok:limited"
SUBJECT = {"kind": "User", "name": USER, "apiGroup": rbac.API}
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
Right = tuple[str, str]
"""Plural name (with subresource) and verb."""


class Limited:
    """A running operator and its rights."""

    def __init__(self, operator: Running, client: Client) -> None:
        self.operator = operator
        self._client = client
        self.namespace = operator.options.namespace

    async def may_not(self, *taken: Right) -> None:
        """From now on everything but this."""
        await grant(self.operator.cluster, self.namespace, *taken)
        for right in {*taken, ("deployments", "get"), ("javaboots", "patch")}:
            await self._until(right, allowed=right not in taken)

    async def _until(self, right: Right, *, allowed: bool) -> None:
        """Wait until the API server has learnt of it; each look is a request."""
        resource, _, sub = right[0].partition("/")
        groups = {one: rule["apiGroups"][0] for rule in rules() for one in rule["resources"]}
        attributes = {
            "namespace": self.namespace, "verb": right[1], "group": groups[right[0]], "resource": resource,
            "subresource": sub,
        }  # fmt: skip
        body = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }  # fmt: skip
        while (await self._client.request("POST", REVIEWS, body=body))["status"]["allowed"] is not allowed:
            pass


@asynccontextmanager
async def limited(
    cluster: Cluster, plane: ControlPlane, *taken: Right, **options: Any
) -> AsyncIterator[Limited]:
    """An operator in a new namespace with all rights but `taken`."""
    namespace = await cluster.new_namespace()
    for manifest in rbac.manifests(SUBJECT, namespace)[2:4]:
        await cluster.client.apply(RBAC[manifest["kind"]], manifest, field_manager="test")
    await grant(cluster, namespace, *taken)
    async with Client(plane.access(USER, ())) as client:
        seen = Cluster(cluster.client, client)
        async with Running.start(seen, namespace, **options) as operator:
            yield Limited(operator, client)


async def grant(cluster: Cluster, namespace: str, *taken: Right) -> None:
    meta = {"name": "limited", "namespace": namespace}
    await cluster.client.apply(ROLES, {"metadata": meta, "rules": rules(*taken)}, field_manager="test")
    reference = {"apiGroup": rbac.API, "kind": "Role", "name": "limited"}
    binding = {"metadata": meta, "roleRef": reference, "subjects": [SUBJECT]}
    await cluster.client.apply(ROLEBINDINGS, binding, field_manager="test")


def rules(*taken: Right) -> list[Json]:
    """The rules of the operator everywhere, one resource each, without some verbs."""
    whole = rbac.manifests(SUBJECT, "")[0]["rules"]
    return [
        {
            "apiGroups": rule["apiGroups"],
            "resources": [resource],
            "verbs": [verb for verb in rule["verbs"] if (resource, verb) not in taken],
        }
        for rule in whole
        for resource in rule["resources"]
    ]
