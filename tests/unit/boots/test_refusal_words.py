"""Every refusal, as `havok` prints it in both languages, says the field, the reason and what to do."""

import asyncio
import io
import re
from collections.abc import Awaitable

import msgspec
import pytest

from havok.boots import fit_rules, mutation, rules, scaling_rules
from havok.boots.config import Defaults
from havok.boots.judge import Case, admit
from havok.boots.lookups import Lookups, Unchecked
from havok.boots.rules import Refusal, Secret
from havok.cli import catalogue
from havok.cli.console import Console
from havok.cli.failure import report
from havok.codec import Json
from havok.crds import BootSpec
from havok.crds.autoscaling import Autoscaling
from havok.crds.spec import (
    EnvVar,
    EnvVarSource,
    FieldSelector,
    KeySelector,
    PersistentVolumeClaimMount,
    ResourceClaim,
    ResourceRequirements,
)
from havok.kube import Client
from havok.kube.errors import (
    Denied,
    Forbidden,
    KubeError,
    Status,
    StatusCause,
    StatusDetails,
    Unavailable,
    as_causes,
    from_status,
)
from havok.kube.views import ObjectMeta
from unit.boots.apps import key
from unit.boots.test_rules import VARIABLES

PREFIX = 'admission webhook "validation.app.logancloud.com" denied the request: '
DB = KeySelector(name="db", key="password")
FROM_DB = EnvVarSource(secret_key_ref=DB)
CLAIM = PersistentVolumeClaimMount(name="data", mount_path="/data")


class Failing:
    """A client whose every answer is one failure."""

    def __init__(self, error: KubeError) -> None:
        self.error = error

    async def get(self, *asked: object, **how: object) -> None:
        raise self.error


def env(**one: object) -> Refusal | None:
    return rules.env_syntax([EnvVar(name="P", **one)])  # type: ignore[arg-type]


def scaled(metric: Json) -> Refusal | None:
    return scaling_rules.metrics(msgspec.convert({"metrics": [metric]}, Autoscaling))


def mounted(name: str = "data", path: str = "/data") -> Refusal | None:
    claim = PersistentVolumeClaimMount(name=name, mount_path=path)
    return mutation.refusal(BootSpec(image="a", version="1", pvc=(claim,)))


def claimed(labels: dict[str, str] | None) -> Refusal | None:
    found = None if labels is None else ObjectMeta(labels=labels)
    return rules.claim_permission(key(), 0, CLAIM, "data", found)


def against_config(env: tuple[EnvVar, ...], before: tuple[EnvVar, ...] | None) -> Refusal | None:
    return rules.env_against_config(env, before, (EnvVar(name="P", value="1"),), VARIABLES)


def unread(error: KubeError) -> Refusal:
    async def ask(looked: Awaitable[object]) -> Refusal:
        with pytest.raises(Unchecked) as caught:
            await looked
        return caught.value.refusal

    client: Client = Failing(error)  # type: ignore[assignment]
    return asyncio.run(ask(Lookups(client).secret("demo", "db")))


def without_config() -> Refusal | None:
    spec = BootSpec(image="a", version="1", env=(EnvVar(name="P", value="1"),))
    case = Case(
        key=key(), spec=spec, environment="test", remembered=(), defaults=None, broken="line 3: no port"
    )
    client: Client = Failing(Unavailable("kube.unavailable", "down"))  # type: ignore[assignment]
    return asyncio.run(admit(case, Lookups(client)))


def unfit(**fields: object) -> Refusal | None:
    spec = msgspec.convert({"image": "a", "version": "1", **fields}, BootSpec)
    return fit_rules.fit(spec, VARIABLES)


