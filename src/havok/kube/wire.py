"""Objects on their way out, and answers on their way in.

Callers construct what they like (a dict, a struct of ours, an object with `to_dict`); the wire has one form.
One bad object in a list is one counted error and never a lost list.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from havok.kube.errors import Undecodable

T = TypeVar("T")

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are not what was asked for: wrong shape, wrong UTF-8, bottomless."""


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """What a list gave. `undecodable` counts the objects that did not fit the view and are not in `items`."""

    items: list[T]
    resource_version: str = ""
    undecodable: int = 0


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """metav1.ListMeta."""

    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Typed(msgspec.Struct, Generic[T], frozen=True):
    metadata: ListMeta = ListMeta()
    items: list[T] | None = None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list: the items that fit the view, and the bytes of those that do not."""

    metadata: ListMeta
    items: list[T]
    broken: list[msgspec.Raw] = msgspec.field(default_factory=list)


class PageDecoder(Generic[T]):
    """Pages of objects of one view. All at once, in one pass; one by one where one of them does not fit.

    `what` names the list in errors.
    """

    def __init__(self, view: type[T], what: str) -> None:
        self._what = what
        typed: Any = _Typed
        self._typed = msgspec.json.Decoder(typed[view])
        self._one = msgspec.json.Decoder(view)

    def decode(self, body: bytes) -> Page[T]:
        """Raises Undecodable when it is no list at all."""
        with collector_paused():
            try:
                page = self._typed.decode(body)
            except UNREADABLE:
                return self._decode_singly(decode(body, _Typed[msgspec.Raw], self._what))
        return Page(page.metadata, page.items or [])

    def _decode_singly(self, page: _Typed[msgspec.Raw]) -> Page[T]:
        found = Page[T](page.metadata, [])
        for raw in page.items or ():
            try:
                found.items.append(self._one.decode(raw))
            except UNREADABLE:
                found.broken.append(raw)
        return found


def to_dict(obj: Any) -> dict[str, Any]:
    """The object as the wire has it; fields that are None are left out at the top of each struct."""
    if isinstance(obj, dict):
        return obj
    if hasattr(obj, "to_dict"):
        return cast("dict[str, Any]", obj.to_dict())
    if isinstance(obj, msgspec.Struct):
        return cast("dict[str, Any]", without_none(msgspec.to_builtins(obj)))
    raise TypeError(f"{type(obj).__name__} is no object: give a dict, a struct or an object with to_dict()")


def without_none(value: Any) -> Any:
    """`value` without the keys whose value is None, at any depth."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_none(item) for item in value]
    return value


def decode(data: bytes | msgspec.Raw, view: type[T], what: str) -> T:
    """`data` as `view`. Raises Undecodable."""
    try:
        return msgspec.json.decode(data, type=view)
    except UNREADABLE as error:
        raise Undecodable(
            "kube.undecodable",
            f"the answer to {what} is not the {view.__name__} expected: {error}",
            "check that the server is a Kubernetes API server of a supported version",
            what=what, kind=view.__name__, detail=str(error),
        ) from error  # fmt: skip


@contextmanager
def collector_paused() -> Iterator[None]:
    """No garbage collection inside: a list makes many objects and no garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
