"""What the operator may do, as little as it needs: for manifests, and for whoever starts it.

In its own namespace it keeps the config snapshots, its Lease and, when it has no folder for them, its webhook
certificates. Secrets of apps it reads one by one with `get`, and only where `secret_reader` binds it: in a
namespace, or by choice in all. ``python -m havok.boots.rbac`` writes deploy/operator.
"""

import sys
from pathlib import Path
from typing import Final

from havok.codec import Json, encode_yaml
from havok.crds import BOOT_KINDS, BOOT_REVISIONS, GROUP

API: Final = "rbac.authorization.k8s.io"
NAME: Final = "havok:operator"
SECRET_READER: Final = "havok:secret-reader"  # noqa: S105  a role, not a password
READ: Final = ["get", "list", "watch"]
WRITE: Final = [*READ, "create", "update", "patch", "delete", "deletecollection"]
_BOOTS: Final = [kind.plural for kind in BOOT_KINDS]


def manifests(subject: Json, namespace: str) -> list[Json]:
    """Roles and bindings for `subject`, a User or ServiceAccount, with the operator's own `namespace`."""
    meta = {"name": NAME, "namespace": namespace}
    return [
        _object("ClusterRole", {"name": NAME}, rules=_everywhere()),
        _object("ClusterRoleBinding", {"name": NAME}, roleRef=_refer("ClusterRole"), subjects=[subject]),
        _object("Role", meta, rules=_at_home()),
        _object("RoleBinding", meta, roleRef=_refer("Role"), subjects=[subject]),
        _object("ClusterRole", {"name": SECRET_READER}, rules=[_rule("", ["secrets"], ["get"])]),
    ]


def secret_reader(subject: Json, namespace: str = "") -> Json:
    """The binding that lets `subject` get Secrets in `namespace`, one by one by name; empty: in every one.

    Where it is missing, Boots with a secretKeyRef are answered that their Secret could not be checked.
    """
    reference = _refer("ClusterRole", SECRET_READER)
    if not namespace:
        return _object("ClusterRoleBinding", {"name": SECRET_READER}, roleRef=reference, subjects=[subject])
    metadata = {"name": SECRET_READER, "namespace": namespace}
    return _object("RoleBinding", metadata, roleRef=reference, subjects=[subject])


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
        _rule("apps", ["replicasets"], READ),
        _rule("", ["events"], [*READ, "create", "patch"]),
        _rule("", ["pods"], READ),
        _rule("", ["persistentvolumeclaims"], ["get"]),
        _rule("scheduling.k8s.io", ["priorityclasses"], ["get"]),
        _rule(
            "admissionregistration.k8s.io",
            ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
            ["get", "create", "patch"],
        ),
    ]


def _at_home() -> list[Json]:
    return [
        _rule("", ["configmaps"], [*READ, "create", "patch", "delete"]),
        _rule("", ["secrets"], ["get", "create", "patch", "update"]),
        _rule("monitoring.coreos.com", ["servicemonitors"], ["create", "patch"]),
        _rule("coordination.k8s.io", ["leases"], ["get", "create", "patch", "update"]),
    ]


def for_people() -> list[Json]:
    """What whoever may edit or view a namespace may do with its Boots, by aggregation (contract 4.9)."""
    found = []
    for kind in (*BOOT_KINDS, None):
        plural = kind.plural if kind else BOOT_REVISIONS.plural
        name = f"logan-app-{kind.boot_type if kind else 'bootrevision'}"
        things = [plural, f"{plural}/status", *([f"{plural}/scale"] if kind else ())]
        for suffix, roles, verbs in (
            ("admin-edit", ("admin", "edit"), WRITE),
            ("admin-view", ("view", "cluster-reader"), READ),
        ):
            labels = {f"rbac.authorization.k8s.io/aggregate-to-{role}": "true" for role in roles}
            metadata = {"name": f"{name}-{suffix}", "labels": labels}
            found.append(_object("ClusterRole", metadata, rules=[_rule(GROUP, things, verbs)]))
    return found


def _rule(group: str, resources: list[str], verbs: list[str]) -> Json:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _refer(kind: str, name: str = NAME) -> Json:
    return {"apiGroup": API, "kind": kind, "name": name}


def _object(kind: str, metadata: Json, **rest: object) -> Json:
    return {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, **rest}


def text() -> str:
    """The manifests for a pod, as YAML."""
    account = {"kind": "ServiceAccount", "name": "havok-operator", "namespace": "logan"}
    head = "# Written by `python -m havok.boots.rbac` from src/havok/boots/rbac.py; do not edit.\n"
    metadata = {"name": account["name"], "namespace": account["namespace"]}
    made = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    return head + encode_yaml(made, *manifests(account, account["namespace"]), *for_people())


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "deploy/operator/rbac.yaml")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text(), "utf-8")
