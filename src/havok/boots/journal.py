"""What the watch delivered of each Boot and no revision tells yet, so that quick updates lose none.

Passes see the latest state alone; every distinct spec between two passes is noted here, oldest first. Kept in
memory: after a restart history goes on from what lives. A candidate that does not lead forgets what it sees
recorded by the one that does.
"""

from collections import deque
from typing import Final

from havok.boots.names import GENERATION, PROFILE
from havok.crds import Boot, BootRevision

Key = tuple[str, str, str]
LONGEST: Final = 256
"""States of one Boot that are remembered at most."""


class Journal:
    """`note` is a subscriber of the Boots' caches; the passes `read` and `forget`."""

    def __init__(self) -> None:
        self._notes: dict[Key, deque[Boot]] = {}

    def note(self, kind: str, old: Boot | None, new: Boot | None) -> None:
        """Remember a state of a Boot of this kind, if its spec or profile is another than before."""
        boot = new or old
        if boot is None:
            return
        key = (kind, boot.metadata.namespace, boot.metadata.name)
        if new is None:
            self._notes.pop(key, None)
        elif old is None or _told(old) != _told(new):
            self._notes.setdefault(key, deque(maxlen=LONGEST)).append(new)

    def read(self, kind: str, namespace: str, name: str) -> tuple[Boot, ...]:
        """What was noted of one Boot, oldest first."""
        return tuple(self._notes.get((kind, namespace, name), ()))

    def recorded(self, kind: str, revision: BootRevision) -> None:
        """A revision was seen: what was noted up to its generation is told."""
        meta, generation = revision.metadata, revision.metadata.annotation(GENERATION)
        if generation.isdecimal() and meta.controller is not None:
            key = (kind, meta.namespace, meta.label("bootName"))
            self.forget(*key, uid=meta.controller.uid, until=int(generation))

    def forget(self, kind: str, namespace: str, name: str, *, uid: str, until: int) -> None:
        """Drop what was noted of one Boot up to and with this generation."""
        notes = self._notes.get((kind, namespace, name))
        while notes and (notes[0].metadata.uid, notes[0].metadata.generation <= until) == (uid, True):
            notes.popleft()
        if notes is not None and not notes:
            del self._notes[kind, namespace, name]


def _told(boot: Boot) -> tuple[str, int, str]:
    meta = boot.metadata
    return meta.uid, meta.generation, meta.annotation(PROFILE)
