"""The central config that is in force, and every older one that some workload still runs on.

Each accepted text is kept once (see `snapshots`), so that a workload can be rendered again from the config it
was made from. A text that cannot be read changes nothing: the last good one stays in force, and `broken`
says what is wrong. While there never was a good one, `platform` is None and nobody renders anything.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from havok.boots import config
from havok.boots.config import Platform
from havok.boots.config_text import ConfigError
from havok.boots.snapshots import LABEL, PREFIX, ROUND, Snapshots
from havok.clock import utcnow
from havok.errors import HavokError, UsageError
from havok.kube import Client, KubeError
from havok.log import get_logger

__all__ = ["LABEL", "PREFIX", "Central", "read_file", "text_at_start"]

log = get_logger("boots.central")


class Central:
    """The config of one environment. `offer` is told each new text; everybody else reads."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        environment: str,
        *,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self.snapshots = Snapshots(client, namespace, now=now)
        self._environment = environment
        self._known: dict[str, Platform] = {"": config.built_in(environment)}
        self._text = ""
        self.platform: Platform | None = None
        """What deploying changes are rendered from; None while there is nothing to go by."""
        self.broken: HavokError | None = None
        """Why the newest text is not in force."""

    @property
    def refusal(self) -> str:
        """What everything that needs the config answers while there is none; empty while there is one."""
        if self.platform is not None:
            return ""
        return f"central config is broken, {self.trouble or 'there is none yet'}; nothing was changed"

    @property
    def trouble(self) -> str:
        """What is wrong with the newest text: "line 3: java.app.port must be …"; empty when nothing is."""
        if isinstance(self.broken, ConfigError):
            return f"line {self.broken.line}: {self.broken.cause}"
        return self.broken.message if self.broken else ""

    async def offer(self, text: str | None) -> None:
        """Take a new text. None, when there is none: the built-in defaults hold, if there never was one.

        A text that cannot be read, or cannot be stored now, is kept out and remembered in `broken`; nothing
        is raised for it.
        """
        if text is None:
            self._without_text()
            return
        try:
            platform = self._known.get(config.digest_of(text)) or config.parse(text, self._environment)
            await self.snapshots.keep(platform.digest, text)
        except (ConfigError, KubeError) as error:
            self.broken = error
            log.error("config_broken", code=error.code, cause=error.message)
            return
        for warning in platform.warnings:
            log.warning("config_warning", cause=warning)
        self._known[platform.digest] = platform
        self._text = text
        self.platform, self.broken = platform, None
        log.info("config_in_force", digest=platform.digest)

    def insist(self, file: Path) -> None:
        """Raises HavokError `boots.config.file` when what `file` says is not in force, KubeError when only
        the API server would not store it.
        """
        if isinstance(self.broken, ConfigError):
            raise _useless(file, self.broken) from self.broken
        if self.broken is not None:
            raise self.broken

    def _without_text(self) -> None:
        if self.platform is None:
            self.platform, self.broken = self._known[""], None
        elif self.platform.digest:
            self.broken = UsageError(
                "boots.config.missing",
                "the central config was deleted; its last version stays in force",
                "create it again",
            )
            log.error("config_missing", digest=self.platform.digest)

    async def pinned(self, digest: str) -> Platform | None:
        """The platform of an earlier text; None when it is kept nowhere any more. Raises KubeError."""
        known = self._known.get(digest)
        if known is not None:
            return known
        text = await self.snapshots.fetch(digest)
        if text is None:
            log.warning("config_snapshot_lost", digest=digest)
            return None
        try:
            self._known[digest] = config.parse(text, self._environment)
        except ConfigError as error:
            log.error("config_snapshot_unreadable", digest=digest, cause=error.message)
            return None
        return self._known[digest]

    async def hold(self) -> None:
        """Keep the snapshot of what is in force, until cancelled: a newer text may be broken for days, and
        then nothing but this process names it. For every replica.
        """
        while True:
            await asyncio.sleep(ROUND)
            try:
                if self.platform is not None and self.platform.digest:
                    await self.snapshots.keep(self.platform.digest, self._text)
            except KubeError as error:
                log.warning("config_snapshot_not_kept", cause=error.message)

    async def collect(self) -> None:
        """Remove the snapshots that nothing names, now and then, until cancelled. For the leader."""
        while True:
            await asyncio.sleep(ROUND)
            try:
                await self.snapshots.collect(self.platform.digest if self.platform else "")
            except KubeError as error:
                log.warning("config_snapshots_not_collected", cause=error.message)


def read_file(path: Path) -> str:
    """The text of a config file. Raises UsageError `boots.config.unreadable`."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "boots.config.unreadable",
            f"the central config {path} cannot be read: {error}",
            "name an existing file of UTF-8 text with --config",
            path=str(path), reason=str(error),
        ) from error  # fmt: skip


def text_at_start(path: Path) -> str:
    """The text of the file that an operator shall go by. Raises HavokError `boots.config.file`."""
    try:
        return read_file(path)
    except UsageError as error:
        raise _useless(path, error) from error


def _useless(path: Path, error: HavokError) -> HavokError:
    """A file is named by whoever starts us, so they are told at once; a ConfigMap may be mended later."""
    return HavokError(
        "boots.config.file",
        f"the operator does not start with the config file {path}: {error.message}",
        "correct the file; `havok config check FILE --offline` names every line",
        path=str(path), reason=error.message,
    )  # fmt: skip
