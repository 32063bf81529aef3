"""What a person writes in a Boot: one spec for the five kinds (contract section 1.2).

The docstring of a field is its description in the CRD.
"""

from typing import Annotated

import msgspec

from havok.crds.autoscaling import Autoscaling
from havok.crds.wire import Amounts, Quantity, Wire, schema


class KeySelector(Wire, frozen=True, kw_only=True):
    """One key of a Secret or ConfigMap."""

    key: str
    """The key."""
    name: str = ""
    """The name of the object."""
    optional: bool | None = None
    """Whether the object or its key may be missing."""


class FieldSelector(Wire, frozen=True, kw_only=True):
    """One field of the pod."""

    field_path: str
    """The path of the field."""
    api_version: str = ""
    """The version that the path is written in; v1 when empty."""


class ResourceFieldSelector(Wire, frozen=True, kw_only=True):
    """One resource limit or request of a container."""

    resource: str
    """The resource, like limits.cpu."""
    container_name: str = ""
    """The container."""
    divisor: Quantity | None = None
    """The unit of the value; 1 when empty."""


class EnvVarSource(Wire, frozen=True, kw_only=True):
    """Where a value comes from. Only secretKeyRef is allowed to Boots."""

    config_map_key_ref: KeySelector | None = None
    """Not allowed to Boots."""
    field_ref: FieldSelector | None = None
    """Not allowed to Boots."""
    resource_field_ref: ResourceFieldSelector | None = None
    """Not allowed to Boots."""
    secret_key_ref: KeySelector | None = None
    """A key of a Secret in the Boot's namespace."""


class EnvVar(Wire, frozen=True, kw_only=True):
    """One environment variable."""

    name: Annotated[str, schema(pattern="^[-._a-zA-Z][-._a-zA-Z0-9]*$")]
    """The name of the variable."""
    value: str = ""
    """The value; ${APP}, ${ENV} and ${PORT} are replaced by the Boot's name, environment and port."""
    value_from: EnvVarSource | None = None
    """Where the value comes from, instead of value."""


class ResourceClaim(Wire, frozen=True, kw_only=True):
    """One entry of the pod's resourceClaims."""

    name: str
    """The name of the entry."""
    request: str = ""
    """One request of the claim; all of them when empty."""


class ResourceRequirements(Wire, frozen=True, kw_only=True):
    """What the app needs and may use. Parts left open are filled from the platform's config."""

    claims: tuple[ResourceClaim, ...] = ()
    """Claims of dynamic resources."""
    limits: Amounts = msgspec.field(default_factory=dict)
    """What the app may use at most."""
    requests: Amounts = msgspec.field(default_factory=dict)
    """What is reserved for the app."""


class PersistentVolumeClaimMount(Wire, frozen=True, kw_only=True):
    """An existing PersistentVolumeClaim mounted into the app; none is ever made."""

    name: Annotated[str, schema(minLength=1, maxLength=63)]
    """The claim's name; ${APP}, ${ENV} and ${PORT} are replaced."""
    mount_path: Annotated[str, schema(minLength=1)]
    """Where the app sees it; no colon."""
    read_only: bool = False
    """Whether the app may only read. A claim labelled shared=true must be mounted so."""


class BootSpec(Wire, frozen=True, kw_only=True):
    """What the app is and needs. Fields left open are filled from the platform's config and shown here."""

    image: str
    """The image without its registry and tag: harbor/javaboot-sample. The registry is the platform's."""
    version: str
    """The tag of the image."""
    replicas: Annotated[int, schema(format="int32", minimum=0, maximum=100)] | None = None
    """How many pods; an explicit 0 is kept."""
    env: Annotated[
        tuple[EnvVar, ...],
        schema(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
    ] = ()
    """Environment variables of the app; the platform's own are merged in."""
    port: Annotated[int, schema(format="int32", minimum=1, maximum=65535)] = 0
    """The port the app listens on; the Service has it too, and the probes unless config says another."""
    sub_domain: str = ""
    """Reserved; it has no effect."""
    health: Annotated[str, schema(minLength=0, maxLength=2048)] | None = None
    """The HTTP path of the probes; an explicit empty text turns both probes off."""
    readiness: Annotated[str, schema(minLength=0, maxLength=2048)] | None = None
    """A path of its own for the readiness probe; health when left open or empty."""
    prometheus: Annotated[str, schema(enum=["true", "false", ""])] = ""
    """Whether Prometheus scrapes the app: "true" or "false", in quotes."""
    resources: ResourceRequirements | None = None
    """What the app needs and may use."""
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    """Labels of the nodes the app may run on; those of the platform win."""
    command: tuple[str, ...] = ()
    """The command of the container; the image's own when left open."""
    session_affinity: Annotated[str, schema(enum=["ClientIP", "None", ""])] = ""
    """Whether a client stays with one pod: ClientIP or None."""
    node_port: Annotated[str, schema(enum=["true", "false"])] = ""
    """Whether the app gets a port on every node, in dev alone: "true" or "false"; else as config says."""
    pvc: Annotated[
        tuple[PersistentVolumeClaimMount, ...],
        schema(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
    ] = ()
    """Existing volume claims mounted into the app."""
    priority: str = ""
    """The name of a PriorityClass that permits this namespace."""
    workload: Annotated[str, schema(enum=["Deployment", "StatefulSet"])] = ""
    """What runs the pods: Deployment (when left open) or StatefulSet. It cannot be changed later."""
    hpa: Autoscaling | None = None
    """Autoscaling."""
