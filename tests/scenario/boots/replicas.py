"""Two operators of one environment behind one address, as a Service puts them."""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from havok.boots.names import PREFIX
from havok.codec import Json, decode_json
from havok.kube.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from scenario.boots.stage import Cluster


class Balancer:
    """Leads each connection to the next replica that answers."""

    def __init__(self, *ports: int) -> None:
        self._ports = deque(ports)

    @asynccontextmanager
    async def serve(self, port: int) -> AsyncIterator[None]:
        """Listen until the block ends."""
        async with await asyncio.start_server(self._lead, "127.0.0.1", port):
            yield

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await self._connect()
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, back))
            group.create_task(_pump(there, writer))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self._ports:
            self._ports.rotate(1)
            try:
                return await asyncio.open_connection("127.0.0.1", self._ports[0])
            except OSError:
                continue
        raise OSError


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def wired(cluster: Cluster) -> AsyncIterator[None]:
    """Take the webhook configurations away at the end."""
    try:
        yield
    finally:
        names = ("logan-app-webhook-mutation", "logan-app-webhook-validation")
        for resource, name in zip((MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS), names, strict=True):
            await cluster.client.delete(resource, name)


async def env_of(port: int, namespace: str, name: str = "probe") -> dict[str, str]:
    """The env that the replica on this port fills into a new Boot; asked by us, as the API server would."""
    review = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1", "operation": "CREATE", "namespace": namespace, "name": name, "dryRun": True,
            "kind": {"group": PREFIX.rstrip("/"), "version": "v1", "kind": "JavaBoot"},
            "resource": {"group": PREFIX.rstrip("/"), "version": "v1", "resource": "javaboots"},
            "userInfo": {"username": "admin"},
            "object": {"metadata": {"name": name}, "spec": {"image": "a", "version": "1"}},
        },
    }  # fmt: skip
    answer = await _post(f"https://127.0.0.1:{port}/boot-mutator", review)
    patch = msgspec.json.decode(base64.b64decode(answer["response"]["patch"]))
    said: list[Json] = next((one["value"] for one in patch if one["path"] == "/spec/env"), [])
    return {one["name"]: one["value"] for one in said}


async def _post(url: str, body: Json) -> Json:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
        session.post(url, json=body) as response,
    ):
        found: Json = decode_json(await response.read())
        return found
