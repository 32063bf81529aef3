"""Kind to the server: few first states at once, bounded connections, and waiting as long as it asks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from havok.kube import Access, Cache, Client, Impersonation, KubeError, Limits, TooManyRequests, Unavailable
from havok.kube.resources import CLUSTERROLES, CONFIGMAPS, NAMESPACES, PODS, SECRETS, SERVICES
from havok.kube.throttle import Pass
from havok.kube.views import PartialObject
from support.controlplane import ControlPlane
from support.observed import Turn, running

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Watched(Client):
    """Counts who reads a first state at the moment."""

    inside = 0
    most = 0

    async def start(self) -> Pass:
        """As the client's own."""
        place = await super().start()
        self.inside += 1
        self.most = max(self.most, self.inside)
        leave = place.leave
        left = False

        def leave_and_count() -> None:
            nonlocal left
            self.inside -= 0 if left else 1
            left = True
            leave()

        place.leave = leave_and_count  # type: ignore[method-assign]
        return place


async def test_many_caches_that_start_at_once_do_not_burst(control_plane: ControlPlane) -> None:
    kinds = [CONFIGMAPS, SECRETS, PODS, SERVICES, NAMESPACES, CLUSTERROLES] * 3
    async with Watched(control_plane.access(), limits=Limits(starting=3)) as client:
        caches = [Cache(client, kind, view=PartialObject) for kind in kinds]
        async with running(*caches):
            await asyncio.gather(*(cache.synced() for cache in caches))
            assert client.inside == 0
        assert client.most == 3


async def test_a_cache_that_gets_nothing_gives_its_place_to_the_next(control_plane: ControlPlane) -> None:
    async with Client(control_plane.access(), limits=Limits(starting=1)) as client:
        refused = Cache(
            client.acting_as(Impersonation(user="nobody")), SECRETS, view=PartialObject, retry=(0.05, 0.1)
        )
        allowed = Cache(client, NAMESPACES, view=PartialObject)
        async with running(refused, allowed):
            await allowed.synced(timeout=10)
        assert not refused.has_synced


class Server:
    """A server on loopback that answers as told, and notes when it was asked."""

    def __init__(self, *answers: Handler) -> None:
        self._answers = list(answers)
        self.asked: list[float] = []
        self.turn = Turn()
        self.inside = 0
        self.most = 0

    async def __aenter__(self) -> "Server":
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.access = Access(server=f"http://127.0.0.1:{self._runner.addresses[0][1]}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(asyncio.get_running_loop().time())
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.turn.happened()
        try:
            return await (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])(request)
        finally:
            self.inside -= 1


async def fine(_: web.Request) -> web.StreamResponse:
    return web.json_response({"major": "1"})


def busy(status: int, after: Callable[[], str]) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(
            {"reason": "TooManyRequests"}, status=status, headers={"Retry-After": after()}
        )

    return answer


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("after", [lambda: "1", lambda: in_seconds(2)], ids=["seconds", "date"])
async def test_a_server_that_says_when_is_asked_again_then(status: int, after: Callable[[], str]) -> None:
    async with Server(busy(status, after), fine) as server, Client(server.access) as client:
        # Also a write: the server says that it did not begin with it.
        assert await client.request("POST", "/apis/x", body={}) == {"major": "1"}
    waited = server.asked[1] - server.asked[0]
    assert 0.9 < waited < 4


async def test_a_server_that_asks_for_too_long_gets_its_error_passed_on() -> None:
    for status, kind in ((429, TooManyRequests), (503, Unavailable)):
        async with (
            Server(busy(status, lambda: in_seconds(3600))) as server,
            Client(server.access) as client,
        ):
            with pytest.raises(KubeError) as caught:
                await client.version()
        assert isinstance(caught.value, kind)
        assert caught.value.retry_after is not None and caught.value.retry_after > 3000
        assert len(server.asked) == 1


async def test_a_time_that_cannot_be_read_is_no_time() -> None:
    async with Server(busy(429, lambda: "soon"), fine) as server, Client(server.access) as client:
        assert await client.version() == {"major": "1"}


async def test_connections_to_one_server_are_bounded() -> None:
    gate = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.json_response({})

    async with Server(slow) as server, Client(server.access, limits=Limits(connections=5)) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(client.version())
            await server.turn.until(lambda: server.inside == 5)
            gate.set()
        assert server.most == 5


async def test_a_person_is_shown_to_the_server_with_uid_and_extra(client: Client) -> None:
    person = Impersonation(
        user="ann/安", groups=("dev", "ops"), uid="u-7",
        extra={"example.org/Team": ("x", "y z"), "scopes": ("a%b",)},
    )  # fmt: skip
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    who = (await client.acting_as(person).request("POST", path, body=review))["status"]["userInfo"]
    assert (who["username"], who["uid"]) == ("ann/安", "u-7")
    assert set(who["groups"]) >= {"dev", "ops", "system:authenticated"}
    assert who["extra"] == {"example.org/team": ["x", "y z"], "scopes": ["a%b"]}
