"""The notation all our resources share: immutable structs, amounts, and keywords for the schema.

Decoding is lenient on purpose: limits stand in the schema annotations, which the API server enforces and
msgspec does not, so that an object stored under older rules is still readable.
"""

from typing import Annotated, Any

import msgspec

from havok.codec import Json


def schema(**keywords: Any) -> msgspec.Meta:
    """OpenAPI keywords for the CRD; they say nothing to the decoder."""
    return msgspec.Meta(extra_json_schema=keywords)


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Immutable, camelCase on the wire, fields at their default left out."""


Count = Annotated[int, schema(format="int32")]

Quantity = Annotated[
    int | float | str,
    schema(**{
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "minimum": 0,
        "minLength": 1,
        "maxLength": 63,
        "pattern": "^([+]?[0-9.]+)([eEinumkKMGTP]*[+]?[0-9]*)$",
    }),
]  # fmt: skip
"""An amount in Kubernetes' notation: 1, "500m", "1Gi". Never negative."""

Amounts = Annotated[
    dict[str, Quantity],
    schema(
        maxProperties=64,
        **{
            "x-kubernetes-validations": [
                {
                    "rule": "self.all(name, type(self[name]) == int || isQuantity(self[name]))",
                    "message": 'must be amounts in Kubernetes notation, like 1, "500m" or "1Gi"',
                }
            ]
        },
    ),
]

FreeForm = Annotated[Json, schema(**{"x-kubernetes-preserve-unknown-fields": True})]
