"""Apps that cannot run, one for each way of failing, and the words that a person must get to read.

Each is a Boot of its own and, where only the platform can cause the trouble, a profile of the central config.
"""

from dataclasses import dataclass, field
from typing import Any

from support.cluster import PYTHON

QUOTA = "example.com/gpu"
SLEEP = [PYTHON, "-S", "-c", "import signal; signal.pause()"]
SERVE = """\
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def python(code: str) -> list[str]:
    return [PYTHON, "-S", "-c", code]


@dataclass(frozen=True)
class Trouble:
    """One app that cannot run. `reason` is the condition's, `words` and `remedy` are parts of its message."""

    name: str
    reason: str
    words: str
    remedy: str
    spec: dict[str, Any] = field(default_factory=dict)
    pod: dict[str, Any] = field(default_factory=dict)
    """Of the profile's podSpec."""
    container: dict[str, Any] = field(default_factory=dict)
    """Of the profile's container."""
    registry: str = ""

    def boot(self) -> dict[str, Any]:
        spec = {"image": "harbor/pythonboot-sample", "version": "1.0", **self.spec}
        metadata = {"name": self.name, "annotations": {"logan/profile": self.name}}
        return {
            "apiVersion": "app.logancloud.com/v1", "kind": "PythonBoot", "metadata": metadata, "spec": spec,
        }  # fmt: skip

    def profile(self, registry: str) -> dict[str, Any]:
        start = {"periodSeconds": 1, "failureThreshold": 1000}
        probe = {"initialDelaySeconds": 0, "periodSeconds": 1}
        container = {"startupProbe": start, "readinessProbe": probe, **self.container}
        if self.spec.get("health") == "":
            container = dict(self.container)
        app = {"podSpec": {"terminationGracePeriodSeconds": 0, **self.pod}, "container": container}
        return {"settings": {"registry": self.registry or registry}, "app": app}


TROUBLES = (
    Trouble("tag", "ImageMissing", "pythonboot-sample:9.9 does not exist",
            "check spec.image and spec.version", {"version": "9.9"}),
    Trouble("letters", "ImageInvalid", "harbor/UPPER:1.0 is not a legal image name",
            "correct spec.image", {"image": "harbor/UPPER"}),
    Trouble("nowhere", "PullFailing", "no such host", "`havok events nowhere`",
            registry="registry.nowhere.invalid"),
    Trouble("program", "CannotStart", "/no/such/program: no such file or directory",
            "correct spec.command", {"command": ["/no/such/program"]}),
    Trouble("shell", "CrashLoop", "exit code 127: its command was not found",
            "`havok logs shell --previous`", {"command": python("raise SystemExit(127)")}),
    Trouble("crash", "CrashLoop", "exit code 1;", "`havok logs crash --previous`",
            {"command": python("raise SystemExit(1)")}),
    Trouble("memory", "CrashLoop", "out of memory: its limit is too small", "`havok logs memory --previous`",
            {"command": python("x = bytearray(1 << 29)"), "resources": {"limits": {"memory": "32Mi"}}}),
    Trouble("liveness", "KilledByProbe", "its health check failed: HTTP 500",
            "spec.health must be a path that answers 200",
            {"command": python(SERVE), "health": "/alive", "readiness": "/health"},
            container={"startupProbe": None, "livenessProbe":
                       {"initialDelaySeconds": 0, "periodSeconds": 1, "failureThreshold": 1}}),
    Trouble("readiness", "ProbeFailing", "running, health check failing: HTTP 500",
            "spec.health must be a path that answers 200",
            {"command": python(SERVE), "health": "/health", "readiness": "/ready"}),
    Trouble("secret", "ConfigMissing", 'secret "nowhere" not found', "create it",
            container={"envFrom": [{"secretRef": {"name": "nowhere"}}]}),
    Trouble("settings", "ConfigMissing", 'configmap "nowhere" not found', "create it",
            container={"envFrom": [{"configMapRef": {"name": "nowhere"}}]}),
    Trouble("cores", "NoNode", "not enough free CPU", "ask for less in spec.resources",
            {"resources": {"requests": {"cpu": "900"}, "limits": {"cpu": "900"}}}),
    Trouble("labels", "NoNode", "no node has the labels that it asks for", "correct spec.nodeSelector",
            {"nodeSelector": {"disk": "fast"}}),
    Trouble("claim", "NoNode", "volume is not available", 'persistentvolumeclaim "nowhere" not found',
            pod={"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "nowhere"}}]}),
    Trouble("mount", "Volume", 'secret "nowhere" not found', "check spec.pvc",
            pod={"volumes": [{"name": "v", "secret": {"secretName": "nowhere"}}]},
            container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
    Trouble("hook", "HookFailed", "exited with 1", "correct container.lifecycle",
            {"command": SLEEP, "health": ""},
            container={"lifecycle": {"postStart": {"exec": {"command": python("raise SystemExit(1)")}}}}),
    Trouble("prepare", "CrashLoop", "init container fetch of pod", "`havok logs prepare -c fetch --previous`",
            pod={"initContainers": [{"name": "fetch", "image": "${REGISTRY}/harbor/pythonboot-sample:1.0",
                                     "command": python("raise SystemExit(3)")}]}),
    Trouble("quota", "Quota", "exceeded quota", "ask for less",
            {"resources": {"limits": {QUOTA: "1"}}}),
    Trouble("account", "NoServiceAccount", '"nobody" not found', "correct serviceAccountName",
            pod={"serviceAccountName": "nobody"}),
    Trouble("host", "PodSecurity", "host namespaces", "correct securityContext", pod={"hostNetwork": True}),
    Trouble("full", "NodeFull", "for want of cpu", "ask for less in spec.resources", {
        "workload": "StatefulSet",  # a Deployment would make a pod a second
        "resources": {"requests": {"cpu": "900"}, "limits": {"cpu": "900"}},
    }, pod={"nodeName": "node-1"}),
    Trouble("evicted", "Evicted", "ephemeral local storage usage exceeds", "ask in spec.resources for", {
        "command": python("open('/tmp/x', 'wb').write(bytes(1 << 25)); import signal; signal.pause()"),
        "resources": {"limits": {"ephemeral-storage": "4Mi"}, "requests": {"ephemeral-storage": "4Mi"}},
    }),
)  # fmt: skip
