"""What the operator may do, as little as it needs: for manifests, and for whoever starts it.

Nothing here reads Secrets of apps. In its own namespace it keeps the config snapshots, its Lease and, when
it has no folder for them, its webhook certificates. ``python -m havok.boots.rbac`` writes deploy/operator.
"""

import sys
from pathlib import Path
from typing import Final

from havok.codec import Json, encode_yaml
from havok.crds import BOOT_KINDS, BOOT_REVISIONS, GROUP

API: Final = "rbac.authorization.k8s.io"
NAME: Final = "havok:operator"
READ: Final = ["get", "list", "watch"]
_BOOTS: Final = [kind.plural for kind in BOOT_KINDS]


def manifests(subject: Json, namespace: str) -> list[Json]:
    """Roles and bindings for `subject`, a User or ServiceAccount, with the operator's own `namespace`."""
    meta = {"name": NAME, "namespace": namespace}
    return [
        _object("ClusterRole", {"name": NAME}, rules=_everywhere()),
        _object("ClusterRoleBinding", {"name": NAME}, roleRef=_refer("ClusterRole"), subjects=[subject]),
        _object("Role", meta, rules=_at_home()),
        _object("RoleBinding", meta, roleRef=_refer("Role"), subjects=[subject]),
    ]


def _everywhere() -> list[Json]:
    revisions = BOOT_REVISIONS.plural
    return [
        _rule(GROUP, _BOOTS, [*READ, "patch"]),
        _rule(GROUP, [f"{plural}/status" for plural in _BOOTS], ["get", "patch"]),
        _rule(GROUP, [f"{plural}/finalizers" for plural in _BOOTS], ["update"]),
        _rule(GROUP, [revisions], [*READ, "create", "patch", "delete"]),
        _rule("apps", ["deployments", "statefulsets"], [*READ, "create", "patch"]),
        _rule("", ["services"], [*READ, "create", "patch", "delete"]),
        _rule("autoscaling", ["horizontalpodautoscalers"], [*READ, "create", "patch", "delete"]),
        _rule("networking.k8s.io", ["ingresses"], [*READ, "create", "patch", "delete"]),
        _rule("", ["events"], ["create", "patch"]),
        _rule("admissionregistration.k8s.io", ["mutatingwebhookconfigurations"], ["get", "create", "patch"]),
    ]


def _at_home() -> list[Json]:
    return [
        _rule("", ["configmaps"], [*READ, "create"]),
        _rule("", ["secrets"], ["get", "create", "patch", "update"]),
        _rule("coordination.k8s.io", ["leases"], ["get", "create", "patch", "update"]),
    ]


def _rule(group: str, resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _refer(kind: str) -> Json:
    return {"apiGroup": API, "kind": kind, "name": NAME}


def _object(kind: str, metadata: Json, **rest: object) -> Json:
    return {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, **rest}


def text() -> str:
    """The manifests for a pod, as YAML."""
    account = {"kind": "ServiceAccount", "name": "havok-operator", "namespace": "logan"}
    head = "# Written by `python -m havok.boots.rbac` from src/havok/boots/rbac.py; do not edit.\n"
    metadata = {"name": account["name"], "namespace": account["namespace"]}
    made = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    return head + encode_yaml(made, *manifests(account, account["namespace"]))


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "deploy/operator/rbac.yaml")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text(), "utf-8")
