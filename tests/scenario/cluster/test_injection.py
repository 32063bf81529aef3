"""An init container and a sidecar from central config, around the Python sample, calling each other."""

import json
from collections.abc import Iterator

import pytest

from scenario.cluster.apps import FETCH
from support.cluster import PYTHON, LocalCluster, eventually

CONFIG = "logan-app-operator-config"
INIT = "import sys; open('/shared/word', 'w').write('made by init for ' + sys.argv[1])"
SIDECAR = """\
import http.server, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        app = urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=5).read()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(open("/shared/word", "rb").read() + b"|" + app)
http.server.ThreadingHTTPServer(("", 9000), Handler).serve_forever()
"""


def profile(image: str) -> dict[str, object]:
    """A whole block: profiles inherit nothing."""
    mounts = [{"name": "${APP}-shared", "mountPath": "/shared"}]
    start = {"periodSeconds": 1, "failureThreshold": 120}
    probe = {"initialDelaySeconds": 0, "periodSeconds": 2}
    return {
        "settings": {"registry": image.split("/", 1)[0]},
        "sideCarContainers": [{
            "name": "side", "image": "${REGISTRY}/" + image.split("/", 1)[1],
            "command": [PYTHON, "-S", "-u", "-c", SIDECAR],
            "ports": [{"name": "side", "containerPort": 9000}], "volumeMounts": mounts,
        }],
        "app": {
            "podSpec": {
                "terminationGracePeriodSeconds": 1,
                "volumes": [{"name": "${APP}-shared", "emptyDir": {}}],
                "initContainers": [{
                    "name": "prepare", "image": image, "volumeMounts": mounts,
                    "command": [PYTHON, "-S", "-c", INIT, "$(WHOM)"],
                    "env": [{"name": "WHOM", "value": "${APP}"}],
                }],
            },
            "container": {"startupProbe": start, "readinessProbe": probe, "livenessProbe": probe},
        },
    }  # fmt: skip


@pytest.fixture
def configured(cluster: LocalCluster, image: str) -> Iterator[str]:
    """The profile `injected` in the central config, for a while."""
    before = cluster.get("configmap", CONFIG, "-n", "logan")["data"]["config.yaml"]
    text = f"{before}\ninjected: {json.dumps(profile(image))}\n"
    write(cluster, text)
    yield "injected"
    write(cluster, before)


def write(cluster: LocalCluster, text: str) -> None:
    body = json.dumps({"data": {"config.yaml": text}})
    cluster.kubectl("patch", "configmap", CONFIG, "-n", "logan", "--type=merge", "-p", body)


def test_an_init_container_and_a_sidecar_work_with_the_app(cluster: LocalCluster, configured: str) -> None:
    cluster.apply({
        "apiVersion": "app.logancloud.com/v1", "kind": "PythonBoot",
        "metadata": {"name": "twin", "annotations": {"logan/profile": configured}},
        "spec": {"image": "harbor/pythonboot-sample", "version": "1.0"},
    })  # fmt: skip
    cluster.ready("pythonboot", "twin", condition="Ready", seconds=80)
    pod = cluster.get("pods", "-l", "bootName=twin")["items"][0]
    assert [one["name"] for one in pod["spec"]["containers"]] == ["app", "side"]
    assert [one["name"] for one in pod["status"]["initContainerStatuses"]] == ["prepare"]
    assert cluster.get("pythonboot", "twin")["status"]["services"] == "twin,twin-side"

    def answer() -> str:
        return cluster.execute("deployment/twin", FETCH, "http://twin-side.default.svc.cluster.local:9000/")

    word, _, health = eventually(answer, "the app reaches its sidecar, which reaches the app").partition("|")
    assert word == "made by init for twin"
    assert json.loads(health)["status"] == "UP"
    cluster.havok("delete", "twin", "--yes")
