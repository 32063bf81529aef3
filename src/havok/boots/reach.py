"""What a change of the central config would mean for the Boots there are, at their next deploy.

Pure: each Boot is rendered with the config in force and with the new one. `flaw` finds by itself what no
cluster would take; the API server can be asked for the rest with `Reached.after`.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from havok.boots.config import Platform
from havok.boots.defaults import fill
from havok.boots.names import PROFILE, BootKey
from havok.boots.render import App, Objects, render
from havok.boots.routing import BY_SUFFIX
from havok.crds import Boot


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A Boot whose objects the change would alter."""

    key: BootKey
    before: Objects
    after: Objects
    flaw: str
    """Why it would not work any more; empty while nothing is wrong to see."""

    @property
    def label(self) -> str:
        """``namespace/javaboot/name``"""
        return f"{self.key.namespace}/{self.key.kind.singular}/{self.key.name}"


def environment_of(namespace: str, default: str) -> str:
    """The environment that handles a namespace; `default` for those without a suffix (contract 2.1)."""
    return next((suffix for suffix in BY_SUFFIX if namespace.endswith(f"-{suffix}")), default)


def reached(boots: Iterable[tuple[BootKey, Boot]], old: Platform, new: Platform) -> list[Reached]:
    """Those of `boots`, all of the platforms' environment, that the change reaches, in the order given."""
    found = []
    for key, boot in boots:
        before, after = _objects(key, boot, old), _objects(key, boot, new)
        lost = _lost_profile(boot, old, new)
        if before != after or lost:
            flaw = "" if _flaw(before) else lost or _flaw(after)
            found.append(Reached(key=key, before=before, after=after, flaw=flaw))
    return found


def _objects(key: BootKey, boot: Boot, platform: Platform) -> Objects:
    defaults = platform.defaults(key.kind, boot.metadata.annotation(PROFILE))
    filled = fill(boot.spec, {}, name=key.name, defaults=defaults, environment=platform.environment)
    app = App(key=key, uid=boot.metadata.uid, spec=filled.spec)
    return render(app, defaults, platform.environment)


def _lost_profile(boot: Boot, old: Platform, new: Platform) -> str:
    profile = boot.metadata.annotation(PROFILE)
    gone = profile in old.profiles and profile not in new.profiles
    return f"its profile {profile} is no longer there" if gone else ""


def _flaw(objects: Objects) -> str:
    pod = objects.workload["spec"]["template"]["spec"]
    containers = [*pod["containers"], *pod.get("initContainers", ())]
    if twice := _twice(str(container.get("name")) for container in containers):
        return f"two containers are called {twice}"
    volumes = [str(volume.get("name")) for volume in pod.get("volumes", ())]
    if twice := _twice(volumes):
        return f"two volumes are called {twice}"
    for container in containers:
        mounts = container.get("volumeMounts") or ()
        if twice := _twice(str(mount.get("mountPath")) for mount in mounts):
            return f"container {container['name']} mounts two volumes at {twice}"
        absent = sorted({str(mount.get("name")) for mount in mounts} - set(volumes))
        if absent:
            return f"container {container['name']} mounts {absent[0]}, and no volume has that name"
    return ""


def _twice(names: Iterable[str]) -> str:
    """The first of these that is there more than once; empty when each is there once."""
    return next((name for name, times in Counter(names).items() if times > 1), "")
