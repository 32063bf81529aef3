"""kubectl against the test's API server, as an administrator."""

import asyncio
import json
import subprocess
from pathlib import Path

from havok.codec import Json
from support.binaries import binary
from support.controlplane import ControlPlane


class Kubectl:
    """`run` gives standard output; `refused` what is printed when the server says no."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        access = plane.access()
        identity = access.credentials
        for name, data in (("ca", access.ca), ("crt", identity.certificate), ("key", identity.key)):
            (folder / name).write_bytes(data or b"")
        self._base = [
            str(binary("kubectl")), f"--server={plane.server}", f"--cache-dir={folder / 'cache'}",
            f"--certificate-authority={folder / 'ca'}", f"--client-certificate={folder / 'crt'}",
            f"--client-key={folder / 'key'}",
        ]  # fmt: skip

    async def run(self, *words: str, body: Json | None = None) -> str:
        """Standard output; `body`, when given, is standard input."""
        done = await self._done(*words, stdin=json.dumps(body) if body else "")
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def refused(self, *words: str, body: Json) -> str:
        """What is printed when the server does not take `body`."""
        done = await self._done(*words, "-f", "-", stdin=json.dumps(body))
        assert done.returncode != 0, done.stdout
        return done.stderr.rstrip("\n")

    async def _done(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Off the loop, since the webhook that is asked runs on it."""
        return await asyncio.to_thread(
            subprocess.run, [*self._base, *words], input=stdin, capture_output=True, text=True, check=False
        )
