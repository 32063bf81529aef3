"""Boots, their status and their revisions, as the API server keeps them (contract sections 1.3 and 1.4).

The same struct reads all five kinds; which kind it is, the reader knows from where it read.
"""

from typing import Annotated

import msgspec

from havok.crds.spec import BootSpec
from havok.crds.wire import Count, Wire, schema
from havok.kube.views import ObjectMeta


class Condition(Wire, frozen=True, kw_only=True):
    """One thing that is true, false or unknown about the Boot."""

    type: Annotated[str, schema(maxLength=316)]
    """What it is about: Ready, Progressing, Degraded."""
    status: Annotated[str, schema(enum=["True", "False", "Unknown"])]
    """Whether it holds."""
    reason: Annotated[
        str, schema(minLength=1, maxLength=1024, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    ]
    """Why, in one word for programs."""
    message: Annotated[str, schema(maxLength=32768)]
    """Why, and what to do, in words for people."""
    last_transition_time: Annotated[str, schema(format="date-time")]
    """When status last changed."""
    observed_generation: Annotated[int, schema(format="int64", minimum=0)] | None = None
    """The generation of the Boot that this was seen on."""


class BootStatus(Wire, frozen=True, kw_only=True):
    """What the operator sees of the app."""

    services: str = ""
    """Names of the app's Services, sorted, joined by commas."""
    workload: Annotated[str, schema(enum=["Deployment", "StatefulSet"])] = ""
    """What runs the pods."""
    hpa_replicas: Count | None = msgspec.field(default=None, name="HPAReplicas")
    """Pods that exist; what an autoscaler counts."""
    selector: str = ""
    """Labels that find the app's pods."""
    replicas: Count | None = None
    """Pods asked for."""
    current_replicas: Count | None = None
    """Pods that exist."""
    ready_replicas: Count | None = None
    """Pods that are ready."""
    revision: str = ""
    """The number of the latest revision."""
    config_hash: str = ""
    """The version of the platform's config that the running workload was made from."""
    observed_generation: Annotated[int, schema(format="int64")] | None = None
    """The generation of the Boot that this status was seen on."""
    conditions: Annotated[
        tuple[Condition, ...],
        schema(**{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
    ] = ()
    """Ready: every pod is ready. Progressing: a change is on its way. Degraded: it cannot arrive."""


class Boot(Wire, frozen=True, kw_only=True):
    """A Boot of any kind."""

    metadata: ObjectMeta
    spec: BootSpec
    status: BootStatus = BootStatus()


class BootRevision(Wire, frozen=True, kw_only=True):
    """A spec that a Boot once had."""

    metadata: ObjectMeta
    boot_type: str
    app_key: str
    spec: BootSpec
