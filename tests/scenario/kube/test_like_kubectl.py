"""What kubectl accepts works, and what it refuses gets a clear error.

Each odd kubeconfig is given to the real kubectl and to us, and both ask the same API server for something
that nobody here may see. So the server's refusal tells who it took us for and which namespace was asked for.
"""

import asyncio
import base64
import os
import re
import stat
import textwrap
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from havok.clock import utcnow
from havok.errors import HavokError
from havok.kube import Client, Forbidden, Limits, certificates, load_access
from havok.kube.resources import CLUSTERROLEBINDINGS, CLUSTERROLES, CONFIGMAPS
from havok.text import explain
from support.binaries import binary
from support.controlplane import ControlPlane

from .odd_kubeconfigs import ROWS, Odd

SENTENCE = re.compile(r'User "(.*?)" cannot list resource "configmaps".* in the namespace "(.*?)"')
LOGIN = """#!/bin/sh
version=$(echo "$KUBERNETES_EXEC_INFO" | sed 's/.*"apiVersion":"\\([^"]*\\)".*/\\1/')
cat <<END
{"apiVersion": "$version", "kind": "ExecCredential", "status": {"token": "token-of-${WHO:-viewer}"}}
END
"""


class Stage:
    """A folder with the files that the rows speak of, and what their placeholders mean."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.folder = folder
        leaf = certificates.issue(plane.authority, "certain", utcnow())
        self._files = {
            "ca.crt": plane.authority.certificate, "me.crt": leaf.certificate, "me.key": leaf.key,
            "viewer-token": b"token-of-viewer\n", "empty": b"", "login": LOGIN.encode(),
        }  # fmt: skip
        self._words = {
            "@SERVER@": plane.server, "@HOST@": f"127.0.0.1:{plane.port}", "@PORT@": str(plane.port),
            "@CA64@": _base64("ca.crt", self._files), "@CRT64@": _base64("me.crt", self._files),
            "@KEY64@": _base64("me.key", self._files),
        }  # fmt: skip
        lines = "\n".join(textwrap.wrap(self._words["@CA64@"], 64))
        self._words["@CA64LINES@"] = textwrap.indent(lines, "      ")

    def lay_out(self, row: Odd) -> tuple[Path, str]:
        """The row's files in a folder of their own; the folder and $KUBECONFIG."""
        folder = self.folder / row.name
        for name, content in {**self._files, **row.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._filled(content))
        program = folder / "login"
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        named = row.listed.split(":") if row.listed else [next(iter(row.files))]
        return folder, ":".join(str(folder / name) if name else "" for name in named)

    def _filled(self, content: str | bytes) -> bytes:
        data = content.encode() if isinstance(content, str) else content
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        for word, meaning in self._words.items():
            code = "utf-16-le" if wide else "utf-8"
            data = data.replace(word.encode(code), meaning.encode(code))
        return data


def _base64(name: str, files: Mapping[str, bytes]) -> str:
    return base64.b64encode(files[name]).decode()


@pytest.fixture(scope="module")
async def stage(
    control_plane: ControlPlane, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Files for all rows, and a user `certain` who may act as others and nothing else."""
    rules = [
        {"apiGroups": [""], "resources": ["users", "groups"], "verbs": ["impersonate"]},
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["uids", "userextras/team"],
            "verbs": ["impersonate"],
        },
    ]
    role = {"metadata": {"name": "certain"}, "rules": rules}
    await client.apply(CLUSTERROLES, role, field_manager="test")
    binding = {
        "metadata": {"name": "certain"},
        "subjects": [{"kind": "User", "name": "certain", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": "certain", "apiGroup": "rbac.authorization.k8s.io"},
    }
    await client.apply(CLUSTERROLEBINDINGS, binding, field_manager="test")
    yield Stage(control_plane, tmp_path_factory.mktemp("odd"))


def environment(folder: Path, listed: str) -> dict[str, str]:
    """Nothing of this machine but PATH."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "KUBECONFIG": listed}


async def as_kubectl(folder: Path, listed: str, row: Odd, cache: Path) -> tuple[str, str]:
    """(user and namespace, or nothing when it refuses; its own words)."""
    arguments = ["get", "configmaps", f"--cache-dir={cache}", "--request-timeout=10s"]
    if not row.listed:
        arguments.append(f"--kubeconfig={listed}")
    if row.context:
        arguments.append(f"--context={row.context}")
    process = await asyncio.create_subprocess_exec(
        binary("kubectl"), *arguments, env=environment(folder, listed), cwd=folder,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said = (await process.communicate())[0].decode("utf-8", "replace")
    found = SENTENCE.search(said)
    return ("/".join(found.groups()) if found else ""), said


async def as_havok(folder: Path, listed: str, row: Odd) -> tuple[str, HavokError | None]:
    """(user and namespace, or nothing; the error)."""
    environ = environment(folder, listed)
    try:
        access = load_access(None if row.listed else listed, row.context or None, environ=environ)
        async with Client(access, limits=Limits(tries=1)) as client:
            await client.list(CONFIGMAPS, access.namespace)
    except Forbidden as error:
        found = SENTENCE.search(error.message)
        return ("/".join(found.groups()) if found else ""), error
    except HavokError as error:
        return "", error
    pytest.fail("nobody may list ConfigMaps here")


def assert_clear(error: HavokError) -> None:
    """Code, cause and next step, in both languages, without a secret in them."""
    for language in ("en", "zh"):
        message, hint = explain(error, language)
        assert message and hint
        assert "token-of" not in message + hint
    assert error.code.startswith("kube.")
    assert error.exit_code


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_an_odd_kubeconfig_is_taken_as_kubectl_takes_it(row: Odd, stage: Stage) -> None:
    folder, listed = stage.lay_out(row)
    (theirs, said), (ours, error) = await asyncio.gather(
        as_kubectl(folder, listed, row, stage.folder / "cache"), as_havok(folder, listed, row)
    )
    if not ours:
        assert error is not None
        assert_clear(error)
    if row.differs:
        assert ours != theirs, "the difference is gone"
        return
    assert ours == theirs, f"kubectl said: {said}\nwe said: {error!r}"
