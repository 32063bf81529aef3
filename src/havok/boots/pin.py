"""Late binding: which central config a Boot is rendered from (contract 4.3).

A change of the central config alone never changes what runs. A workload names the config it was rendered
from and a hash of the deploying part of its Boot. While that hash is the Boot's, the Boot stays with that
config; the next deploying change takes the current one.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from havok.boots import names
from havok.codec import Json, encode_json
from havok.crds import BootSpec

FOLLOWING = ("replicas", "hpa", "prometheus", "session_affinity", "node_port", "sub_domain")
"""Fields whose change does not touch the pods, and so does not deploy."""


class Pin(msgspec.Struct, frozen=True):
    """What a workload remembers of its render."""

    config: str
    """The digest of the central config; empty for the built-in defaults."""
    deployed: str
    """`deploying_hash` of the Boot."""

    @property
    def annotations(self) -> dict[str, str]:
        return {names.CONFIG_HASH: self.config, names.DEPLOYED: self.deployed}

    @classmethod
    def read(cls, annotations: Mapping[str, str]) -> "Pin | None":
        """What a workload with these annotations remembers; None when it was never rendered by us."""
        if names.DEPLOYED not in annotations:
            return None
        return cls(annotations.get(names.CONFIG_HASH, ""), annotations[names.DEPLOYED])

    def put_on(self, workload: Json) -> Json:
        """The workload with these annotations."""
        return {**workload, "metadata": {**workload["metadata"], "annotations": self.annotations}}


def deploying_hash(spec: BootSpec, profile: str) -> str:
    """Ten hexadecimal digits that change when the pods of a Boot would."""
    said = msgspec.to_builtins(spec)
    structs = {field.name: field.encode_name for field in msgspec.structs.fields(BootSpec)}
    for name in FOLLOWING:
        said.pop(structs[name], None)
    return hashlib.sha256(encode_json([said, profile])).hexdigest()[:10]
