"""What a block of the central config says in vain: read, accepted, and without the effect that was meant.

Pure; sees one block that has the right shape already.
"""

import msgspec

from havok.boots.fit_rules import node_selector, resources
from havok.boots.names import APP_CONTAINER
from havok.codec import Json
from havok.crds.spec import ResourceRequirements


def apps_of(name: str, block: Json) -> dict[str, Json]:
    """Every AppSpec of a block that concerns the app itself, by path."""
    apps = {f"{name}.app": block.get("app") or {}}
    for environment, app in ((block.get("oEnvs") or {}).get(APP_CONTAINER) or {}).items():
        apps[f"{name}.oEnvs.{APP_CONTAINER}.{environment}"] = app
    return apps


def without_effect(name: str, block: Json) -> list[tuple[str, str]]:
    """(path, sentence) of what is read and yet does nothing, or cannot work."""
    odd = []
    if block.get("sidecarServices"):
        odd.append((f"{name}.sidecarServices", f"{name}.sidecarServices has no effect"))
    for path, app in apps_of(name, block).items():
        if (app.get("podSpec") or {}).get("containers"):
            where = f"{path}.podSpec.containers"
            odd.append((where, f"{where} has no effect; use sideCarContainers"))
        for field, most in (("port", 65535), ("replicas", 100)):
            if app.get(field, 0) > most:
                odd.append((f"{path}.{field}", f"{path}.{field} is more than {most}; no Boot can have it"))
        odd += _unfit(path, app)
    return odd + _unused_targets(name, block)


def _unfit(path: str, app: Json) -> list[tuple[str, str]]:
    """Labels and resources that no pod can have: each Boot that takes them is refused."""
    needs = msgspec.convert(app.get("resources") or {}, ResourceRequirements)
    found = (
        (f"{path}.nodeSelector", node_selector(app.get("nodeSelector") or {}, f"{path}.nodeSelector")),
        (f"{path}.resources", resources(needs, f"{path}.resources")),
    )
    return [(where, f"{wrong.message}; no Boot can have it") for where, wrong in found if wrong is not None]


def _unused_targets(name: str, block: Json) -> list[tuple[str, str]]:
    pods = [app.get("podSpec") or {} for app in apps_of(name, block).values()]
    injected = [
        *block.get("sideCarContainers", ()),
        *(c for pod in pods for c in pod.get("initContainers", ())),
    ]
    known = {APP_CONTAINER, *(container.get("name") for container in injected)}
    odd = []
    for target, environments in (block.get("oEnvs") or {}).items():
        path = f"{name}.oEnvs.{target}"
        if target not in known:
            odd.append((path, f"{path} has no effect: no container has that name"))
        elif target != APP_CONTAINER:
            said = [f"{path}.{env}.{key}" for env, app in environments.items() for key in app if key != "env"]
            odd += [(one, f"{one} has no effect: only the env of a container can differ") for one in said]
    return odd
