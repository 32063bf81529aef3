"""Central configs as platform teams might write them: mostly right, often odd, now and then damaged."""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

from havok.codec import Json, encode_yaml
from soak.random_values import amount, label, pick, some, text, wild

KEYS: Final = ("port", "replicas", "health", "env", "resources", "nodeSelector", "subDomain", "podSpec",
               "container", "settings", "nodePort", "ingress", "type")  # fmt: skip
DAMAGE: Final = ("", "\n", " ", "{", "]", ":", "*s", "\t", "- ", "&a ", '"', "\u2028")


def make(chance: Random) -> str:
    """The text of a config."""
    blocks: Json = {}
    for name in [
        "java",
        *some(chance, ["php", "python", "nodejs", "web"]),
        *some(chance, ["vip", "gpu", "x"]),
    ]:
        blocks[name] = _block(chance) if chance.random() < 0.95 else None
    if chance.random() < 0.25:
        for _ in range(chance.randint(1, 2)):
            _mutate(chance, blocks)
    if chance.random() < 0.25:
        written = json.dumps(blocks, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 1]))
    else:
        written = encode_yaml(blocks)
    return _damage(chance, written) if chance.random() < 0.15 else written


def _block(chance: Random) -> Json:
    found: Json = {"app": _app(chance)} if chance.random() < 0.9 else {}
    if chance.random() < 0.4:
        found["settings"] = _settings(chance)
    if chance.random() < 0.3:
        found["sideCarContainers"] = [
            _container(chance, name) for name in some(chance, ["side", "proxy", "log"])
        ]
    if chance.random() < 0.4:
        targets = some(chance, ["app", "app", "side", "init", "ghost"])
        found["oEnvs"] = {
            target: {env: _app(chance, 0.2) for env in some(chance, ["test", "dev", "prod"])}
            for target in targets
        }
    if chance.random() < 0.05:
        found["sidecarServices"] = [{"name": "side", "port": 80}]
    return found


def _app(chance: Random, density: float = 0.3) -> Json:
    return {key: FIELDS[key](chance) for key in KEYS if chance.random() < density}


def _settings(chance: Random) -> Json:
    found = {
        "registry": chance.choice(["", "registry.example:5000"]),
        "appHealthPort": chance.choice([0, 7070, 8081]),
        "prometheusScrape": chance.random() < 0.5,
    }
    return {key: value for key, value in found.items() if chance.random() < 0.6}


def _env(chance: Random) -> list[Json]:
    names = some(chance, ["PLATFORM", "TIER", "JAVA_OPTS", "A"])
    return [{"name": name, "value": chance.choice(["", "x", "${APP}:${PORT}", "${ENV}", text(chance)])}
            for name in names]  # fmt: skip


def _resources(chance: Random) -> Json:
    return {part: {name: amount(chance) for name in some(chance, ["cpu", "memory"])}
            for part in some(chance, ["limits", "requests"])}  # fmt: skip


def _container(chance: Random, name: str) -> Json:
    found: Json = {"name": name, "image": chance.choice(["${REGISTRY}/side:1", "side", "busybox:1"])}
    extra: Json = {
        "ports": [
            {"containerPort": chance.choice([81, 9000]), "name": chance.choice(["web", "m", "external"])}
        ],
        "env": _env(chance),
        "resources": _resources(chance) | {},
        "args": ["-x", "${APP}"],
        "securityContext": {"runAsNonRoot": True},
        "imagePullPolicy": "IfNotPresent",
    }
    return found | {key: extra[key] for key in some(chance, list(extra))}


def _pod(chance: Random) -> Json:
    extra: Json = {
        "volumes": [{"name": "${APP}-log", "emptyDir": {}}, {"name": "etc", "configMap": {"name": "etc"}}],
        "initContainers": [_container(chance, "init")],
        "serviceAccountName": "robot",
        "imagePullSecrets": [{"name": "pull"}],
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "securityContext": {"fsGroup": 1000, "runAsUser": 1000},
        "terminationGracePeriodSeconds": chance.choice([0, 30]),
        "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}],
        "nodeSelector": {"pool": label(chance)},
        "affinity": {"nodeAffinity": {}},
        "shareProcessNamespace": True,
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    }
    return {key: extra[key] for key in some(chance, list(extra))}


def _app_container(chance: Random) -> Json:
    extra: Json = {
        "readinessProbe": {"initialDelaySeconds": 1, "httpGet": {"scheme": "HTTPS"}},
        "livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 3},
        "startupProbe": chance.choice(
            [{"periodSeconds": 1, "failureThreshold": 60}, {"tcpSocket": {"port": 80}}]
        ),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}},
        "env": _env(chance),
        "resources": _resources(chance),
        "securityContext": {"readOnlyRootFilesystem": True},
        "command": ["config"],
        "args": ["--x"],
        "image": "evil",
        "name": "other",
        "ports": [{"containerPort": 1}],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "workingDir": "/work",
    }
    return {key: extra[key] for key in some(chance, list(extra))}


def _ingress(chance: Random) -> Json:
    found: Json = {"host": chance.choice(["", "${APP}.example.com", "${APP}.${ENV}.example.com"])}
    extra: Json = {"className": "nginx", "path": "/x", "tls": "${APP}-tls", "annotations": {"a.b/c": "d"}}
    return found | {key: extra[key] for key in some(chance, list(extra))}


