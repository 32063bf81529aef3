"""Where we are in the history of one kind, and what a server may claim about it.

resourceVersions of one kind are numbers that grow (KEP-5504; true of etcd before it was promised). So a claim
can be weighed:

    a whole state older than one we had     refused; after `PATIENCE` refusals in a row it is the truth: the
                                            data were restored from a backup
    an event not newer than where we are    the server contradicts itself, or a bookmark promised too much:
                                            everything is asked for anew
    contradictions without end              this server does not order its versions; nothing is weighed then

Versions that are no numbers are taken as they are. It must not know objects or connections.
"""

# ruff: noqa: N818  each says what was found, as the API's own reasons do

from typing import Final

from havok.kube.counters import Counters
from havok.kube.errors import KubeError
from havok.log import get_logger

PATIENCE: Final = 4
"""Whole states older than ours, in a row, that are refused; with the waits between them about 10 s."""

DOUBTS: Final = 6
"""Contradictions, without one stream in between that was in order, after which versions are not weighed."""

log = get_logger("kube.history")


class Contradiction(KubeError):
    """An event that is not newer than what the server said before."""


class Stale(KubeError):
    """A whole state that is older than one we had."""


class History:
    """The resume point of one watch. `name` is for what is said about it."""

    def __init__(self, name: str, counters: Counters) -> None:
        self.version = ""
        """Where to go on; empty: nowhere, the whole state is needed."""
        self.ordered = True
        self._name = name
        self._counters = counters
        self._at = 0
        self._highest = 0
        self._refusals = 0
        self._doubts = 0

    @property
    def at_least(self) -> str:
        """The newest version that a state or an object had; "0" before there was one.

        Bookmarks do not count: what they promise is proved by what comes next, not by themselves.
        """
        return str(self._highest)

    def forget(self) -> None:
        """The resume point is worth nothing any more."""
        self.version, self._at = "", 0

    def adopt(self, version: str, *, older: bool = False) -> None:
        """Take a whole state as ours; `older`: one object in it is older than we know it. Raises Stale."""
        number = number_of(version)
        if self.ordered and (older or 0 < number < self._highest):
            self._refuse(version)
            self._highest = number
        self._refusals = 0
        self._highest = max(self._highest, number)
        self.version, self._at = version, number

    def event(self, version: str) -> None:
        """An object changed. Raises Contradiction."""
        number = number_of(version)
        if number and number <= self._at and self.ordered:
            self._contradict(version)
        self.version, self._at = version or self.version, number or self._at
        self._highest = max(self._highest, number)

    def bookmark(self, version: str) -> None:
        """Everything up to `version` was told. Raises Contradiction."""
        number = number_of(version)
        if 0 < number < self._at and self.ordered:
            self._contradict(version)
        self.version, self._at = version or self.version, number or self._at

    def was_in_order(self) -> None:
        """A stream told something and contradicted nothing."""
        self._doubts = 0

    def _refuse(self, version: str) -> None:
        self._refusals += 1
        if self._refusals <= PATIENCE:
            self._counters.refused += 1
            raise Stale(
                "kube.watch.stale",
                f"the server gave {self._name} as of version {version}, after {self._highest} before",
                "nothing to do: it is asked again; a server that stays at it was restored from a backup",
                name=self._name, version=version, known=self._highest,
            )  # fmt: skip
        self._counters.rewound += 1
        log.warning("history_rewound", watch=self._name, version=version, known=self._highest)

    def _contradict(self, version: str) -> None:
        self._counters.contradictions += 1
        self._doubts += 1
        if self._doubts > DOUBTS:
            self.ordered = False
            log.warning("versions_unordered", watch=self._name, version=version, known=self.version)
            return
        raise Contradiction(
            "kube.watch.contradiction",
            f"the watch of {self._name} was at version {self.version} and told of version {version}",
            "nothing to do: the whole state is asked for anew",
            name=self._name, version=version, known=self.version,
        )  # fmt: skip


def number_of(version: str) -> int:
    """The version as a number; 0: it is none."""
    return int(version) if version.isdecimal() else 0


def is_older(one: str, other: str) -> bool:
    """Whether version `one` is certainly before `other`."""
    return 0 < number_of(one) < number_of(other)
