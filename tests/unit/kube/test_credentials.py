"""Credentials that are run, read and renewed."""

import io
import stat
from pathlib import Path

import msgspec
import pytest

from havok.clock import utcnow
from havok.errors import HavokError
from havok.kube import certificates
from havok.kube.auth import Authenticator
from havok.kube.kubeconfig import Access, Credentials, ExecPlugin
from havok.kube.tls import KeyPair, TlsSource, build_context

PLUGIN = """#!/bin/sh
echo run >> "$RUNS"
echo "$KUBERNETES_EXEC_INFO" > "$RUNS.info"
{body}
"""
ANSWER = """cat <<END
{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {status}}}
END"""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


def plugin_access(folder: Path, body: str, **fields: object) -> Access:
    program = folder / "login"
    program.write_text(PLUGIN.format(body=body))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    plugin = ExecPlugin(command=str(program), env={"RUNS": str(folder / "runs")}, **fields)  # type: ignore[arg-type]
    return Access(server="https://k8s.example", ca=b"CA", credentials=Credentials(plugin=plugin))


def answer(status: str) -> str:
    return ANSWER.format(status=status)


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


async def test_a_plugin_runs_once_until_its_token_ends(tmp_path: Path) -> None:
    clock = Clock()
    body = answer('{"token": "t1", "expirationTimestamp": "2001-09-09T02:00:00Z"}')
    auth = Authenticator(plugin_access(tmp_path, body), now=clock)
    identity = await auth.identity()
    assert (await auth.identity()) is identity
    assert (identity.authorization, runs(tmp_path)) == ("Bearer t1", 1)
    assert "t1" not in repr(identity)
    clock.now += 3600
    await auth.identity()
    assert runs(tmp_path) == 2
    auth.refuse(identity)
    await auth.identity()
    assert runs(tmp_path) == 2


async def test_a_refused_token_makes_the_plugin_run_again(tmp_path: Path) -> None:
    auth = Authenticator(plugin_access(tmp_path, answer('{"token": "t"}')))
    assert auth.renewable
    auth.refuse(await auth.identity())
    await auth.identity()
    assert runs(tmp_path) == 2


async def test_a_plugin_may_give_a_certificate_and_ask_about_the_cluster(tmp_path: Path) -> None:
    body = answer('{"clientCertificateData": "CERT", "clientKeyData": "KEY"}')
    access = plugin_access(tmp_path, body, provide_cluster_info=True)
    identity = await Authenticator(access).identity()
    assert identity.pair == KeyPair(b"CERT", b"KEY")
    info = msgspec.json.decode((tmp_path / "runs.info").read_bytes())
    assert info["spec"]["cluster"]["server"] == "https://k8s.example"
    assert info["spec"]["interactive"] is False


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("echo you must sign in >&2; exit 3", "kube.plugin.failed", "exit code 3: you must sign in"),
        ("echo hello", "kube.plugin.answer", "did not print"),
        (answer("{}"), "kube.plugin.answer", "no token"),
        (answer('{"clientCertificateData": "X"}'), "kube.plugin.answer", "without its key"),
        ('echo \'{"apiVersion": "x/v1", "kind": "ExecCredential"}\'', "kube.plugin.answer", "instead of"),
    ],
)
async def test_a_plugin_that_fails_is_explained(tmp_path: Path, body: str, code: str, words: str) -> None:
    with pytest.raises(HavokError) as caught:
        await Authenticator(plugin_access(tmp_path, body)).identity()
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.hint


async def test_a_plugin_that_is_not_there_tells_how_to_get_it() -> None:
    plugin = ExecPlugin(command="no-such-program-1234", install_hint="install it from the portal")
    access = Access(server="https://x", credentials=Credentials(plugin=plugin))
    with pytest.raises(HavokError) as caught:
        await Authenticator(access).identity()
    assert (caught.value.code, caught.value.hint) == ("kube.plugin.missing", "install it from the portal")


async def test_a_plugin_that_needs_a_terminal_is_not_run_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = plugin_access(tmp_path, answer('{"token": "t"}'), interactive_mode="Always")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(HavokError) as caught:
        await Authenticator(access).identity()
    assert caught.value.code == "kube.plugin.terminal"


async def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "token"
    file.write_text("one\n")
    auth = Authenticator(Access(server="x", credentials=Credentials(token_file=str(file))), now=clock)
    assert (await auth.identity()).authorization == "Bearer one"
    file.write_text("two\n")
    assert (await auth.identity()).authorization == "Bearer one"
    clock.now += 61
    assert (await auth.identity()).authorization == "Bearer two"
    file.unlink()
    clock.now += 61
    with pytest.raises(HavokError) as caught:
        await auth.identity()
    assert caught.value.code == "kube.credential.file"


async def test_a_name_and_a_password_are_basic() -> None:
    given = Credentials(username="ann", password="p:w")
    identity = await Authenticator(Access(server="x", credentials=given)).identity()
    assert identity.authorization == "Basic YW5uOnA6dw=="


def test_a_tls_context_is_kept_until_something_changes(tmp_path: Path) -> None:
    authority = certificates.make_authority("one", utcnow())
    other = certificates.make_authority("two", utcnow())
    leaf = certificates.issue(authority, "me", utcnow())
    file = tmp_path / "ca.crt"
    file.write_bytes(authority.certificate)
    source = TlsSource(Access(server="x", ca_file=str(file)))
    pair = KeyPair(leaf.certificate, leaf.key)
    first = source.context(pair)
    assert source.context(KeyPair(leaf.certificate, leaf.key)) is first
    assert source.context(None) is not first
    again = source.context(pair)
    file.write_bytes(other.certificate)
    assert source.context(pair) is not again


@pytest.mark.parametrize("pair", [KeyPair(b"not PEM", b"x"), None])
def test_certificates_that_cannot_be_used_are_said_so(pair: KeyPair | None) -> None:
    with pytest.raises(HavokError) as caught:
        build_context(b"" if pair else b"not PEM", pair)
    assert caught.value.code == "kube.tls.unusable"