FIELDS: Final[dict[str, Callable[[Random], Any]]] = {
    "port": lambda chance: pick(chance, [0, 80, 8080, 65535]),
    "replicas": lambda chance: pick(chance, [0, 1, 2, 3]),
    "health": lambda chance: pick(chance, ["", "/health", "/ok?x"]),
    "env": _env,
    "resources": _resources,
    "nodeSelector": lambda chance: {key: label(chance) for key in some(chance, ["pool", "disk"])},
    "subDomain": text,
    "podSpec": _pod,
    "container": _app_container,
    "settings": _settings,
    "nodePort": lambda chance: chance.random() < 0.5,
    "ingress": _ingress,
    "type": lambda chance: "java",
}

SEMANTIC: Final[tuple[tuple[str, Any], ...]] = (
    ("podSpec", {"dnsPolicy": "Bogus"}), ("podSpec", {"restartPolicy": "Never"}),
    ("podSpec", {"volumes": [{"name": "A_B", "emptyDir": {}}]}), ("podSpec", {"volumes": [{"name": "a"}]}),
    ("podSpec", {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]}),
    ("podSpec", {"initContainers": [{"name": "init"}]}), ("podSpec", {"initContainers": [{"image": "x"}]}),
    ("podSpec", {"initContainers": [{"name": "app", "image": "x"}]}),
    ("podSpec", {"nodeSelector": {"a b": "c"}}), ("podSpec", {"priorityClassName": "none"}),
    ("podSpec", {"terminationGracePeriodSeconds": -1}), ("podSpec", {"containers": [{"name": "x"}]}),
    ("podSpec", {"hostNetwork": True}), ("podSpec", {"tolerations": [{"operator": "Near"}]}),
    ("container", {"volumeMounts": [{"name": "none", "mountPath": "/x"}]}),
    ("container", {"volumeMounts": [{"name": "${APP}-log", "mountPath": "/log"}]}),
    ("container", {"lifecycle": {"preStop": {}}}), ("container", {"imagePullPolicy": "Perhaps"}),
    ("container", {"startupProbe": {"periodSeconds": -1}}),
    ("container", {"securityContext": {"privileged": 1}}),
    ("container", {"readinessProbe": {"httpGet": {"port": "no such port name"}}}),
    ("container", {"livenessProbe": {"successThreshold": 2}}),
    ("container", {"resources": {"limits": {"x": 1}}}),
    ("container", {"env": [{"name": "A B"}]}), ("env", [{"name": "A B", "value": "x"}]),
    ("env", [{"name": "S", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
    ("env", [{"name": "A"}, {"name": "A", "value": "2"}]), ("env", [{"name": ""}]),
    ("resources", {"limits": {"cpu": "-1"}}), ("resources", {"limits": {"colour": 1}}),
    ("resources", {"limits": {"cpu": "1.2.3"}}), ("resources", {"requests": {"nvidia.com/gpu": 1}}),
    ("nodeSelector", {"a": "c d"}), ("nodeSelector", {"a b": "c"}), ("port", 70000), ("port", -1),
    ("replicas", 101), ("replicas", -5), ("health", "/" * 3000), ("health", "no-slash"),
    ("settings", {"registry": "no good"}), ("settings", {"appHealthPort": 70000}),
    ("ingress", {"host": "no good"}), ("ingress", {"host": "${APP}", "path": "x"}),
    ("ingress", {"host": "a.b", "tls": "A B"}), ("ingress", {"host": "*.a.b", "className": "A B"}),
    ("ingress", {"host": "a.b", "annotations": {"a b": "c"}}),
)  # fmt: skip
SIDECARS: Final[tuple[Any, ...]] = (
    [{"name": "app", "image": "x"}], [{"name": "side"}], [{"image": "x"}], [{"name": "S_D", "image": "x"}],
    [{"name": "side", "image": "x"}, {"name": "side", "image": "y"}],
    [{"name": "side", "image": "x", "ports": [{"name": "http", "containerPort": 81}]}],
    [{"name": "side", "image": "x", "ports": [{"name": "UPPER", "containerPort": 81}]}],
    [{"name": "side", "image": "x", "ports": [{"containerPort": 0}]}],
    [{"name": "side", "image": "x", "ports": [{"name": "m", "containerPort": 81, "protocol": "SCTP"}]}],
    [{"name": "side", "image": "x", "ports": [{"name": "headless", "containerPort": 81}]}],
    [{"name": "side", "image": "x", "volumeMounts": [{"name": "none", "mountPath": "/x"}]}],
)  # fmt: skip


def _mutate(chance: Random, blocks: Json) -> None:
    """A mistake: of meaning, of place, or of shape."""
    name = chance.choice(list(blocks))
    block = blocks[name] = copy.deepcopy(blocks[name]) if isinstance(blocks[name], dict) else {}
    how = chance.random()
    if how < 0.5:
        key, value = chance.choice(SEMANTIC)
        app = block.get("app")
        block["app"] = {**(app if isinstance(app, dict) else {}), key: copy.deepcopy(value)}
    elif how < 0.7:
        block["sideCarContainers"] = copy.deepcopy(chance.choice(SIDECARS))
    else:
        _mutate_shape(chance, block)


def _mutate_shape(chance: Random, block: Json) -> None:
    at: Any = block
    while True:
        inner = [value for value in (at.values() if isinstance(at, dict) else at) if value and _holds(value)]
        if not inner or chance.random() < 0.4:
            break
        at = chance.choice(inner)
    if isinstance(at, list):
        at[chance.randrange(len(at)) if at else 0 :] = [wild(chance)]
        return
    key = chance.choice([*at, "colour"])
    value = at.pop(key, None)
    at[chance.choice([key, key.upper(), "colour", ""])] = chance.choice([value, wild(chance), wild(chance)])


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)


def _damage(chance: Random, written: str) -> str:
    letters = list(written)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(letters) + 1)
        letters[at : at + chance.randint(0, 3)] = chance.choice(DAMAGE)
    return "".join(letters)
