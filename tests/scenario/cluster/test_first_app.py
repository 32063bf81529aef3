"""What a stranger sees: one command, and a Java service answers, shows its logs and is listed."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

from support.cluster import LocalCluster

ROOT = Path(__file__).resolve().parents[3]


def test_the_one_command_ends_with_a_java_service_that_answers(cluster: LocalCluster) -> None:
    environment = {**os.environ, **cluster.environment, "NAME": cluster.name}
    environment["PATH"] = f"{ROOT / '.venv/bin'}:{environment['PATH']}"
    del environment["KUBECONFIG"]
    done = subprocess.run(
        [ROOT / "scripts/first-app"], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "answers at" in line)
    address = line.split("answers at ")[1].split()[0]
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert json.load(answer)["app"] == "javaboot-sample"
    assert '"path":"/health"' in done.stdout or "ready" in done.stdout.lower()


def test_kubectl_and_havok_agree(cluster: LocalCluster) -> None:
    seen = cluster.get("javaboot", "demo-javaboot")
    ours = json.loads(cluster.havok("get", "boot", "demo-javaboot", "-o", "json").out)
    assert ours["metadata"]["uid"] == seen["metadata"]["uid"]
    assert seen["status"]["readyReplicas"] == 1
    row = cluster.havok("get", "boots", "--no-headers").out.split()
    assert row[:3] == ["demo-javaboot", "JavaBoot", "1/1"]
    assert cluster.get("deployment", "demo-javaboot")["status"]["readyReplicas"] == 1
    assert cluster.get("service", "demo-javaboot")["spec"]["ports"][0]["port"] == seen["spec"]["port"]


def test_the_address_survives_the_pod_behind_it(cluster: LocalCluster) -> None:
    address = cluster.havok("open", "demo-javaboot", "--background").out.strip()
    cluster.kubectl("delete", "pod", "-l", "bootName=demo-javaboot", "--wait=true")
    cluster.ready("javaboot", "demo-javaboot", condition="Ready")
    with urllib.request.urlopen(address + "health", timeout=10) as answer:
        assert answer.status == 200
    cluster.havok("open", "--stop", "demo-javaboot")
