"""Going back on the real cluster: a bad version does not start, and the last good one answers again."""

import json

from scenario.cluster.apps import FETCH
from support.cluster import LocalCluster, eventually

SAMPLE = ("--name", "back", "--kind", "python", "--image", "harbor/pythonboot-sample", "--replicas", "2")


def answers(cluster: LocalCluster) -> bool:
    body = cluster.execute("deployment/back", FETCH, "http://back.default.svc.cluster.local:8080/health")
    return bool(json.loads(body)["status"] == "UP")


def test_a_bad_version_is_explained_and_rolled_back(cluster: LocalCluster, image: str) -> None:
    cluster.havok("deploy", *SAMPLE, "--version", "1.0")
    before = cluster.get("deployment", "back")["spec"]["template"]

    bad = cluster.havok("deploy", *SAMPLE, "--version", "9.9", check=False)
    assert bad.code == 7
    assert "pythonboot-sample:9.9 does not exist" in bad.err
    assert "last good revision is 1: havok rollback back 1" in bad.err

    def explained() -> str:
        conditions = cluster.get("pythonboot", "back")["status"]["conditions"]
        (ready,) = (one["message"] for one in conditions if one["type"] == "Ready")
        return ready if "havok rollback back 1" in ready else ""

    assert "9.9 does not exist" in eventually(explained, "the status says it in the same words")

    done = cluster.havok("rollback", "back", "--yes", "--reason", "9.9 is not there")
    assert "spec.version: 9.9 → 1.0" in done.out
    assert cluster.get("deployment", "back")["spec"]["template"] == before
    eventually(lambda: answers(cluster), "the app answers")

    rows = [line.split() for line in cluster.havok("history", "back", "--no-headers").out.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [("1", "1.0"), ("2", "9.9"), ("3", "1.0")]
    assert "9.9 is not there" in cluster.havok("history", "back").out
    assert "~ spec.version: 9.9 → 1.0" in cluster.havok("diff", "back").out


def test_pause_restart_and_scale(cluster: LocalCluster, image: str) -> None:
    cluster.havok("deploy", *SAMPLE, "--version", "1.0")
    cluster.havok("restart", "back")
    cluster.havok("scale", "back", "1")
    assert cluster.get("deployment", "back")["status"]["readyReplicas"] == 1
    cluster.havok("pause", "back")
    eventually(lambda: "Paused" in cluster.havok("get", "boot", "back", "-o", "wide").out, "it is told")
    assert cluster.havok("restart", "back", check=False).code == 5
    cluster.havok("scale", "back", "2", "--no-wait")
    cluster.havok("resume", "back")
    eventually(lambda: cluster.get("deployment", "back")["spec"]["replicas"] == 2, "the change that waited")
    cluster.havok("delete", "back", "--yes")
