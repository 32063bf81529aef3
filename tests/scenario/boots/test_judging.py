"""A request is judged by the config that filled it, whatever happened to the config in between.

Two replicas play the two calls of one request: the first has read another config than the second.
"""

from typing import Any

import pytest

from havok.boots import config, names
from havok.boots.admission import Admission
from havok.boots.central import Central
from havok.boots.mutation import Incoming
from havok.boots.options import OperatorOptions
from havok.codec import Json, decode_json, encode_json
from havok.kube.webhook import AdmissionRequest, AdmissionResponse, GroupVersionKind, UserInfo
from scenario.boots.stage import Cluster

OLD = 'java: {app: {env: [{name: A, value: "1"}]}}'
NEW = 'java: {app: {env: [{name: A, value: "2"}]}}'
BROKEN = "java: ["


class Replica:
    """The webhooks of one operator that has read some configs, one after the other."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        options = OperatorOptions(namespace=namespace)
        self.central = Central(cluster.operator, namespace, options.environment)
        self.webhooks = Admission(options, cluster.operator, self.central)
        self._namespace = namespace

    async def read(self, *texts: str) -> "Replica":
        for text in texts:
            await self.central.offer(text)
        return self

    async def fill(self, new: Json, old: Json | None = None) -> Json:
        """The object as the mutating webhook makes it."""
        answer = await self.webhooks.review(self._request(new, old))
        made: Json = {"metadata": {**new["metadata"]}, "spec": {**new["spec"]}}
        made["metadata"]["annotations"] = {**new["metadata"].get("annotations", {})}
        for one in answer.patch:
            _, where, *rest = one["path"].split("/")
            if len(rest) == 1 and where == "metadata":
                made["metadata"]["annotations"] = one["value"]
                continue
            place = made["spec"] if where == "spec" else made["metadata"]["annotations"]
            key = rest[-1].replace("~1", "/")
            place.pop(key) if one["op"] == "remove" else place.update({key: one["value"]})
        wire: Json = decode_json(encode_json(made))
        return wire

    async def judge(self, new: Json, old: Json | None = None) -> AdmissionResponse:
        return await self.webhooks.validate(self._request(new, old))

    def _request(self, new: Json, old: Json | None) -> AdmissionRequest:
        return AdmissionRequest(
            uid="1", operation="UPDATE" if old else "CREATE", kind=GroupVersionKind(kind="JavaBoot"),
            name="demo", namespace=self._namespace, object=new, old_object=old,
            user_info=UserInfo(username="ann"),
        )  # fmt: skip


def boot(annotations: dict[str, str] | None = None, **spec: Any) -> Json:
    metadata = {"name": "demo", "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"image": "a", "version": "1", **spec}}


@pytest.mark.parametrize("later", [(NEW,), (OLD, NEW), (BROKEN,), ()], ids=["new", "next", "broken", "none"])
async def test_a_boot_is_judged_by_the_config_that_filled_it(
    cluster: Cluster, namespace: str, later: tuple[str, ...]
) -> None:
    first = await Replica(cluster, namespace).read(OLD)
    second = await Replica(cluster, namespace).read(*later)
    made = await first.fill(boot())
    assert made["spec"]["env"] == [{"name": "A", "value": "1"}]
    assert made["metadata"]["annotations"][names.FILLED_FROM] == config.digest_of(OLD)
    assert (await second.judge(made)).allowed

    changed = {**made, "spec": {**made["spec"], "version": "2"}}
    filled = await (await first.read(NEW)).fill(changed, made)
    assert filled["spec"]["env"] == [{"name": "A", "value": "2"}]
    assert (await second.judge(filled, made)).allowed


async def test_the_config_in_between_does_not_let_a_contradiction_through(
    cluster: Cluster, namespace: str
) -> None:
    first = await Replica(cluster, namespace).read(OLD)
    second = await Replica(cluster, namespace).read(OLD, NEW)
    wrong = await first.fill(boot(env=[{"name": "A", "value": "7"}]))
    refused = await second.judge(wrong)
    assert not refused.allowed
    assert 'env A is set by the central config to "1"' in refused.message


async def test_nobody_can_choose_the_config_that_judges(cluster: Cluster, namespace: str) -> None:
    replica = await Replica(cluster, namespace).read(OLD, NEW)
    forged = {names.FILLED_FROM: config.digest_of(OLD)}
    made = await replica.fill(boot(forged, env=[{"name": "A", "value": "1"}]))
    assert made["metadata"]["annotations"][names.FILLED_FROM] == config.digest_of(NEW)
    assert not (await replica.judge(made)).allowed

    good = await replica.fill(boot())
    same = {**good, "metadata": {**good["metadata"], "annotations": {"mine": "1"}}}
    after = await replica.fill(same, good)
    assert after["metadata"]["annotations"][names.FILLED_FROM] == config.digest_of(NEW)
    assert Incoming.read(after) is not None
