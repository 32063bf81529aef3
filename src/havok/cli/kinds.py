"""The five kinds of Boots, by every word a person may use for them. Nothing here talks to a cluster."""

from typing import Final

from havok.cli.commands import nearest
from havok.crds.kinds import API_VERSION, BOOT_KINDS, GROUP, boot_kind
from havok.errors import UsageError
from havok.kube.resources import Resource

__all__ = ["API_VERSION", "BOOTS", "GROUP", "resource_of_kind", "resources_for", "split_words", "words"]

BOOTS: Final[tuple[Resource, ...]] = tuple(row.resource for row in BOOT_KINDS)
ANY: Final = ("boots", "boot", "bo", "all")


def words() -> dict[str, tuple[Resource, ...]]:
    """Every word for a kind, in lower case, with the resources it stands for."""
    found = dict.fromkeys(ANY, BOOTS)
    for row in BOOT_KINDS:
        for word in (row.singular, row.plural, row.boot_type, f"{row.plural}.{GROUP}"):
            found[word] = (row.resource,)
    return found


def resources_for(word: str) -> tuple[Resource, ...]:
    """The resources that `word` names. Raises UsageError `cli.kind.unknown`."""
    found = words().get(word.lower())
    if found:
        return found
    known = ["boots", *(resource.kind.lower() for resource in BOOTS)]
    near = nearest(word.lower(), list(words()))
    raise UsageError(
        "cli.kind.unknown",
        f"havok knows no kind of thing called {word}",
        f"did you mean {near}?" if near else f"choose from {', '.join(known)}",
        word=word, nearest=near or ", ".join(known),
    )  # fmt: skip


def resource_of_kind(kind: str) -> Resource | None:
    """The resource of a manifest's `kind`, exactly as written there."""
    row = boot_kind(kind)
    return row.resource if row else None


def split_words(arguments: list[str]) -> tuple[tuple[Resource, ...], list[str]]:
    """(kinds, names) of arguments such as `demo`, `boot demo`, `javaboot demo shop` or `javaboot/demo`.

    A lone word is always a name, so that a Boot may be called `java`.
    """
    if len(arguments) == 1 and "/" in arguments[0]:
        kind, _, name = arguments[0].partition("/")
        return resources_for(kind), [name]
    if len(arguments) > 1 and arguments[0].lower() in words():
        return resources_for(arguments[0]), arguments[1:]
    return BOOTS, list(arguments)
