"""What wrong use gets: a code, the cause, and the next step, from real sockets."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from aiohttp import web

from havok.clock import utcnow
from havok.errors import HavokError
from havok.kube import Access, Cache, Client, Credentials, Limits, NotFound, certificates
from havok.kube.access import ExecPlugin
from havok.kube.resources import CONFIGMAPS
from havok.kube.tls import KeyPair, present
from havok.kube.views import PartialObject
from havok.text import explain
from support.controlplane import ControlPlane

AUTHORITY = certificates.make_authority("authority", utcnow() - timedelta(days=400))
PAGE = "<!DOCTYPE html><html><body>Please sign in</body></html>"
ONCE = Limits(tries=1, timeout=5)


async def refused(access: Access, *, limits: Limits = ONCE) -> HavokError:
    """The error of asking for one ConfigMap; clear in both languages."""
    with pytest.raises(HavokError) as caught:
        async with Client(access, limits=limits) as client:
            await client.get(CONFIGMAPS, "x", "default")
    error = caught.value
    for language in ("en", "zh"):
        message, hint = explain(error, language)
        assert message and hint
        assert "{" not in message + hint
    assert explain(error, "zh") != explain(error, "en")
    return error


@asynccontextmanager
async def serving(
    answer: Callable[[web.Request], web.StreamResponse], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Access]:
    """A server on loopback that gives this answer to everything."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    port = runner.addresses[0][1]
    scheme = "https" if tls else "http"
    try:
        yield Access(server=f"{scheme}://127.0.0.1:{port}", ca=AUTHORITY.certificate if tls else b"")
    finally:
        await runner.cleanup()


