"""One thing to say about a roll-out, before it is put into a language."""

from typing import Any

import msgspec


class Note(msgspec.Struct, frozen=True):
    """One thing to say: the text `cli.rollout.<key>` with its values.

    Fatal, its error code is `deploy.<key>`; `logs_of` names the (pod, container, previous) whose last lines
    show why.
    """

    key: str
    values: dict[str, Any] = {}
    fatal: bool = False
    trouble: bool = False
    logs_of: tuple[str, str, bool] | None = None
