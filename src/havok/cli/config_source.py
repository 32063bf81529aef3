"""The two places of a config text: a file, and the ConfigMap that the operator follows."""

import difflib
import os
from pathlib import Path
from typing import Final

import msgspec

from havok.boots.central import read_file
from havok.boots.config import KEY, digest_of
from havok.cli.console import Console
from havok.codec import Json
from havok.errors import ConflictError, NotFoundError
from havok.kube import AlreadyExists, Client, Conflict, NotFound
from havok.kube.resources import CONFIGMAPS
from havok.kube.views import ConfigMap
from havok.settings import Settings

DEFAULT_MAP: Final = "logan-app-operator-config"
MANAGER: Final = "havok-config"


class Place(msgspec.Struct, frozen=True):
    """Where an operator has its central config."""

    namespace: str
    config_map: str


def place(namespace: str | None = None, config_map: str | None = None) -> Place:
    """Where the flags say, else the settings, else where an operator has it by itself.

    The operator takes the same settings, so that both speak of the same ConfigMap.
    """
    flags = {"operator.namespace": namespace, "operator.config_map": config_map}
    settings = Settings.load(flags=flags)
    named = settings.get("operator.config_map", str) or os.environ.get("CONFIGMAP_NAME")
    return Place(settings.get("operator.namespace", str), named or DEFAULT_MAP)


class InForce(msgspec.Struct, frozen=True):
    """The text of the ConfigMap as it was read; `version` is empty when there is none."""

    where: str
    text: str
    version: str


class Source:
    """The ConfigMap at `where`."""

    def __init__(self, client: Client, where: Place) -> None:
        self._client = client
        self._namespace = where.namespace
        self._name = where.config_map

    async def read(self, *, or_empty: bool = False) -> InForce:
        """What is there. Raises NotFoundError `cli.config.absent`, unless `or_empty`."""
        where = f"{self._namespace}/{self._name}"
        try:
            found = await self._client.get(CONFIGMAPS, self._name, self._namespace, view=ConfigMap)
        except NotFound:
            if or_empty:
                return InForce(where, "", "")
            raise NotFoundError(
                "cli.config.absent",
                f"there is no central config {where}; the built-in defaults hold",
                "`havok config set FILE` makes it; -n and --config-map, or HAVOK_OPERATOR_NAMESPACE and "
                "HAVOK_OPERATOR_CONFIG_MAP, name another",
                where=where,
            ) from None
        return InForce(where, (found.data or {}).get(KEY, ""), found.metadata.resource_version)

    async def write(self, old: InForce, text: str, *, dry_run: bool) -> None:
        """Put `text` there if nobody changed it since `old` was read.

        Raises ConflictError `cli.config.changed`.
        """
        try:
            if old.version:
                body: Json = {"metadata": {"resourceVersion": old.version}, "data": {KEY: text}}
                await self._client.patch(
                    CONFIGMAPS, self._name, self._namespace,
                    body=body, field_manager=MANAGER, dry_run=dry_run,
                )  # fmt: skip
                return
            made: Json = {"metadata": {"name": self._name}, "data": {KEY: text}}
            await self._client.create(
                CONFIGMAPS, made, self._namespace, field_manager=MANAGER, dry_run=dry_run
            )
        except (Conflict, AlreadyExists) as error:
            raise ConflictError(
                "cli.config.changed",
                f"somebody changed the central config {old.where} at the same time",
                "look with `havok config diff FILE`, then set it again",
                where=old.where,
            ) from error


def read_text(console: Console, file: str) -> str:
    """The text of `file`; - is standard input. Raises UsageError `boots.config.unreadable`."""
    return console.stdin.read() if file == "-" else read_file(Path(file))


def unified(console: Console, old: InForce, text: str, file: str) -> str:
    """The change as a unified diff, with colours where they show."""
    lines = difflib.unified_diff(
        old.text.splitlines(), text.splitlines(), lineterm="",
        fromfile=f"{old.where} {digest_of(old.text) if old.version else ''}".rstrip(), tofile=file,
    )  # fmt: skip
    styles = {"+": "green", "-": "red", "@": "bold"}
    return "\n".join(
        console.paint(line, styles[line[0]], stream=console.stdout) if line[:1] in styles else line
        for line in lines
    )
