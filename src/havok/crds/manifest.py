"""The CustomResourceDefinitions: identity, columns, subresources and rules around the generated schemas.

Contract sections 1.1 to 1.5, with the semantics of its first set. At the root of a schema the API server
lets `metadata` restrict its name only, and nothing of it be required.
"""

from havok.codec import Json
from havok.crds.boot import BootStatus
from havok.crds.kinds import BOOT_KINDS, GROUP, VERSION, BootKind
from havok.crds.rules import AUTOSCALING_RULES, BOOT_RULES
from havok.crds.schema import schema_of
from havok.crds.spec import BootSpec

NAME_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
BOOT_NAME_LENGTH = 47
REVISION_NAME_LENGTH = 54
"""A Boot's name, a dash, and a number of six digits."""

COLUMNS = (
    ("Desired", "integer", ".spec.replicas"),
    ("ReadyReplicas", "integer", ".status.readyReplicas"),
    ("CurrentReplicas", "integer", ".status.currentReplicas"),
    ("Services", "string", ".status.services"),
    ("Workload", "string", ".status.workload"),
    ("Version", "string", ".spec.version"),
)
REVISION_COLUMNS = (COLUMNS[0], COLUMNS[-1])


def manifests() -> list[Json]:
    """All six definitions, ready to be applied; the five kinds first."""
    return [*(_boot(kind) for kind in BOOT_KINDS), _revision()]


def _boot(kind: BootKind) -> Json:
    root = _root(kind.summary, BOOT_NAME_LENGTH)
    root["x-kubernetes-validations"] = BOOT_RULES
    names = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "shortNames": [kind.boot_type],
    }
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.HPAReplicas",
        "labelSelectorPath": ".status.selector",
    }
    return _definition(names, root, COLUMNS, {"status": {}, "scale": scale})


def _revision() -> Json:
    root = _root("A spec that a Boot once had.", REVISION_NAME_LENGTH)
    properties = root["properties"]
    properties["bootType"] = {"description": "The type of the Boot, like java.", "type": "string"}
    properties["appKey"] = {"description": "The key of the Boot's kind, like javaBoot.", "type": "string"}
    root["required"] = ["appKey", "bootType", "spec"]
    names = {
        "kind": "BootRevision",
        "listKind": "BootRevisionList",
        "plural": "bootrevisions",
        "singular": "bootrevision",
    }
    return _definition(names, root, REVISION_COLUMNS, {"status": {}})


def _root(description: str, name_length: int) -> Json:
    spec = schema_of(BootSpec)
    spec["properties"]["hpa"]["x-kubernetes-validations"] = AUTOSCALING_RULES
    name = {"type": "string", "minLength": 1, "maxLength": name_length, "pattern": NAME_PATTERN}
    return {
        "description": description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": name}},
            "spec": spec,
            "status": schema_of(BootStatus),
        },
    }


def _definition(
    names: Json, root: Json, columns: tuple[tuple[str, str, str], ...], subresources: Json
) -> Json:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in columns
        ],
        "schema": {"openAPIV3Schema": root},
        "subresources": subresources,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }
