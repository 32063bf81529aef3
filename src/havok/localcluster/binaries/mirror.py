"""Taking published binaries from the Kubernetes release site, or a mirror of it, instead of building.

    <mirror>/release/v1.37.2/bin/linux/amd64/kubelet          the binary
    <mirror>/release/v1.37.2/bin/linux/amd64/kubelet.sha512   its sum: 128 hexadecimal digits

A mirror that does not answer costs its timeout and no word. One that answers, and then fails, is left for
the rest of the run with the reason told: building is always the way out. What was downloaded so far is kept,
and asked to be continued by the next run. Nothing gets its name before its sum is right.
"""

import errno
import hashlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from havok.errors import UsageError
from havok.localcluster.binaries.table import MIB, Binary
from havok.localcluster.binaries.thread import in_thread

CHUNK: Final = MIB // 4


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a download is.

    `answer`: seconds to the first answer. `silence`: seconds without a byte. `rate`: bytes a second that
    must be reached once `patience` seconds have gone by, below which building is the quicker way.
    `attempts`: connections for one file, each going on where the last was cut.
    """

    answer: float = 3.0
    silence: float = 15.0
    rate: int = 1 * MIB
    patience: float = 15.0
    attempts: int = 3


_OURS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO})
"""Refusals of our own disk, which are not the mirror's fault."""


class MirrorFailedError(Exception):
    """The mirror is of no use: `why` is `cut`, `slow`, `checksum`, `version` or `failed`.

    Never leaves this package: building follows.
    """

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(f"{why} {detail}".strip())
        self.why = why
        self.detail = detail


class Mirror:
    """One release site. `usable` turns False at its first failure."""

    def __init__(self, base: str, limits: Limits) -> None:
        if base and not base.startswith(("http://", "https://")):
            raise UsageError(
                "binaries.mirror.invalid",
                f"the mirror {base} is not an http:// or https:// address",
                "correct the setting cluster.mirror, or make it empty to always build",
                mirror=base,
            )
        self._base = base.rstrip("/")
        self._limits = limits
        self.usable = bool(base)
        self.answered = False

    async def offers(self, binary: Binary) -> str | None:
        """The published SHA-512 of `binary`, hexadecimal; None where building is the way.

        Takes at most `Limits.answer` seconds, name look-up included. Raises MirrorFailedError when a mirror
        that has answered before does not now.
        """
        path = binary.release_path()
        if not self.usable or path is None:
            return None
        try:
            text = await in_thread(lambda stop: self._read_sum(path), limit=self._limits.answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.usable = False
            if not self.answered:
                return None
            raise MirrorFailedError("failed", _reason(error)) from error
        self.answered = True
        return text

    async def fetch(self, binary: Binary, digest: str, part: Path, told: Callable[[int, int], None]) -> None:
        """Download `binary` into `part` and check it; `told` hears each second how many bytes of how many
        (0: unknown) are there.

        Raises MirrorFailedError; OSError when `part` cannot be written.
        """
        download = _Download(f"{self._base}/{binary.release_path()}", part, self._limits)
        try:
            await in_thread(download.run, tick=lambda: told(download.done, download.total))
            await in_thread(lambda stop: _check(part, digest))
        except MirrorFailedError:
            self.usable = False
            raise

    def _read_sum(self, path: str) -> str:
        with _open(f"{self._base}/{path}.sha512", self._limits.answer) as answer:
            words = answer.read(4096).decode("ascii", errors="replace").split()
        if not words or len(words[0]) != 128 or set(words[0].lower()) - set("0123456789abcdef"):
            raise ValueError("no SHA-512 sum is published")
        return str(words[0].lower())


class _Download:
    """One file, over several connections if it must be. `run` is for a thread; the figures may be read."""

    def __init__(self, url: str, part: Path, limits: Limits) -> None:
        self.done = 0
        self.total = 0
        self._url = url
        self._part = part
        self._limits = limits
        self._start = time.monotonic()
        self._received = 0

    def run(self, stop: threading.Event) -> None:
        """Download to the end. Raises MirrorFailedError, or OSError of our own disk."""
        failure = MirrorFailedError("cut")
        for _ in range(self._limits.attempts):
            try:
                if self._attempt(stop):
                    return
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, OSError) and error.errno in _OURS:
                    raise
                failure = MirrorFailedError("failed", _reason(error))
                if isinstance(error, urllib.error.HTTPError):
                    break
        raise failure

    def _attempt(self, stop: threading.Event) -> bool:
        """One connection; whether the file is whole afterwards."""
        self.done = self._part.stat().st_size if self._part.exists() else 0
        with self._connect() as answer:
            if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                self.done = 0
            length = answer.headers.get("Content-Length")
            self.total = self.done + int(length) if length else 0
            with self._part.open("ab" if self.done else "wb") as file:
                while chunk := answer.read1(CHUNK):  # `read` would wait for a full chunk
                    self._pace(len(chunk), stop)
                    file.write(chunk)
                    self.done += len(chunk)
        return not self.total or self.done == self.total

    def _connect(self) -> http.client.HTTPResponse:
        try:
            return _open(self._url, self._limits.silence, start=self.done)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            self._part.unlink()  # longer than the file there is: of another one
            self.done = 0
            return _open(self._url, self._limits.silence)

    def _pace(self, size: int, stop: threading.Event) -> None:
        if stop.is_set():
            raise MirrorFailedError("cut")
        self._received += size
        seconds = time.monotonic() - self._start
        if seconds > self._limits.patience and self._received < self._limits.rate * seconds:
            raise MirrorFailedError("slow")


def _open(url: str, timeout: float, *, start: int = 0) -> http.client.HTTPResponse:
    headers = {"User-Agent": "havok", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        return urllib.request.urlopen(request, timeout=timeout)  # type: ignore[no-any-return]  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _check(part: Path, digest: str) -> None:
    with part.open("rb") as file:
        have = hashlib.file_digest(file, "sha512").hexdigest()
    if have != digest:
        part.unlink()
        raise MirrorFailedError("checksum")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
