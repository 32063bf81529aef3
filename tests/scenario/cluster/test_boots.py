"""Boots on the real cluster: deployed by kubectl, followed by havok, broken in every plain way, recovered."""

import json
import os
import signal
import subprocess
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from support.cluster import LocalCluster, eventually, havok_command, running


def boot(
    name: str, image: str = "harbor/pythonboot-sample", version: str = "1.0", **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "app.logancloud.com/v1",
        "kind": "PythonBoot",
        "metadata": {"name": name},
        "spec": {"image": image, "version": version, **spec},
    }


@pytest.fixture(scope="module")
def shop(cluster: LocalCluster, image: str) -> str:
    """A healthy PythonBoot with two pods, applied by kubectl; its name."""
    cluster.apply(boot("shop", replicas=2))
    cluster.ready("pythonboot", "shop", condition="Ready")
    return "shop"


def test_defaults_are_in_the_spec_as_soon_as_the_create_call_returns(cluster: LocalCluster) -> None:
    answer = cluster.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(boot("fresh")))
    spec = json.loads(answer.out)["spec"]
    assert (spec["port"], spec["replicas"], spec["health"], spec["prometheus"]) == (
        8080,
        1,
        "/health",
        "true",
    )
    cluster.havok("delete", "fresh", "--yes")


def test_a_pod_that_is_killed_comes_back(cluster: LocalCluster, shop: str) -> None:
    before = {pod["metadata"]["uid"] for pod in pods(cluster, shop)}
    cluster.kubectl("delete", "pod", pods(cluster, shop)[0]["metadata"]["name"], "--wait=false")

    def replaced() -> bool:
        ready = {pod["metadata"]["uid"] for pod in pods(cluster, shop) if is_ready(pod)}
        return len(ready) == 2 and ready != before

    eventually(replaced, "two ready pods, one of them new")


def test_the_operator_killed_while_a_boot_changes_finishes_the_change(
    cluster: LocalCluster, shop: str
) -> None:
    os.kill(cluster.pid("operator"), signal.SIGKILL)
    cluster.kubectl("patch", "pythonboot", shop, "--type=merge", "-p", '{"spec":{"replicas":3}}')
    eventually(lambda: cluster.get("deployment", shop)["status"].get("readyReplicas") == 3, "three pods", 90)
    assert cluster.get("pythonboot", shop)["status"]["readyReplicas"] in (2, 3)
    eventually(lambda: cluster.get("pythonboot", shop)["status"]["readyReplicas"] == 3, "the status agrees")


def test_what_somebody_does_to_the_workload_by_hand_is_undone(cluster: LocalCluster, shop: str) -> None:
    cluster.kubectl("scale", "deployment", shop, "--replicas=1")
    wanted = cluster.get("pythonboot", shop)["spec"]["replicas"]
    eventually(lambda: cluster.get("deployment", shop)["spec"]["replicas"] == wanted, "the Boot's replicas")
    cluster.kubectl("delete", "service", shop)
    eventually(lambda: cluster.kubectl("get", "service", shop, check=False).code == 0, "the Service again")


def test_logs_are_followed_and_exec_answers(cluster: LocalCluster, shop: str) -> None:
    with running(havok_command("logs", shop, "-f", "--tail", "0"), cluster.environment) as follower:
        assert follower.stdout is not None
        # A pod that the scenario before has ended may say so first.
        lines = islice(follower.stdout, 20)
        assert any('"path":"/health"' in line.replace(" ", "") for line in lines)
    answer = cluster.havok("exec", shop, "--", "/usr/bin/python3.11", "-S", "-c", "print(6 * 7)")
    assert answer.out == "42\n"


def test_top_events_and_describe_speak_of_the_app(cluster: LocalCluster, shop: str) -> None:
    row = eventually(lambda: cluster.havok("top", shop, "--no-headers", check=False).out, "usage", 90)
    assert row.split()[0] == shop
    assert "Scheduled" in cluster.havok("events", shop).out
    words = cluster.havok("describe", shop).out
    assert "harbor/pythonboot-sample" in words
    assert "Ready" in words


def test_the_operators_log_is_read_by_havok(cluster: LocalCluster) -> None:
    text = cluster.havok("logs", "--operator", "--name", cluster.name, "--tail", "200").out
    assert any(json.loads(line)["event"] == "leading" for line in text.splitlines() if line.startswith("{"))


def test_an_image_that_does_not_exist_is_said_in_plain_words(cluster: LocalCluster, tmp_path: Path) -> None:
    file = tmp_path / "boot.yaml"
    file.write_text(json.dumps(boot("typo", image="harbor/no-such-image")))
    done = cluster.havok("deploy", str(file), check=False)
    assert done.code == 7
    assert "does not exist" in done.err
    assert "deploy.image_missing" in done.err
    cluster.havok("delete", "typo", "--yes")


def test_a_field_that_does_not_exist_is_refused_with_the_nearest(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    file = tmp_path / "boot.yaml"
    file.write_text(json.dumps(boot("typo", verison="1.0")))
    done = cluster.havok("deploy", str(file), check=False)
    assert done.code == 2
    assert "verison" in done.err
    assert "version" in done.err
    assert cluster.kubectl("get", "pythonboot", "typo", check=False).code == 1
    refused = cluster.kubectl("apply", "-f", str(file), check=False)
    assert "spec.verison" in refused.err


def test_ctrl_c_leaves_the_roll_out_running_and_says_so(cluster: LocalCluster, tmp_path: Path) -> None:
    file = tmp_path / "boot.yaml"
    file.write_text(json.dumps(boot("slow", image="harbor/no-such-image", readiness="/never")))
    child = subprocess.Popen(
        havok_command("deploy", str(file)), env=cluster.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stderr is not None
    first = ""
    while "pods ready" not in first:
        first = child.stderr.readline()
    child.send_signal(signal.SIGINT)
    rest = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=30) == 130, rest
    assert "slow" in rest
    assert cluster.get("pythonboot", "slow")["metadata"]["name"] == "slow"
    cluster.havok("delete", "slow", "--yes")


def test_deleting_takes_everything_along(cluster: LocalCluster, shop: str) -> None:
    cluster.havok("delete", shop, "--yes")
    eventually(lambda: not pods(cluster, shop), "no pods")
    for kind in ("deployment", "service"):
        eventually(lambda k=kind: cluster.kubectl("get", k, shop, check=False).code == 1, f"no {kind}")  # type: ignore[misc]


def pods(cluster: LocalCluster, name: str) -> list[dict[str, Any]]:
    return list(cluster.get("pods", "-l", f"bootName={name}")["items"])


def is_ready(pod: dict[str, Any]) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def test_an_idle_operator_writes_nothing(cluster: LocalCluster, image: str) -> None:
    cluster.apply(boot("calm"))
    cluster.ready("pythonboot", "calm", condition="Ready")
    time.sleep(3)  # what is still on its way settles; then the versions must stand still
    kinds = ("pythonboot", "deployment", "service")
    before = [cluster.get(kind, "calm")["metadata"]["resourceVersion"] for kind in kinds]
    time.sleep(10)
    assert [cluster.get(kind, "calm")["metadata"]["resourceVersion"] for kind in kinds] == before
    cluster.havok("delete", "calm", "--yes")
