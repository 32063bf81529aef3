"""Through real proxies to the real API server."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest

from havok.clock import utcnow
from havok.kube import Client, KubeError, Limits, Unreachable, certificates
from havok.kube.resources import CONFIGMAPS
from havok.kube.tls import KeyPair, present
from support.controlplane import ControlPlane
from support.proxies import Asked, http_proxy, socks_proxy


def tls_of(plane: ControlPlane) -> ssl.SSLContext:
    leaf = certificates.issue(plane.authority, "proxy", utcnow(), hosts=("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    present(context, KeyPair(leaf.certificate, leaf.key))
    return context


KINDS: dict[str, Callable[[ControlPlane], AbstractAsyncContextManager[Asked]]] = {
    "http": lambda _: http_proxy(),
    "http-with-password": lambda _: http_proxy(login="ann:p4ss"),
    "https": lambda plane: http_proxy(tls=tls_of(plane)),
    "socks5": lambda _: socks_proxy(),
    "socks5-with-password": lambda _: socks_proxy(login="ann:p4ss"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_requests_and_streams_go_through_the_proxy(
    kind: str, control_plane: ControlPlane, namespace: str, client: Client
) -> None:
    async with KINDS[kind](control_plane) as proxy:
        access = msgspec.structs.replace(control_plane.access(), proxy=proxy.url)
        async with Client(access) as behind:
            assert (await behind.version())["major"] == "1"
            async with behind.stream(CONFIGMAPS.path(namespace), {"watch": "true"}) as blocks:
                await client.create(CONFIGMAPS, {"metadata": {"name": "seen"}}, namespace)
                assert b'"seen"' in await anext(blocks)
        assert set(proxy.targets) == {f"127.0.0.1:{control_plane.port}"}


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
async def test_names_are_looked_up_by_the_proxy_and_checked_by_tls_server_name(
    kind: str, control_plane: ControlPlane
) -> None:
    async with KINDS[kind](control_plane) as proxy:
        access = msgspec.structs.replace(
            control_plane.access(), proxy=proxy.url, tls_server_name="kubernetes.default.svc",
            server=f"https://only-the-proxy-knows.invalid:{control_plane.port}",
        )  # fmt: skip
        if kind == "https":
            # The name is asked of the proxy's certificate too, as kubectl does.
            access = msgspec.structs.replace(access, insecure=True, ca=b"")
        async with Client(access) as behind:
            assert (await behind.version())["major"] == "1"
        assert proxy.targets == [f"only-the-proxy-knows.invalid:{control_plane.port}"]


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_the_proxy_of_the_environment_counts_but_not_for_loopback(
    kind: str, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with KINDS[kind](control_plane) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("https_proxy", raising=False)
        async with Client(control_plane.access()) as direct:
            await direct.version()
        assert proxy.targets == []
        far = msgspec.structs.replace(
            control_plane.access(), server=f"https://k8s.invalid:{control_plane.port}", insecure=True, ca=b""
        )
        async with Client(far) as behind:
            await behind.version()
        assert proxy.targets == [f"k8s.invalid:{control_plane.port}"]
        monkeypatch.setenv("NO_PROXY", "k8s.invalid")
        async with Client(far, limits=Limits(tries=1)) as excepted:
            with pytest.raises(Unreachable):
                await excepted.version()


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_proxy_that_refuses_is_told_from_a_server_that_does(
    kind: str, control_plane: ControlPlane
) -> None:
    async with KINDS[kind](control_plane) as proxy:
        proxy.refuse = True
        access = msgspec.structs.replace(control_plane.access(), proxy=proxy.url)
        async with Client(access, limits=Limits(tries=1)) as behind:
            with pytest.raises(Unreachable) as caught:
                await behind.version()
    assert "the proxy failed" in caught.value.message
    assert "proxy-url" in caught.value.hint


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
async def test_a_proxy_that_is_not_there_is_named(scheme: str, control_plane: ControlPlane) -> None:
    access = msgspec.structs.replace(control_plane.access(), proxy=f"{scheme}://me:secret@127.0.0.1:1")
    async with Client(access, limits=Limits(tries=1)) as behind:
        with pytest.raises(Unreachable) as caught:
            await behind.version()
    assert "the proxy failed" in caught.value.message
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("kind", ["http-with-password", "socks5-with-password"])
async def test_a_wrong_password_for_the_proxy_is_said_so(kind: str, control_plane: ControlPlane) -> None:
    async with KINDS[kind](control_plane) as proxy:
        url = proxy.url.replace("ann:p4ss", "ann:wrong")
        access = msgspec.structs.replace(control_plane.access(), proxy=url)
        async with Client(access, limits=Limits(tries=1)) as behind:
            with pytest.raises(KubeError) as caught:
                await behind.version()
    assert caught.value.code == "kube.unreachable"
    assert "proxy" in caught.value.message
    assert "wrong" not in caught.value.message + caught.value.hint


async def test_the_certificate_behind_a_socks_proxy_is_checked(control_plane: ControlPlane) -> None:
    async with socks_proxy() as proxy:
        access = msgspec.structs.replace(control_plane.access(), proxy=proxy.url)
        for wrong, code in (
            (msgspec.structs.replace(access, ca=b""), "kube.tls.untrusted"),
            (msgspec.structs.replace(access, tls_server_name="other.example"), "kube.tls.name"),
        ):
            async with Client(wrong, limits=Limits(tries=1)) as behind:
                with pytest.raises(KubeError) as caught:
                    await behind.version()
            assert caught.value.code == code


async def test_many_connections_at_once_through_a_socks_proxy(control_plane: ControlPlane) -> None:
    async with socks_proxy() as proxy:
        access = msgspec.structs.replace(control_plane.access(), proxy=proxy.url)
        async with Client(access, limits=Limits(connections=3)) as behind:
            await asyncio.gather(*(behind.version() for _ in range(20)))
        assert 1 <= len(proxy.targets) <= 3
