"""Every refusal has its class, its code, and its words in both languages."""

import asyncio
import re
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

import havok.kube
from havok.errors import HavokError
from havok.kube import Access, Client, Limits, Unreachable
from havok.kube.errors import (
    AlreadyExists,
    Conflict,
    Denied,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    TimedOut,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    from_body,
)
from havok.kube.lines import LineSplitter
from havok.text import catalogue, explain


def body(code: int, reason: str, message: str = "in words") -> bytes:
    return msgspec.json.encode({"kind": "Status", "code": code, "reason": reason, "message": message})


@pytest.mark.parametrize(
    ("code", "reason", "kind", "exit_code"),
    [
        (400, "BadRequest", Invalid, 2),
        (401, "Unauthorized", Unauthorized, 4),
        (403, "Forbidden", Forbidden, 4),
        (404, "NotFound", NotFound, 3),
        (409, "Conflict", Conflict, 5),
        (409, "AlreadyExists", AlreadyExists, 5),
        (410, "Gone", Gone, 1),
        (410, "Expired", Gone, 1),
        (422, "Invalid", Invalid, 2),
        (429, "TooManyRequests", TooManyRequests, 1),
        (500, "InternalError", Unavailable, 1),
        (503, "ServiceUnavailable", Unavailable, 1),
        (504, "Timeout", TimedOut, 6),
        (418, "Teapot", KubeError, 1),
    ],
)
def test_a_status_becomes_its_class(code: int, reason: str, kind: type[KubeError], exit_code: int) -> None:
    error = from_body(code, body(code, reason))
    assert type(error) is kind
    assert (error.status, error.reason, error.message) == (code, reason, "in words")
    assert error.exit_code == exit_code
    assert error.hint
    assert "in words" in explain(error, "zh")[0]


def test_a_webhooks_refusal_is_its_own_class() -> None:
    message = 'admission webhook "v.app" denied the request: no'
    assert type(from_body(403, body(403, "Forbidden", message))) is Denied


def test_the_servers_patience_is_kept() -> None:
    details = {"details": {"retryAfterSeconds": 7}}
    assert from_body(429, msgspec.json.encode(details)).retry_after == 7
    assert from_body(429, b"{}", retry_after=3).retry_after == 3


@pytest.mark.parametrize("text", [b"", b"<html>bad gateway</html>", b"\xff\xfe", b"[1]"])
def test_a_body_that_is_no_status_is_quoted(text: bytes) -> None:
    error = from_body(502, text, verb="GET", path="/version")
    assert isinstance(error, Unavailable)
    assert error.message
    assert len(error.message) < 400


def test_every_code_has_chinese_words() -> None:
    folder = Path(havok.kube.__file__).parent
    sources = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    codes = set(re.findall(r'"(kube(?:\.[a-z]+)+)",\s*\n?\s*f?"', sources))
    codes |= set(re.findall(r'"(kube(?:\.[a-z]+)+)": "', sources))
    codes |= {f"kube.plugin.{kind}" for kind in re.findall(r'_error\(plugin, "([a-z]+)"', sources)}
    assert len(codes) > 30
    assert codes - set(catalogue("kube", "zh")["errors"]) == set()


@pytest.mark.parametrize(
    ("server", "words"),
    [("https://127.0.0.1:1", "refused"), ("https://no-such-host.invalid", "resolved")],
)
async def test_an_unreachable_server_says_which_why_and_what_next(server: str, words: str) -> None:
    async with Client(Access(server=server)) as client:
        with pytest.raises(Unreachable) as caught:
            await client.version()
    assert caught.value.code == "kube.unreachable"
    assert server in caught.value.message
    assert words in caught.value.message
    assert caught.value.hint
    assert server in explain(caught.value, "zh")[0]


async def test_a_server_that_never_answers_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    access = Access(server=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, Client(access, limits=Limits(timeout=0.2)) as client:
        with pytest.raises(TimedOut) as caught:
            await client.version()
    assert caught.value.exit_code == 6


async def test_a_port_that_speaks_no_tls_is_said_so() -> None:
    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(Access(server=f"https://127.0.0.1:{port}", insecure=True)) as client:
        with pytest.raises(KubeError) as caught:
            await client.version()
    assert caught.value.code == "kube.tls.plain"


async def test_a_client_that_is_not_open_is_a_defect() -> None:
    with pytest.raises(RuntimeError):
        await Client(Access(server="http://127.0.0.1:1")).version()


def test_an_unknown_proxy_scheme_is_refused_without_its_password() -> None:
    with pytest.raises(HavokError) as caught:
        Client(Access(server="https://k8s.example", proxy="socks4://me:secret@proxy:1080"))
    assert caught.value.code == "kube.proxy.unsupported"
    assert "secret" not in caught.value.message


@given(
    lines=st.lists(st.binary(min_size=1).filter(lambda line: b"\n" not in line and line.strip() == line)),
    data=st.data(),
)
def test_lines_come_out_whole_however_the_blocks_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter()
    found: list[bytes] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == lines


def test_a_line_without_end_is_refused() -> None:
    splitter = LineSplitter(longest=10)
    assert [*splitter.feed(b"123456")] == []
    with pytest.raises(KubeError) as caught:
        [*splitter.feed(b"789012")]
    assert caught.value.code == "kube.watch.line"


def test_a_body_without_the_shape_of_its_kind_is_the_senders_fault() -> None:
    """The API server answers 500 to two items of one key, and would do so for ever."""
    words = 'failed to create typed patch object (a/b): .spec: duplicate entries for key [name="app"]'
    error = from_body(500, body(500, "", words))
    assert isinstance(error, Invalid)
    assert error.status == 422
