"""What the watch delivered of each Boot and no revision tells yet, so that quick updates lose none.

Passes see the latest state alone; every distinct spec between two passes is noted here, oldest first. Kept in
memory: after a restart history goes on from what lives. No more is kept than there are revisions to keep.
"""

from collections import deque

from havok.boots.names import PROFILE
from havok.crds import Boot

Key = tuple[str, str, str]


class Journal:
    """`note` is a subscriber of the Boots' caches; the passes `read` and `forget`."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
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
            self._notes.setdefault(key, deque(maxlen=self._keep)).append(new)

    def read(self, kind: str, namespace: str, name: str) -> tuple[Boot, ...]:
        """What was noted of one Boot, oldest first."""
        return tuple(self._notes.get((kind, namespace, name), ()))

    def forget(self, kind: str, namespace: str, name: str, *, until: Boot) -> None:
        """Drop what was noted up to and with this state."""
        notes = self._notes.get((kind, namespace, name))
        while notes and notes[0].metadata.generation <= until.metadata.generation:
            notes.popleft()
        if notes is not None and not notes:
            del self._notes[kind, namespace, name]


def _told(boot: Boot) -> tuple[str, int, str]:
    meta = boot.metadata
    return meta.uid, meta.generation, meta.annotation(PROFILE)
