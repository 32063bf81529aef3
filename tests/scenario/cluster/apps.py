"""What the scenarios run on the cluster: the Python sample as an app, and single pods of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from support.cluster import PYTHON, LocalCluster, eventually

LABELS = {"app": "echo"}
FETCH = """\
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())
"""
SLEEP = "import signal; signal.pause()"


@dataclass(frozen=True)
class Echo:
    """The sample with two pods behind a Service, every image pulled from the cluster's registry."""

    cluster: LocalCluster
    image: str

    def deploy(self) -> None:
        """Apply it and wait until it answers."""
        self.cluster.apply(deployment(self.image), service())
        self.cluster.kubectl("rollout", "status", "deployment/echo", "--timeout=90s", timeout=100)

    def answers(self) -> bool:
        """Whether a pod reaches the app by its name: DNS, Service and pod network in one question."""
        body = self.cluster.execute("deployment/echo", FETCH, "http://echo.default.svc.cluster.local/health")
        return bool(json.loads(body)["status"] == "UP")

    def answers_eventually(self, seconds: float = 60) -> None:
        eventually(self.answers, "the app answers", seconds)

    def pods(self) -> list[dict[str, Any]]:
        return list(self.cluster.get("pods", "-l", "app=echo")["items"])


def deployment(image: str) -> dict[str, Any]:
    container = {
        "name": "echo",
        "image": image,
        "imagePullPolicy": "Always",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "echo"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }


def service() -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": "http"}]
    spec = {"type": "NodePort", "selector": LABELS, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo"}, "spec": spec}


def pod(
    name: str, image: str, *, code: str = SLEEP, restart: str = "Always", claim: str = "",
    arguments: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """A pod that runs Python code; `claim` is mounted at /data."""
    container: dict[str, Any] = {
        "name": "main", "image": image, "command": [PYTHON, "-S", "-u", "-c", code, *arguments],
    }  # fmt: skip
    spec: dict[str, Any] = {
        "restartPolicy": restart, "terminationGracePeriodSeconds": 1, "containers": [container],
    }  # fmt: skip
    if claim:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def claim(name: str) -> dict[str, Any]:
    """A claim for a small volume of the default storage class."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
