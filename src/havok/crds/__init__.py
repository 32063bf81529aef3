"""Our custom resources as structs, and the generator of their CustomResourceDefinitions.

The structs are the single source: the YAML in deploy/crds is written from them by ``python -m havok.crds``
and is for people with kubectl; programs call `manifests()`, so that a wheel needs no data files. What a
field means stands in its docstring and is what ``kubectl explain`` shows. Rules that Kubernetes can check
alone are in the schema or in CEL (`rules`); nothing here looks at a cluster.
"""

from havok.crds.boot import Boot, BootRevision, BootStatus, Condition
from havok.crds.kinds import BOOT_KINDS, BOOT_REVISIONS, GROUP, VERSION, BootKind, boot_kind
from havok.crds.manifest import manifests
from havok.crds.spec import BootSpec

__all__ = [
    "BOOT_KINDS",
    "BOOT_REVISIONS",
    "GROUP",
    "VERSION",
    "Boot",
    "BootKind",
    "BootRevision",
    "BootSpec",
    "BootStatus",
    "Condition",
    "boot_kind",
    "manifests",
]
