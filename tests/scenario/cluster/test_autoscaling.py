"""A Boot under load is scaled up by the cluster's own autoscaler, from the real metrics-server."""

from support.cluster import PYTHON, LocalCluster, eventually, running

BURN = """\
import time
until = time.monotonic() + 150
while time.monotonic() < until:
    pass
"""


def test_a_busy_app_gets_a_second_pod(cluster: LocalCluster, image: str) -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 50}}
    cluster.apply({
        "apiVersion": "app.logancloud.com/v1", "kind": "PythonBoot", "metadata": {"name": "busy"},
        "spec": {
            "image": "harbor/pythonboot-sample", "version": "1.0",
            "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": "400m"}},
            "hpa": {"enable": True, "minReplicas": 1, "maxReplicas": 2, "metrics": [cpu]},
        },
    })  # fmt: skip
    cluster.ready("pythonboot", "busy", condition="Ready")
    target = cluster.get("hpa", "busy")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("PythonBoot", "busy")
    burn = [cluster.known.binaries["kubectl"], "exec", "deployment/busy", "--", PYTHON, "-S", "-c", BURN]
    with running(burn, cluster.environment):
        eventually(lambda: cluster.get("pythonboot", "busy")["spec"]["replicas"] == 2, "two replicas", 120)
        eventually(
            lambda: cluster.get("pythonboot", "busy")["status"].get("HPAReplicas") == 2, "two pods", 30
        )
    assert cluster.get("deployment", "busy")["spec"]["replicas"] == 2
    cluster.havok("delete", "busy", "--yes")
