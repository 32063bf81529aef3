"""What stands in the way of making a Boot real, found out again by the reconciler.

A webhook can be down, bypassed or not installed; so every look-up that admission makes is made here once
more before a spec is written for the first time. What runs already stays as it is. A spec that a workload
was made from was allowed when it was written, and is not asked about again.
"""

from typing import TypeAlias

from havok.boots import rules
from havok.boots.judge import before_writing
from havok.boots.lookups import Lookups
from havok.boots.names import BootKey
from havok.boots.status import Problem
from havok.boots.world import World
from havok.crds import BOOT_KINDS, Boot, BootKind

Age: TypeAlias = tuple[bool, str, str]


def rival(world: World, key: BootKey, boot: Boot) -> Problem | None:
    """A Boot of another kind that has the name with better right: the one that runs, else the older one."""
    for kind in BOOT_KINDS:
        other = None if kind == key.kind else world.boots[kind.kind].get(key.namespace, key.name)
        if other is not None and _right(other, kind) < _right(boot, key.kind):
            return _problem(rules.name_taken(key, kind.kind))
    return None


async def objection(lookups: Lookups, key: BootKey, boot: Boot, environment: str) -> Problem | None:
    """Why the filled Boot must not be made real now."""
    refused = await before_writing(key, boot.spec, environment, lookups)
    return _problem(refused) if refused is not None else None


def _right(boot: Boot, kind: BootKind) -> Age:
    """Smaller is better."""
    return not boot.status.workload, boot.metadata.creation_timestamp or "", kind.kind


def _problem(refused: rules.Refusal) -> Problem:
    return Problem(refused.reason, f"{refused.text}; until then what runs stays as it is")
