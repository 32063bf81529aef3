"""Writes that only the latest leader can make, whatever clocks and schedulers do.

A leader may be stopped (SIGSTOP, a suspended machine, a starved one) after it looked whether it leads and
before its write is sent, and go on when another leads. No timing forbids that; the object can. Each guarded
write leaves the leader's term in an annotation, is refused where a later term stands, and is conditional on
the version that was read. Invariant: the terms in an object's history never fall, so from the first write of
a leader on, no earlier one writes again.

What is not guarded: an object that the new leader did not write yet, creation, and deletion.
"""

from collections.abc import Callable
from typing import Any, Final

from havok.kube.client import Client, Json
from havok.kube.errors import Conflict, LeadLost
from havok.kube.resources import Resource

ANNOTATION: Final = "havok.dev/fence"
ATTEMPTS: Final = 20
"""Times that a write is repeated because somebody else wrote the object meanwhile."""


class Fenced(LeadLost):
    """A later leader wrote the object."""


async def fenced_patch(
    client: Client,
    resource: Resource,
    name: str,
    namespace: str | None = None,
    *,
    term: int,
    change: Callable[[Json], Json],
    field_manager: str = "",
) -> Json:
    """Merge what `change` makes of the live object into it, as the leader of `term` (`LeaderElection.term`).

    `change` is called again when the object changed meanwhile. Raises Fenced `kube.lease.fenced`, Conflict
    when it changes all the time, NotFound.
    """
    for attempt in range(1, ATTEMPTS + 1):
        live = await client.get(resource, name, namespace)
        _check(live, term)
        body = _guarded(change(live), live, term)
        try:
            return await client.patch(resource, name, namespace, body=body, field_manager=field_manager)
        except Conflict:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


def _check(live: Json, term: int) -> None:
    theirs = _term_of(live)
    if theirs <= term:
        return
    name = live["metadata"]["name"]
    raise Fenced(
        "kube.lease.fenced",
        f"a later leader wrote {name} (fence {theirs}, ours is {term})",
        "nothing to do: this process leads no more and stops by itself",
        name=name, theirs=theirs, ours=term,
    )  # fmt: skip


def _term_of(live: Json) -> int:
    text = (live["metadata"].get("annotations") or {}).get(ANNOTATION, "")
    return int(text) if text.isdecimal() else 0


def _guarded(body: Json, live: Json, term: int) -> Json:
    meta: dict[str, Any] = dict(body.get("metadata") or {})
    meta["annotations"] = {**(meta.get("annotations") or {}), ANNOTATION: str(term)}
    meta["resourceVersion"] = live["metadata"]["resourceVersion"]
    return {**body, "metadata": meta}
