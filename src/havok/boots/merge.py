"""Merging and expanding JSON values, as the central config does it (contract 2.3 and 2.4).

Nothing given is ever changed and nothing returned is shared with it: a value handed to one Boot cannot reach
another.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from havok.codec import Json


def override(base: Any, over: Any) -> Any:
    """`over` laid upon `base`: what is empty or zero in `over` leaves a given `base` as it is.

    Maps merge key by key; lists called `env` merge by name; every other list is replaced whole.
    """
    if isinstance(base, dict) and isinstance(over, dict):
        merged = copy.deepcopy(base)
        for key, value in over.items():
            if key == "env" and isinstance(value, list) and isinstance(base.get(key), list):
                merged[key] = by_name(base[key], value)
            else:
                merged[key] = override(base.get(key), value)
        return merged
    if over is None or (base is not None and over in (0, "", False, [], {})):
        return copy.deepcopy(base)
    return copy.deepcopy(over)


def by_name(base: Sequence[Json], over: Sequence[Json]) -> list[Json]:
    """Entries of `over` in place of those of `base` with the same name, new ones at the end."""
    replacing = {entry.get("name"): entry for entry in over}
    known = {entry.get("name") for entry in base}
    kept = [replacing.get(entry.get("name"), entry) for entry in base]
    new = [entry for name, entry in replacing.items() if name not in known]
    return copy.deepcopy([*kept, *new])


class Variables(dict[str, str]):
    """The template variables of one Boot."""

    @classmethod
    def of(cls, app: str, environment: str, port: int) -> "Variables":
        return cls({"${APP}": app, "${ENV}": environment, "${PORT}": str(port)})

    def expand(self, text: str) -> str:
        """Plain replacement, case-sensitive, without any escape."""
        for name, value in self.items():
            text = text.replace(name, value)
        return text


def expand_env(entries: Sequence[Json], variables: Variables) -> list[Json]:
    """Environment entries with the variables in their values replaced."""
    found = copy.deepcopy(list(entries))
    for entry in found:
        if isinstance(entry.get("value"), str):
            entry["value"] = variables.expand(entry["value"])
    return found


def expand_mounts(mounts: Sequence[Json], variables: Variables) -> list[Json]:
    """Mounts of a container with variables replaced in their names."""
    return [{**mount, "name": variables.expand(str(mount.get("name", "")))} for mount in mounts]


def expand_container(container: Mapping[str, Any], variables: Variables) -> Json:
    """A container with variables replaced in the values of its env and the names of its mounts."""
    found = copy.deepcopy(dict(container))
    if found.get("env"):
        found["env"] = expand_env(found["env"], variables)
    if found.get("volumeMounts"):
        found["volumeMounts"] = expand_mounts(found["volumeMounts"], variables)
    return found


def expand_volume(volume: Mapping[str, Any], variables: Variables) -> Json:
    """A pod volume with variables replaced in its name and in the name of its claim."""
    found = copy.deepcopy(dict(volume))
    found["name"] = variables.expand(str(found.get("name", "")))
    claim = found.get("persistentVolumeClaim")
    if isinstance(claim, dict) and isinstance(claim.get("claimName"), str):
        claim["claimName"] = variables.expand(claim["claimName"])
    return found
