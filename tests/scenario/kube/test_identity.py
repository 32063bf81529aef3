"""Who we are may change while we run: plugins and files. The API server tells whom it saw."""

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from havok.clock import utcnow
from havok.kube import Access, Client, Credentials, KubeError, Unauthorized, certificates
from havok.kube.access import ExecPlugin
from havok.kube.certificates import Signed
from havok.kube.resources import CONFIGMAPS
from support.controlplane import ControlPlane

REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
V1 = "client.authentication.k8s.io/v1"


async def who(client: Client) -> str:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return str((await client.request("POST", path, body=REVIEW))["status"]["userInfo"]["username"])


def access(plane: ControlPlane, **credentials: object) -> Access:
    given = Credentials(**credentials)  # type: ignore[arg-type]
    return Access(server=plane.server, ca=plane.authority.certificate, credentials=given)


class Plugin:
    """A program that prints what is written in `answer`, and counts its runs."""

    def __init__(self, folder: Path, *, version: str = V1) -> None:
        self.answer = folder / "answer"
        self._runs = folder / "runs"
        program = folder / "login"
        program.write_text(f'#!/bin/sh\necho run >> "{self._runs}"\nsleep 0.1\ncat "{self.answer}"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.version = version
        self.credentials = {"plugin": ExecPlugin(command=str(program), api_version=version)}

    @property
    def runs(self) -> int:
        return len(self._runs.read_text().splitlines())

    def will_say(self, **status: str) -> None:
        body = {"apiVersion": self.version, "kind": "ExecCredential", "status": status}
        self.answer.write_bytes(msgspec.json.encode(body))

    def will_give(self, leaf: Signed, **status: str) -> None:
        pair = {"clientCertificateData": leaf.certificate.decode(), "clientKeyData": leaf.key.decode()}
        self.will_say(**pair, **status)


@pytest.mark.parametrize("version", [V1, f"{V1}beta1"])
async def test_a_plugin_runs_once_for_many_requests(
    version: str, control_plane: ControlPlane, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path, version=version)
    plugin.will_say(token="token-of-viewer", expirationTimestamp="2099-01-01T00:00:00Z")
    async with Client(access(control_plane, **plugin.credentials)) as client:
        assert await asyncio.gather(*(who(client) for _ in range(10))) == ["viewer"] * 10
    assert plugin.runs == 1


async def test_a_refused_token_is_fetched_anew_once_for_all(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.will_say(token="ended")
    async with Client(access(control_plane, **plugin.credentials)) as client:
        with pytest.raises(Unauthorized):
            await who(client)
        assert plugin.runs == 2
        plugin.will_say(token="token-of-viewer")
        assert await asyncio.gather(*(who(client) for _ in range(10))) == ["viewer"] * 10
        assert plugin.runs == 3


async def test_a_token_that_has_ended_already_does_not_make_a_run_for_each_request(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.will_say(token="token-of-viewer", expirationTimestamp="2001-01-01T00:00:00Z")
    async with Client(access(control_plane, **plugin.credentials)) as client:
        assert [await who(client) for _ in range(5)] == ["viewer"] * 5
    assert plugin.runs <= 2


async def test_a_plugin_may_print_yaml_as_kubectl_takes_it(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.answer.write_text(f"apiVersion: {V1}\nkind: ExecCredential\nstatus: {{token: token-of-viewer}}\n")
    async with Client(access(control_plane, **plugin.credentials)) as client:
        assert await who(client) == "viewer"


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe\x00", b"[]", b'{"kind"', b"Sign in at https://x", b"null", b'{"status": 1}']
)
async def test_garbage_of_a_plugin_is_not_shown(
    garbage: bytes, control_plane: ControlPlane, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    plugin.answer.write_bytes(garbage)
    async with Client(access(control_plane, **plugin.credentials)) as client:
        with pytest.raises(KubeError) as caught:
            await client.version()
    assert caught.value.code == "kube.plugin.answer"
    assert "Sign in" not in caught.value.message


async def test_a_plugins_certificate_rotates_and_old_streams_live_on(
    control_plane: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path)
    issued = [certificates.issue(control_plane.authority, name, utcnow(), groups=("system:masters",))
              for name in ("before", "after")]  # fmt: skip
    plugin.will_give(issued[0], expirationTimestamp="2001-01-01T00:00:00Z")
    async with Client(access(control_plane, **plugin.credentials)) as changing:
        assert await who(changing) == "before"
        async with changing.stream(CONFIGMAPS.path(namespace), {"watch": "true"}) as blocks:
            plugin.will_give(issued[1])
            await _until(changing, "after")
            await client.create(CONFIGMAPS, {"metadata": {"name": "seen"}}, namespace)
            assert b'"seen"' in await anext(blocks)


async def test_certificate_files_rotate_without_a_restart(
    control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("havok.kube.auth.REREAD", 0.0)
    files = {"certificate_file": str(tmp_path / "crt"), "key_file": str(tmp_path / "key")}

    def place(leaf: Signed) -> None:
        (tmp_path / "crt").write_bytes(leaf.certificate)
        (tmp_path / "key").write_bytes(leaf.key)

    first, second = (certificates.issue(control_plane.authority, name, utcnow()) for name in ("one", "two"))
    place(first)
    async with Client(access(control_plane, **files)) as client:
        assert await who(client) == "one"
        # Between the two writes the files do not fit; the old pair serves until they do.
        (tmp_path / "crt").write_bytes(second.certificate)
        assert await who(client) == "one"
        place(second)
        assert await who(client) == "two"


async def test_a_refused_certificate_is_read_again_at_once(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    strange = certificates.make_authority("strange", utcnow())
    files = {"certificate_file": str(tmp_path / "crt"), "key_file": str(tmp_path / "key")}

    def place(leaf: Signed) -> None:
        (tmp_path / "crt").write_bytes(leaf.certificate)
        (tmp_path / "key").write_bytes(leaf.key)

    place(certificates.issue(strange, "stranger", utcnow()))
    async with Client(access(control_plane, **files)) as client:
        with pytest.raises(Unauthorized):
            await who(client)
        place(certificates.issue(control_plane.authority, "known", utcnow()))
        assert await who(client) == "known"


async def _until(client: Client, name: str) -> None:
    async with asyncio.timeout(10):
        while await who(client) != name:
            pass
