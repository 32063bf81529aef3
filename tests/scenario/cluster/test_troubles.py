"""Every way of failing that a real node can be brought to, said in plain words with what helps."""

import time
from collections.abc import Iterator

import pytest

from scenario.cluster.central import with_blocks
from scenario.cluster.troubles import QUOTA, TROUBLES, Trouble
from support.cluster import LocalCluster

NAMESPACE = "ill"


@pytest.fixture(scope="module")
def ill(cluster: LocalCluster, image: str) -> Iterator[LocalCluster]:
    """All apps in one namespace at once, so that they fail side by side."""
    namespace = {
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "baseline"}},
    }  # fmt: skip
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": NAMESPACE},
        "spec": {"hard": {f"requests.{QUOTA}": "0"}},
    }  # fmt: skip
    registry = image.split("/", 1)[0]
    with with_blocks(cluster, {trouble.name: trouble.profile(registry) for trouble in TROUBLES}):
        cluster.apply(namespace, quota)
        cluster.kubectl("wait", "--for=jsonpath={.status.hard.requests\\.example\\.com/gpu}=0",
                        "resourcequota/none", "-n", NAMESPACE)  # fmt: skip
        boots = [trouble.boot() for trouble in TROUBLES]
        for boot in boots:
            boot["metadata"]["namespace"] = NAMESPACE
        cluster.apply(*boots)
        yield cluster
        cluster.kubectl("delete", "pythonboots", "--all", "-n", NAMESPACE)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def seen(ill: LocalCluster) -> dict[str, set[tuple[str, str]]]:
    """(reason, message) of the condition Ready that each Boot has had, until all have had theirs."""
    found: dict[str, set[tuple[str, str]]] = {trouble.name: set() for trouble in TROUBLES}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not all(said(one, found[one.name]) for one in TROUBLES):
        for boot in ill.get("pythonboots", "-n", NAMESPACE)["items"]:
            for condition in boot.get("status", {}).get("conditions", ()):
                if condition["type"] == "Ready":
                    found[boot["metadata"]["name"]].add((condition["reason"], condition["message"]))
        time.sleep(0.3)
    return found


STEADY = ("tag", "letters", "program", "cores", "quota", "mount")
"""Those that stay as they are while somebody looks."""


def test_the_commands_say_the_same(ill: LocalCluster, seen: dict[str, set[tuple[str, str]]]) -> None:
    table = ill.havok("get", "boots", "-n", NAMESPACE, "-o", "wide", "--no-headers").out
    states = {line.split()[0]: line.split()[-1] for line in table.splitlines()}
    wanted = {trouble.name: trouble for trouble in TROUBLES if trouble.name in STEADY}
    assert {name: states[name] for name in wanted} == {name: one.reason for name, one in wanted.items()}
    pages = ill.havok("describe", *STEADY, "-n", NAMESPACE).out
    for trouble in wanted.values():
        assert any(line.startswith("State:") and trouble.words in line for line in pages.splitlines())


def test_in_chinese_too(ill: LocalCluster, seen: dict[str, set[tuple[str, str]]]) -> None:
    page = ill.havok("describe", "quota", "-n", NAMESPACE, environ={"HAVOK_LANG": "zh"}).out
    assert "命名空间的配额已用完" in page


def said(trouble: Trouble, found: set[tuple[str, str]]) -> bool:
    """Whether the right reason was given, with the words that explain it and what helps."""
    return any(
        reason == trouble.reason and trouble.words in message and trouble.remedy in message
        for reason, message in found
    )


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_the_status_says_what_is_wrong_and_what_helps(
    seen: dict[str, set[tuple[str, str]]], trouble: Trouble
) -> None:
    assert said(trouble, seen[trouble.name]), seen[trouble.name]
