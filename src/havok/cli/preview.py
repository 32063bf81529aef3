"""What a deploy would change: the Boot as the API server would store it, and the objects made from it.

Nothing is written. The objects are rendered here, by the operator's own function and from the same versions
of the central config; a person who may not read that config sees the Boot's part alone.
"""

from typing import Any, Final

import msgspec

from havok.boots import central, config, names
from havok.boots.app import App
from havok.boots.config import KEY, Platform
from havok.boots.defaults import fill
from havok.boots.names import BootKey
from havok.boots.pin import Pin, deploying_hash
from havok.boots.render import render
from havok.boots.spec_diff import differences
from havok.cli.config_source import Place, place
from havok.cli.connect import Cluster
from havok.crds import Boot, BootKind, boot_kind
from havok.errors import HavokError
from havok.kube import NotFound
from havok.kube.resources import CONFIGMAPS, DEPLOYMENTS, SERVICES, STATEFULSETS
from havok.kube.views import ConfigMap

PERSONAL: Final = ("labels", "annotations")
Object = dict[str, Any]


class Preview(msgspec.Struct, frozen=True):
    """Lines of what differs; `rendered` None: the objects could not be rendered here."""

    boot: tuple[str, ...]
    rendered: tuple[str, ...] | None


async def preview(cluster: Cluster, kind: str, before: Object | None, after: Object) -> Preview:
    """`before` is the Boot that lives, `after` the answer to a dry-run apply."""
    lines = tuple(one.line for one in differences(_told(before), _told(after)))
    row = boot_kind(kind)
    if before is None or row is None:
        return Preview(lines, None)
    try:
        return Preview(lines, await _rendered(cluster, row, before, after))
    except (HavokError, msgspec.ValidationError):
        return Preview(lines, None)


def _told(boot: Object | None) -> Object:
    """What people say of a Boot: its spec, and their own labels and annotations."""
    if boot is None:
        return {}
    metadata = boot["metadata"]
    own = {
        field: {key: value for key, value in (metadata.get(field) or {}).items() if not _ours(key)}
        for field in PERSONAL
    }
    return {"spec": boot["spec"], **{field: value for field, value in own.items() if value}}


def _ours(name: str) -> bool:
    return name.startswith((names.PREFIX, "kubectl.kubernetes.io/"))


async def _rendered(cluster: Cluster, row: BootKind, before: Object, after: Object) -> tuple[str, ...] | None:
    meta = before["metadata"]
    key = BootKey(row, meta["namespace"], meta["name"])
    stateful = before["spec"].get("workload") == "StatefulSet"
    live = await cluster.client.get(STATEFULSETS if stateful else DEPLOYMENTS, key.name, key.namespace)
    pin = Pin.read(live["metadata"].get("annotations") or {})
    service = await cluster.client.get(SERVICES, key.name, key.namespace)
    environment = (service["metadata"].get("labels") or {}).get("logan/env", "test")
    if pin is None:
        return None
    where = place()
    pinned = config.built_in(environment)
    if pin.config:
        snapshot = Place(where.namespace, central.PREFIX + pin.config)
        pinned = await _platform(cluster, snapshot, environment)
    new = msgspec.convert(after, Boot)
    deploys = deploying_hash(new.spec, new.metadata.annotation(names.PROFILE)) != pin.deployed
    current = await _current(cluster, where, environment, pinned) if deploys else pinned
    governing = live["spec"].get("serviceName", "")
    old_objects = _objects(key, msgspec.convert(before, Boot), pinned, governing)
    new_objects = _objects(key, new, current, governing)
    return tuple(one.line for one in differences(old_objects, new_objects))


async def _current(cluster: Cluster, where: Place, environment: str, pinned: Platform) -> Platform:
    """The config in force. Raises NotFound when it is elsewhere: the app was rendered from one."""
    try:
        return await _platform(cluster, where, environment)
    except NotFound:
        if pinned.digest:
            raise
        return pinned


async def _platform(cluster: Cluster, where: Place, environment: str) -> Platform:
    """The config that is kept there. Raises NotFound, Forbidden, ConfigError."""
    found = await cluster.client.get(CONFIGMAPS, where.config_map, where.namespace, view=ConfigMap)
    return config.parse((found.data or {}).get(KEY, ""), environment)


def _objects(key: BootKey, boot: Boot, platform: Platform, governing: str) -> Object:
    """Everything made for the Boot, by kind and name, without what only names it."""
    meta = boot.metadata
    defaults = platform.defaults(key.kind, meta.annotation(names.PROFILE))
    filled = fill(
        boot.spec, meta.annotations, name=key.name, defaults=defaults, environment=platform.environment
    )  # fmt: skip
    restarted = meta.annotation(names.RESTARTED_AT)
    app = App(key=key, uid=meta.uid, spec=filled.spec, restarted_at=restarted, governing=governing)
    found = render(app, defaults, platform.environment)
    several = [found.workload, *found.services, found.autoscaler, found.ingress]
    return {
        f"{one['kind'].lower()}/{one['metadata']['name']}": {"spec": one["spec"], **_marks(one)}
        for one in several if one is not None
    }  # fmt: skip


def _marks(obj: Object) -> Object:
    return {field: obj["metadata"][field] for field in PERSONAL if obj["metadata"].get(field)}
