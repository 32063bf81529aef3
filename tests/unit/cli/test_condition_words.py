"""Every condition that the operator writes is said in Chinese too, with its field, reason and remedy."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from havok.boots import config, names, pause, permission, rollback
from havok.boots.config_news import news
from havok.boots.live import Workload
from havok.boots.note import Note
from havok.boots.status import Problem, Seen, observe
from havok.cli.condition_words import in_language
from havok.cli.rollout import RolloutError
from havok.crds import BOOT_KINDS, Boot, BootSpec, BootStatus
from unit.boots.apps import filled, key
from unit.boots.test_health_words import gone, revision, told, waiting
from unit.boots.test_refusal_words import CASES

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
JAVA = BOOT_KINDS[0]


def boot(**annotations: str) -> Boot:
    named = {getattr(names, name): text for name, text in annotations.items()}
    body = {"metadata": {"name": "shop", "annotations": named}, "spec": {"image": "a", "version": "1"}}
    return msgspec.convert(body, Boot)


def messages(**given: Any) -> list[str]:
    """What the conditions of one status say."""
    seen = Seen(
        key=key(), generation=1, spec=filled(BootSpec(image="a", version="2")), previous=BootStatus(),
        services=(), config_hash="", workload=given.pop("workload", None), **given,
    )  # fmt: skip
    return [one.message for one in observe(seen, "2026-11-24T09:30:00Z").conditions]


def workload(ready: int) -> Workload:
    body = {
        "metadata": {"name": "shop", "generation": 1}, "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": ready, "readyReplicas": ready},
    }  # fmt: skip
    return msgspec.convert(body, Workload)


def of_config() -> list[str]:
    text = "java: {nonsense: 1, sidecarServices: [{name: a, port: 1}]}"
    newer, older = config.parse(text, "test"), config.parse("java: {app: {port: 1}}", "test")
    built_in = config.built_in("test")
    profile = {names.PROFILE: "vip"}
    found = [
        news(JAVA, {}, running=None, newest=None, trouble="line 3: no port"),
        news(JAVA, {}, running=older, newest=older, trouble="line 3: no port"),
        news(JAVA, {}, running=older, newest=newer, trouble=""),
        news(JAVA, {}, running=built_in, newest=older, trouble=""),
        news(JAVA, {}, running=older, newest=older, trouble=""),
    ]
    warned = [*config.warnings(JAVA, profile, newer)]
    return [one.message for one in found] + warned


def of_pause() -> list[str]:
    found = [pause.pause_of(boot(PAUSED=text), NOW) for text in ("true", "2026-11-25T00:00:00Z")]
    return [one.words for one in found if one]


def of_rollback() -> list[str]:
    absent = rollback.target(boot(ROLLBACK_TO="7"), [revision(1, "Active")])
    assert isinstance(absent, Problem)
    return [absent.message, rollback.lost("0123456789").message, rollback.refused("no").message]


def of_pods() -> list[str]:
    found = [
        told(waiting("ErrImagePull", "not found")),
        told(waiting("ErrImagePull", "not found"), revision(7, "Complete"), revision(8, "Running")),
        told(gone("Evicted")),
        told(waiting("CreateContainerConfigError", 'secret "db" not found')),
    ]
    assert all(found)
    return [message for one in found if one for message in messages(workload=workload(0), trouble=one)[:1]]


EVERY = [
    *messages(), *messages(workload=workload(0)), *messages(workload=workload(1)),
    *of_config(), *of_pause(), *of_rollback(), *of_pods(),
    *(permission._problem(refused).message for _, refused in CASES if refused),
]  # fmt: skip


@pytest.mark.parametrize("message", sorted(set(EVERY)))
def test_every_condition_is_said_in_chinese(message: str) -> None:
    said = in_language(message, "zh")
    assert said != message
    assert re.search(r"[\u3400-\u9fff]", said)
    assert "{" not in said
    assert in_language(message, "en") == message


def test_values_and_remedies_are_kept() -> None:
    refused = next(one for _, one in CASES if one and one.code == "boots.refused.secret.permission")
    assert in_language(f"{refused.text}; until then what runs stays as it is", "zh") == (
        "spec.env[0].valueFrom.secretKeyRef：Secret db 没有授权应用 shop；由它的所有者授权："
        "kubectl annotate secret db -n demo app.logancloud.com/secret-shop=true；"
        "在此之前，正在运行的保持不变"
    )
    found = told(waiting("ErrImagePull", "not found"), revision(7, "Active"), revision(8, "Running"))
    assert found is not None
    assert in_language(f"0 of 1 pods ready; {found.text}", "zh") == (
        "1 个 Pod 中 0 个就绪；镜像 harbor/x:2 不存在；最近一个健康的修订是 7：havok rollback x 7"
    )


def test_words_of_the_cluster_stay_as_they_are() -> None:
    words = 'ReplicaSet "x-7" has timed out progressing.'
    assert in_language(words, "zh") == words


def test_a_roll_out_that_a_condition_ended_is_told_in_both_languages() -> None:
    problem = rollback.lost("0123456789").message
    error = RolloutError("javaboot/shop", Note("condition", {"message": problem}, fatal=True))
    assert problem in error.message
    assert "没有回滚：它当时运行的中央配置版本 0123456789 已不再保留" in error.in_language("zh")[0]