TWICE: Json = {"name": "data", "mountPath": "/data"}
PODS = {"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "Value", "value": 1}}}
CPU: Json = {"name": "cpu"}
CASES: list[tuple[str, Refusal | None]] = [
    ("metadata.name", rules.name_taken(key(), "PhpBoot")),
    ("spec.env[0].valueFrom", env(value_from=EnvVarSource(field_ref=FieldSelector(field_path="x")))),
    ("spec.env[0].valueFrom", env(value_from=EnvVarSource())),
    ("spec.env[0].valueFrom", env(value="x", value_from=FROM_DB)),
    ("spec.env[0].valueFrom.secretKeyRef.name",
     env(value_from=EnvVarSource(secret_key_ref=KeySelector(name="A_B", key="k")))),
    ("spec.env[0].valueFrom.secretKeyRef.key",
     env(value_from=EnvVarSource(secret_key_ref=KeySelector(name="a", key="a/b")))),
    ("spec.env[0].valueFrom.secretKeyRef.name", rules.secret_permission(key(), 0, DB, None)),
    ("spec.env[0].valueFrom.secretKeyRef.key",
     rules.secret_permission(key(), 0, DB, Secret(frozenset(), frozenset()))),
    ("spec.env[0].valueFrom.secretKeyRef",
     rules.secret_permission(key(), 0, DB, Secret(frozenset(), frozenset({"password"})))),
    ("spec.env[0]", against_config((EnvVar(name="P", value="2"),), None)),
    ("spec.env", against_config((), (EnvVar(name="P", value="1"),))),
    ("spec.hpa.metrics[0].type", scaled({"type": "Disk"})),
    ("spec.hpa.metrics[0].resource", scaled({"type": "Resource"})),
    ("spec.hpa.metrics[0].pods", scaled(
        {"type": "Resource", "resource": {**CPU, "targetAverageValue": 1}, "pods": {}})),
    ("spec.hpa.metrics[0].resource", scaled({"type": "Resource", "resource": CPU})),
    ("spec.hpa.metrics[0].resource.targetAverageValue", scaled(
        {"type": "Resource", "resource": {**CPU, "targetAverageUtilization": 1, "targetAverageValue": 1}})),
    ("spec.hpa.metrics[0].resource.targetAverageUtilization", scaled(
        {"type": "Resource", "resource": {**CPU, "targetAverageUtilization": 0}})),
    ("spec.hpa.metrics[0].pods.target.type", scaled(PODS)),
    ("spec.hpa.metrics[0].pods.metricName", scaled({"type": "Pods", "pods": {"metricName": "a/b"}})),
    ("spec.hpa.metrics[0].containerResource.container", scaled(
        {"type": "ContainerResource", "containerResource": {**CPU, "container": "A_b", "target": {
            "type": "Utilization", "averageUtilization": 80}}})),
    ("spec.hpa.metrics[0].containerResource.name", scaled({"type": "ContainerResource", "containerResource": {
        "name": "x", "container": "app", "target": {"type": "Utilization", "averageUtilization": 80}}})),
    ("spec.hpa.metrics[0].pods.metricName", scaled({"type": "Pods", "pods": {"targetAverageValue": 1}})),
    ("spec.priority", rules.priority_permission("demo", "high", None)),
    ("spec.priority", rules.priority_permission("demo", "high", ObjectMeta())),
    ("spec.priority", rules.priority_permission("demo", "system-node-critical", ObjectMeta())),
    ("spec.pvc[0].name", mounted(name="")),
    ("spec.pvc[0].name", mounted(name="x" * 64)),
    ("spec.pvc[0].mountPath", mounted(path="")),
    ("spec.pvc[0].name", rules.claim_syntax(0, CLAIM, "x" * 64)),
    ("spec.pvc[0].name", rules.claim_syntax(0, CLAIM, "a_b")),
    ("spec.pvc[0].mountPath",
     rules.claim_syntax(0, PersistentVolumeClaimMount(name="data", mount_path="/a:b"), "data")),
    ("spec.pvc[0].name", claimed(None)),
    ("spec.pvc[0].readOnly", claimed({"shared": "true"})),
    ("spec.pvc[0].name", claimed({"app": "other"})),
    ("spec.env", unread(Forbidden("kube.forbidden", "secrets is forbidden"))),
    ("spec.env", unread(Unavailable("kube.unavailable", "etcd is down"))),
    ("spec.env", without_config()),
    ("spec.nodeSelector", unfit(nodeSelector={"a b": "c"})),
    ("spec.nodeSelector", unfit(nodeSelector={"a": "c d"})),
    ("spec.resources", unfit(resources={"limits": {"hugepages-2Mi": "2Mi"}})),
    ("spec.resources.limits", unfit(resources={"limits": {"colour": 1}})),
    ("spec.resources.limits", unfit(resources={"limits": {"nvidia.com/gpu": "500m"}})),
    ("spec.resources.requests", unfit(resources={"limits": {"cpu": 0}, "requests": {"cpu": 1}})),
    ("spec.resources.requests", unfit(resources={"requests": {"nvidia.com/gpu": 1}})),
    ("spec.resources.claims[0].name",
     fit_rules.claims(BootSpec(image="a", version="1", resources=ResourceRequirements(
         claims=(ResourceClaim(name="c"),))), {"resourceClaims": [{"name": "d"}]})),
    ("spec.pvc[1].name", unfit(pvc=[TWICE, {**TWICE, "mountPath": "/b"}])),
    ("spec.pvc[1].mountPath", unfit(pvc=[TWICE, {**TWICE, "name": "other"}])),
]  # fmt: skip


def sent(refused: Refusal) -> Denied:
    """The refusal as our client gets it back from the API server."""
    causes = tuple(msgspec.convert(as_causes(refused), list[StatusCause]))
    status = Status(message=PREFIX + refused.text, details=StatusDetails(causes=causes))
    error = from_status(403, status)
    assert isinstance(error, Denied)
    return error


def printed(error: Denied, lang: str) -> str:
    """What `havok` writes about it."""
    out = io.StringIO()
    report(Console(stderr=out, environ={"HAVOK_LANG": lang}), error)
    return out.getvalue()


@pytest.mark.parametrize(("field", "refused"), CASES, ids=[one.code if one else "?" for _, one in CASES])
def test_each_refusal_says_field_reason_and_remedy_in_both_languages(
    field: str, refused: Refusal | None
) -> None:
    assert refused is not None
    assert refused.context["field"] == field
    assert refused.reason in set(rules.REASONS.values())
    page = catalogue.pages()[refused.code]
    for lang in ("en", "zh"):
        text = printed(sent(refused), lang)
        plain = re.sub(r"\[\d+\]", "", field)
        assert field in text or (lang == "en" and plain in text), text
        assert f"[{refused.code}]" in text
        assert bool(re.search(r"[\u3400-\u9fff]", text)) == (lang == "zh"), text
        assert len(text.splitlines()) > 1, text
    assert refused.hint in printed(sent(refused), "en")
    assert catalogue.translated(page, "zh")[1]


def test_the_table_above_has_every_code() -> None:
    wanted = {code for code in catalogue.pages() if code.startswith("boots.refused.")}
    of_config = {code for code in wanted if code.startswith("boots.refused.config.")}
    assert {one.code for _, one in CASES if one} == wanted - of_config


def test_one_boot_without_config_can_be_asked_for() -> None:
    """The look-ups of the other cases fail; what needs none of them is answered all the same."""
    spec = BootSpec(image="a", version="1")
    case = Case(key=key(), spec=spec, environment="test", remembered=(), defaults=Defaults())
    client: Client = Failing(Unavailable("kube.unavailable", "down"))  # type: ignore[assignment]
    assert asyncio.run(admit(case, Lookups(client))) is None
