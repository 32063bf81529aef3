"""The central config that is in force, and every older one that some workload still runs on.

Each accepted text is kept once, in an immutable ConfigMap named after its digest, so that a workload can be
rendered again from the config it was made from. A text that cannot be read changes nothing: the last good
one stays in force, and `broken` says what is wrong. While there never was a good one, `platform` is None and
nobody renders anything.
"""

from pathlib import Path
from typing import Final

from havok.boots import config
from havok.boots.config import KEY, Platform
from havok.codec import Json
from havok.errors import HavokError, UsageError
from havok.kube import AlreadyExists, Client, NotFound
from havok.kube.resources import CONFIGMAPS
from havok.kube.views import ConfigMap
from havok.log import get_logger

PREFIX: Final = "logan-app-config-"
LABEL: Final = "havok/config-snapshot"

log = get_logger("boots.central")


class Central:
    """The config of one environment. `offer` is told each new text; everybody else reads."""

    def __init__(self, client: Client, namespace: str, environment: str) -> None:
        self._client = client
        self._namespace = namespace
        self._environment = environment
        self._known: dict[str, Platform] = {"": config.built_in(environment)}
        self.platform: Platform | None = None
        """What deploying changes are rendered from; None while there is nothing to go by."""
        self.broken: HavokError | None = None
        """Why the newest text is not in force."""

    @property
    def refusal(self) -> str:
        """What is answered to whoever needs a config while `platform` is None."""
        reason = self.broken.message.removeprefix("central config, ") if self.broken else "there is none yet"
        return f"central config is broken, {reason}; nothing was changed"

    async def offer(self, text: str | None) -> None:
        """Take a new text. None, when there is none: the built-in defaults hold, if there never was one.

        A text that cannot be read is kept out and remembered in `broken`; nothing is raised for it.
        """
        if text is None:
            self._without_text()
            return
        try:
            platform = self._known.get(config.digest_of(text)) or config.parse(text, self._environment)
        except UsageError as error:
            self.broken = error
            log.error("config_broken", code=error.code, cause=error.message)
            return
        for warning in platform.warnings:
            log.warning("config_warning", cause=warning)
        await self._keep(platform.digest, text)
        self._known[platform.digest] = platform
        self.platform, self.broken = platform, None
        log.info("config_in_force", digest=platform.digest)

    def _without_text(self) -> None:
        if self.platform is None:
            self.platform = self._known[""]
        elif self.platform.digest:
            self.broken = UsageError(
                "boots.config.missing",
                "the central config was deleted; its last version stays in force",
                "create it again",
            )
            log.error("config_missing", digest=self.platform.digest)

    async def pinned(self, digest: str) -> Platform | None:
        """The platform of an earlier text; None when it is kept nowhere any more."""
        known = self._known.get(digest)
        if known is not None:
            return known
        try:
            kept = await self._client.get(CONFIGMAPS, PREFIX + digest, self._namespace, view=ConfigMap)
        except NotFound:
            log.warning("config_snapshot_lost", digest=digest)
            return None
        text = (kept.data or {}).get(KEY, "")
        if config.digest_of(text) != digest:
            log.warning("config_snapshot_changed", digest=digest)
            return None
        self._known[digest] = config.parse(text, self._environment)
        return self._known[digest]

    async def _keep(self, digest: str, text: str) -> None:
        name = PREFIX + digest
        try:
            await self._client.get(CONFIGMAPS, name, self._namespace, view=ConfigMap)
        except NotFound:
            try:
                await self._client.create(CONFIGMAPS, _snapshot(name, self._namespace, text))
            except AlreadyExists:
                log.debug("config_snapshot_kept_by_another", digest=digest)


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


def _snapshot(name: str, namespace: str, text: str) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}},
        "immutable": True,
        "data": {KEY: text},
    }
