"""The table of commands: their names, where they live, and how `havok --help` groups them.

A row names `module:function`; nothing is imported until the command is used. The one-line help of `get` is
the text `cli.get.help`, so that it can be shown without importing the command.
"""

import difflib
from typing import Final

import msgspec


class Entry(msgspec.Struct, frozen=True):
    """One command: its name, its group in the help, and `module:function`."""

    name: str
    group: str
    target: str


GROUPS: Final = ("apps", "cluster", "havok")

COMMANDS: Final[tuple[Entry, ...]] = (
    Entry("init", "apps", "havok.cli.init:init"),
    Entry("deploy", "apps", "havok.cli.deploy:deploy"),
    Entry("get", "apps", "havok.cli.get:get"),
    Entry("describe", "apps", "havok.cli.describe:describe"),
    Entry("open", "apps", "havok.cli.open:open_"),
    Entry("logs", "apps", "havok.cli.logs:logs"),
    Entry("exec", "apps", "havok.cli.execute:execute"),
    Entry("port-forward", "apps", "havok.cli.port_forward:port_forward"),
    Entry("events", "apps", "havok.cli.events:events"),
    Entry("top", "apps", "havok.cli.top:top"),
    Entry("history", "apps", "havok.cli.history:history"),
    Entry("diff", "apps", "havok.cli.diff:diff"),
    Entry("rollback", "apps", "havok.cli.rollback:rollback"),
    Entry("restart", "apps", "havok.cli.restart:restart"),
    Entry("scale", "apps", "havok.cli.scale:scale"),
    Entry("pause", "apps", "havok.cli.pause:pause"),
    Entry("resume", "apps", "havok.cli.pause:resume"),
    Entry("delete", "apps", "havok.cli.delete:delete"),
    Entry("config", "apps", "havok.cli.config:app"),
    Entry("up", "cluster", "havok.cli.cluster:up"),
    Entry("down", "cluster", "havok.cli.cluster:down"),
    Entry("status", "cluster", "havok.cli.cluster:status"),
    Entry("kubeconfig", "cluster", "havok.cli.cluster:kubeconfig"),
    Entry("node", "cluster", "havok.cli.node:node"),
    Entry("image", "cluster", "havok.cli.cluster:image"),
    Entry("sample", "cluster", "havok.cli.sample:sample"),
    Entry("doctor", "cluster", "havok.cli.cluster:doctor"),
    Entry("serve", "havok", "havok.cli.serve:serve"),
    Entry("explain", "havok", "havok.cli.explain:explain"),
    Entry("completion", "havok", "havok.cli.completion:completion"),
    Entry("version", "havok", "havok.cli.version:version"),
)


def find(name: str) -> Entry | None:
    """The command of exactly this name."""
    return next((entry for entry in COMMANDS if entry.name == name), None)


def nearest(word: str, known: list[str]) -> str | None:
    """The name that was probably meant, or None when nothing is close."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.65)
    return close[0] if close else None


def names() -> list[str]:
    """Every name, in the order of the table."""
    return [entry.name for entry in COMMANDS]
