"""One line of a watch, decoded.

Nearly every line is an object that fits its view, so that is tried first and costs one pass over the bytes.
Whatever else it is (a bookmark, an error, an object that does not fit, no JSON at all) costs a second pass.
"""

from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

import msgspec

from havok.kube.errors import KubeError, Status, from_status
from havok.kube.key import Key, key_of
from havok.kube.wire import UNREADABLE

T = TypeVar("T")

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
BOOKMARK: Final = "BOOKMARK"
ERROR: Final = "ERROR"
OF_OBJECTS: Final = frozenset({ADDED, MODIFIED, DELETED})

INITIAL_END: Final = "k8s.io/initial-events-end"
MISSHAPEN: Final = (*UNREADABLE, KeyError, TypeError, AttributeError)
"""What an object raises that is no object: without metadata, or with a list for one."""


class Meta(msgspec.Struct, rename="camel"):
    """The metadata that every object has, whatever else is wrong with it."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None

    @property
    def key(self) -> Key:
        """(namespace, name)"""
        return self.namespace, self.name

    @property
    def ends_the_state(self) -> bool:
        """Whether this bookmark says that the whole state was told (KEP-3157)."""
        return (self.annotations or {}).get(INITIAL_END) == "true"


class _Shell(msgspec.Struct):
    metadata: Meta = msgspec.field(default_factory=Meta)


class _Raw(msgspec.Struct):
    type: str
    object: msgspec.Raw


class Unreadable(msgspec.Struct, frozen=True):
    """Part of a line that is not an object of the view; `raw` is what stood for the object."""

    raw: msgspec.Raw
    meta: Meta


Change: TypeAlias = tuple[str, T | Unreadable]
"""The kind of event, and its object."""


class ChangeDecoder(Generic[T]):
    """Lines as changes of objects of one view."""

    def __init__(self, view: type[T]) -> None:
        event = msgspec.defstruct("Event", [("type", str), ("object", view)], gc=False)
        self._typed = msgspec.json.Decoder(event)
        self._raw = msgspec.json.Decoder(_Raw)
        self._shell = msgspec.json.Decoder(_Shell)

    def decode(self, line: bytes) -> Change[T] | None:
        """None: this is no event at all."""
        try:
            event = cast("Any", self._typed.decode(line))
            if event.type in OF_OBJECTS:
                key_of(event.object)
                return event.type, event.object
        except MISSHAPEN:
            pass
        return self._decode_odd(line)

    def meta(self, raw: msgspec.Raw) -> Meta:
        """The metadata of an object of any kind; empty where there is none to read."""
        try:
            return self._shell.decode(raw).metadata
        except UNREADABLE:
            return Meta()

    def _decode_odd(self, line: bytes) -> Change[T] | None:
        try:
            event = self._raw.decode(line)
        except UNREADABLE:
            return None
        return event.type, Unreadable(event.object, self.meta(event.object))


def error_of(raw: msgspec.Raw, name: str) -> KubeError:
    """The typed error of an ERROR event in the watch `name`."""
    try:
        status = msgspec.json.decode(raw, type=Status)
    except UNREADABLE:
        status = Status(message="an error without a reason came in the stream", code=500)
    return from_status(status.code or 500, status, verb="WATCH", path=name)
