"""Write src/havok/boots/pod_shape.json: the fields of pods and containers, from Kubernetes' OpenAPI.

    python scripts/pod_shape.py SWAGGER_JSON

Run it when the Kubernetes version that Havok builds changes; the file is what the central config is checked
against. A field is `type`, `[]type` or `{}type`; a struct is named by its capital letter; a trailing ``!``
marks what must be given.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

ROOTS: Final = ("PodSpec", "Container")
CORE: Final = "io.k8s.api.core.v1."
SPECIAL: Final = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-text",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "text",
}
SCALARS: Final = {"string": "text", "integer": "integer", "boolean": "boolean", "number": "number"}
TARGET: Final = Path(__file__).parent.parent / "src/havok/boots/pod_shape.json"


def shape_of(swagger: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Struct → field → type, for everything that a pod can hold."""
    definitions = swagger["definitions"]
    found: dict[str, dict[str, str]] = {}
    pending = [CORE + name for name in ROOTS]
    while pending:
        path = pending.pop()
        name = path.rpartition(".")[2]
        if name in found:
            continue
        definition = definitions[path]
        required = definition.get("required", ())
        found[name] = {
            field: _type(said, pending) + ("!" if field in required else "")
            for field, said in sorted(definition.get("properties", {}).items())
        }
    return dict(sorted(found.items()))


def _type(said: dict[str, Any], pending: list[str]) -> str:
    if "$ref" in said:
        path = said["$ref"].removeprefix("#/definitions/")
        if path in SPECIAL:
            return SPECIAL[path]
        pending.append(path)
        return str(path.rpartition(".")[2])
    if said["type"] == "array":
        return "[]" + _type(said["items"], pending)
    if said["type"] == "object":
        return (
            "{}" + _type(said["additionalProperties"], pending) if "additionalProperties" in said else "any"
        )
    return SCALARS[said["type"]]


if __name__ == "__main__":
    shape = shape_of(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    TARGET.write_text(json.dumps(shape, indent=1) + "\n", "utf-8")
