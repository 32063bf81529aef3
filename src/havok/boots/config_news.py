"""What a Boot is told of the central config: whether newer config waits, and what has no effect.

Pure and cheap: it compares two worked-out blocks, and renders nothing.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from havok.boots.config import Platform, warnings
from havok.boots.names import PROFILE
from havok.crds import BootKind

NEWEST: Final = "no newer central config waits for this app"
"""Also when a newer text does not concern it, so that such a text makes no writes."""


class News(msgspec.Struct, frozen=True):
    """The condition ConfigCurrent, and the message of ConfigWarnings (empty: there is none)."""

    current: bool
    reason: str
    message: str
    warnings: str = ""


def news(
    kind: BootKind,
    annotations: Mapping[str, str] | None,
    *,
    running: Platform | None,
    newest: Platform | None,
    trouble: str,
) -> News:
    """`running`: what the workload was rendered from, None while there is none; `newest`: what is in force;
    `trouble`: what is wrong with a text newer than that.
    """
    if newest is None:
        return News(False, "ConfigBroken", f"central config is broken, {trouble}; nothing was changed")
    told = "; ".join(warnings(kind, annotations or {}, newest))
    if trouble:
        message = f"the newest central config is broken, {trouble}; the last good one stays in force"
        return News(False, "NewestConfigBroken", message, told)
    profile = (annotations or {}).get(PROFILE, "")
    if running is None or running.digest == newest.digest:
        return News(True, "Newest", NEWEST, told)
    if running.defaults(kind, profile) == newest.defaults(kind, profile):
        return News(True, "Newest", NEWEST, told)
    before = running.digest or "the built-in defaults"
    message = f"the app runs on central config {before}; {newest.digest or 'the built-in defaults'} waits "
    return News(False, "NewerConfigWaits", message + "for its next deploy", told)