def server_tls(*, host: str = "127.0.0.1", made: datetime | None = None, days: int = 90) -> ssl.SSLContext:
    leaf = certificates.issue(AUTHORITY, "server", made or utcnow(), hosts=(host,), days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    present(context, KeyPair(leaf.certificate, leaf.key))
    return context


def fine(_: web.Request) -> web.StreamResponse:
    return web.json_response({"metadata": {"name": "x"}})


def login(status: int) -> Callable[[web.Request], web.StreamResponse]:
    headers = {"Location": "https://sso.example/login?rd=secret"} if status in (302, 303, 307) else {}
    return lambda _: web.Response(status=status, text=PAGE, content_type="text/html", headers=headers)


@pytest.mark.parametrize("status", [200, 302, 303, 307, 401, 403])
async def test_a_login_page_is_told_as_one(status: int) -> None:
    async with serving(login(status)) as access:
        error = await refused(access)
    assert (error.code, error.exit_code) == ("kube.login.page", 4)
    assert "Please" not in error.message and "secret" not in error.message
    assert "sign in" in error.hint


async def test_a_web_servers_404_is_not_a_missing_object() -> None:
    async with serving(lambda _: web.Response(status=404, text=PAGE, content_type="text/html")) as access:
        error = await refused(access)
    assert error.code == "kube.server.foreign"
    assert not isinstance(error, NotFound)


async def test_a_cache_behind_a_login_page_never_believes_that_there_is_nothing() -> None:
    async with serving(login(200)) as access, Client(access) as client:
        cache = Cache(client, CONFIGMAPS, view=PartialObject, retry=(0.01, 0.02))
        running = asyncio.create_task(cache.run())
        with pytest.raises(HavokError) as caught:
            await cache.synced(timeout=1)
        running.cancel()
        await asyncio.wait({running})
    assert caught.value.code == "kube.cache.unsynced"
    assert "web page" in caught.value.message


async def test_a_gateways_error_page_is_the_gateways_trouble() -> None:
    async with serving(lambda _: web.Response(status=502, text=PAGE, content_type="text/html")) as access:
        assert (await refused(access)).code == "kube.unavailable"


async def test_a_server_certificate_of_the_wrong_time_asks_for_a_look_at_the_clock() -> None:
    for made, code in ((utcnow() - timedelta(days=30), "expired"), (utcnow() + timedelta(days=2), "early")):
        async with serving(fine, server_tls(made=made, days=10)) as access:
            error = await refused(access)
        assert error.code == f"kube.tls.{code}"
        assert f"{utcnow():%Y-%m-%d}" in error.message
        assert "clock" in error.hint


async def test_a_server_certificate_of_another_name_or_authority() -> None:
    async with serving(fine, server_tls(host="other.example")) as access:
        assert (await refused(access)).code == "kube.tls.name"
        other = certificates.make_authority("other", utcnow())
        error = await refused(msgspec.structs.replace(access, ca=other.certificate))
    assert error.code == "kube.tls.untrusted"


async def test_http_at_an_https_port_and_the_other_way_round(control_plane: ControlPlane) -> None:
    async with serving(fine) as access:
        plain = msgspec.structs.replace(access, server=access.server.replace("http:", "https:"))
        assert (await refused(plain)).code == "kube.tls.plain"
    wrong = Access(server=control_plane.server.replace("https:", "http:"))
    assert (await refused(wrong)).code == "kube.server.https"


async def test_a_client_certificate_that_ended_is_told_with_its_end(control_plane: ControlPlane) -> None:
    leaf = certificates.issue(control_plane.authority, "ann", utcnow() - timedelta(days=9), days=3)
    credentials = Credentials(certificate=leaf.certificate, key=leaf.key)
    access = Access(
        server=control_plane.server, ca=control_plane.authority.certificate, credentials=credentials
    )
    error = await refused(access)
    assert (error.code, error.exit_code) == ("kube.credential.expired", 4)
    assert f"{utcnow() - timedelta(days=6):%Y-%m-%d}" in error.message


def jwt(**claims: float) -> str:
    head, body = (base64.urlsafe_b64encode(msgspec.json.encode(part)).decode().rstrip("=")
                  for part in ({"alg": "none"}, claims))  # fmt: skip
    return f"{head}.{body}.signature"


async def test_a_token_that_ended_is_told_with_its_end(control_plane: ControlPlane) -> None:
    token = jwt(exp=datetime(2020, 2, 3, tzinfo=UTC).timestamp())
    access = msgspec.structs.replace(control_plane.access(), credentials=Credentials(token=token))
    error = await refused(access)
    assert error.code == "kube.credential.expired"
    assert "2020-02-03" in error.message
    assert token not in error.message


async def test_a_token_that_is_just_wrong_is_not_called_ended(control_plane: ControlPlane) -> None:
    for token in ("nobody", jwt(exp=4e9), "a.b.c", "..", jwt()):
        access = msgspec.structs.replace(control_plane.access(), credentials=Credentials(token=token))
        assert (await refused(access)).code == "kube.unauthorized"


async def test_a_clock_that_is_off_is_named(control_plane: ControlPlane) -> None:
    def unauthorized(_: web.Request) -> web.StreamResponse:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        return web.json_response({"reason": "Unauthorized"}, status=401, headers={"Date": date})

    async with serving(unauthorized) as access:
        error = await refused(access)
    assert error.code == "kube.clock.skew"
    assert "+60 min" in error.message


async def test_nobody_there_and_no_such_name() -> None:
    assert "refused" in (await refused(Access(server="https://127.0.0.1:1"))).message
    assert "resolved" in (await refused(Access(server="https://no-such-host.invalid"))).message


async def test_a_plugin_that_is_not_installed_brings_its_own_advice(control_plane: ControlPlane) -> None:
    plugin = ExecPlugin(command="no-such-program-1234", install_hint="see https://example.org/login")
    access = msgspec.structs.replace(control_plane.access(), credentials=Credentials(plugin=plugin))
    error = await refused(access)
    assert error.code == "kube.plugin.missing"
    assert error.hint == "see https://example.org/login"
