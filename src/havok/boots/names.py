"""Names that people's scripts and dashboards read: annotations and labels (contract 3.1 and 4.6)."""

from typing import Final

import msgspec

from havok.codec import Json
from havok.crds import BootKind

PREFIX: Final = "app.logancloud.com/"

PROFILE: Final = "logan/profile"
RESTARTED_AT: Final = f"{PREFIX}restartedAt"
ADOPT: Final = f"{PREFIX}adopt"
"""On an object that is not ours, with the Boot's name as value: consent to take it over."""

ENV_STATE: Final = f"{PREFIX}env"
LAST_ENV: Final = f"{PREFIX}boot-envs"
LAST_IMAGE: Final = f"{PREFIX}boot-images"
BOOT_PVCS: Final = f"{PREFIX}boot-pvcs"
DEPLOY_PVCS: Final = f"{PREFIX}boot-deploy-pvcs"
DEPLOY: Final = f"{PREFIX}deploy"
TYPE: Final = f"{PREFIX}type"
SERVICES: Final = f"{PREFIX}services"
AVAILABLE: Final = f"{PREFIX}status.available"
DESIRED: Final = f"{PREFIX}status.desired"
WORKLOAD: Final = f"{PREFIX}workload"
LAST_UPDATE: Final = f"{PREFIX}status.lastUpdateTimeStamp"
CHANGED_BY: Final = f"{PREFIX}changed-by"
"""Who changed the spec last; only the mutating webhook writes a name there."""
CHANGED_SPEC: Final = f"{PREFIX}changed-spec"
"""A hash of the spec that `CHANGED_BY` belongs to."""
FILLED_FROM: Final = f"{PREFIX}filled-from"
"""The digest of the config that the spec was last filled from; a request is judged by that one."""

WRITTEN_BACK: Final = frozenset(
    {
        BOOT_PVCS,
        DEPLOY_PVCS,
        ENV_STATE,
        LAST_ENV,
        LAST_IMAGE,
        DEPLOY,
        TYPE,
        SERVICES,
        AVAILABLE,
        DESIRED,
        WORKLOAD,
        LAST_UPDATE,
        CHANGED_BY,
        CHANGED_SPEC,
        FILLED_FROM,
        f"{PREFIX}revision",
        f"{PREFIX}rollback-by",
        f"{PREFIX}rolled-back",
    }
)
"""Annotations that the operator writes on a Boot; a change of these alone is not a person's."""

CONFIG_HASH: Final = f"{PREFIX}config-hash"
"""On a workload: the version of the central config that it was rendered from."""
DEPLOYED: Final = f"{PREFIX}deployed"
"""On a workload: the hash of the deploying part of the spec that it was rendered from."""

REVISION: Final = f"{PREFIX}revision"
"""On a revision its number; on a Boot the number of the latest one."""
HASH: Final = f"{PREFIX}hash"
PHASE: Final = f"{PREFIX}phase"
RETRY: Final = f"{PREFIX}retry"
DIFF: Final = f"{PREFIX}diff"
GENERATION: Final = f"{PREFIX}generation"
"""On a revision: the generation of the Boot that it was made from."""
IGNORED_ENV: Final = f"{PREFIX}ignored-env"
"""On a revision: BIZ_ENVS when it was made, names that a rollback leaves as they are."""
REASON: Final = f"{PREFIX}reason"
"""On a revision: why it was made, in a person's words."""
RESTORED: Final = f"{PREFIX}restored"
"""On a revision: the number of the earlier one that it restored."""

ROLLBACK_TO: Final = f"{PREFIX}rollback-to"
"""On a Boot: the revision to restore; the operator takes it away when it has done so."""
ROLLBACK_KEEP_CONFIG: Final = f"{PREFIX}rollback-keep-config"
ROLLBACK_REASON: Final = f"{PREFIX}rollback-reason"
ROLLBACK_BY: Final = f"{PREFIX}rollback-by"
"""On a Boot: who asked for the rollback; only the mutating webhook writes a name there."""
ROLLED_BACK: Final = f"{PREFIX}rolled-back"
"""On a Boot: what the rollback restored, which decides the config until the next deploying change."""
PAUSED: Final = f"{PREFIX}paused"
"""On a Boot: ``true``, or the RFC 3339 time until which the operator leaves its workload alone."""

APP_CONTAINER: Final = "app"
PORT_NAME: Final = "http"
FIELD_MANAGER: Final = "havok-boots"


class BootKey(msgspec.Struct, frozen=True):
    """One Boot among those of the five kinds."""

    kind: BootKind
    namespace: str
    name: str

    @property
    def pod_labels(self) -> dict[str, str]:
        """On pods and revisions; also the selector."""
        return {"app": "havok", "bootName": self.name, "bootType": self.kind.boot_type}

    @property
    def workload_labels(self) -> dict[str, str]:
        return {"app": "havok", "havok/type": self.name}

    def service_labels(self, environment: str) -> dict[str, str]:
        return {"app": self.name, "logan/env": environment}

    @property
    def selector_text(self) -> str:
        """The pod labels as `status.selector` has them, keys sorted."""
        return ",".join(f"{key}={value}" for key, value in sorted(self.pod_labels.items()))

    def owner_reference(self, uid: str) -> Json:
        """The one controller reference that every object of this Boot carries."""
        return {
            "apiVersion": self.kind.resource.api_version,
            "kind": self.kind.kind,
            "name": self.name,
            "uid": uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
