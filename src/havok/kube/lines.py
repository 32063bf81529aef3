"""Cutting a stream of blocks into lines."""

from collections.abc import Iterator
from typing import Final

from havok.kube.errors import KubeError

LONGEST: Final = 16 << 20
"""Bytes. The API server refuses objects beyond 3 MiB, etcd beyond 1.5, so an honest one never meets this."""


class LineSplitter:
    """Feed blocks, get whole lines without their ends; empty lines are left out."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, block: bytes) -> Iterator[bytes]:
        """The lines that `block` completes. Raises KubeError `kube.watch.line` when one grows too long."""
        *whole, tail = block.split(b"\n")
        if whole and self._parts:
            whole[0] = b"".join((*self._parts, whole[0]))
            self._parts, self._held = [], 0
        yield from filter(None, map(bytes.strip, whole))
        if tail:
            self._keep(tail)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._held += len(part)
        if self._held > self._longest:
            raise KubeError(
                "kube.watch.line",
                f"a line of the stream is longer than {self._longest} bytes",
                "find the object that is so large; the watch goes on without it",
                limit=self._longest,
            )
