"""Central config on a real API server: nothing rolls by itself, and everything says what waits."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from havok.boots import config, names
from havok.boots.shape import pod_shape
from havok.boots.snapshots import PREFIX, UNUSED, Snapshots
from havok.codec import Json
from havok.crds import BOOT_REVISIONS
from havok.kube.resources import CONFIGMAPS, DEPLOYMENTS, EVENTS
from scenario.boots.stage import Cluster, Running, boots, conditions
from scenario.boots.test_process import get
from support.controlplane import ControlPlane, free_ports

OLD = """java:
  settings: {registry: one.example}
python:
  settings: {registry: one.example}
"""
NEW = OLD.replace("java:\n  settings: {registry: one.", "java:\n  settings: {registry: two.")
ODD = OLD + "  appp: {}\n"
BROKEN = "java:\n  app:\n    port: eighty\n"
MANY = 20


def image(deployment: Json) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


async def says(cluster: Cluster, namespace: str, name: str, reason: str, kind: str = "JavaBoot") -> Json:
    """The Boot, once its condition ConfigCurrent has this reason."""
    return await cluster.until(
        boots(kind), name, namespace,
        lambda boot: reason in conditions(boot).get("ConfigCurrent", ())
        if boot.get("status", {}).get("conditions") else False,
    )  # fmt: skip


async def event(cluster: Cluster, namespace: str, about: str, reason: str) -> str:
    """The message of an event, once it is there."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def look(old: Json | None, new: Json | None) -> None:
        if new and not found.done() and (new["involvedObject"]["name"], new["reason"]) == (about, reason):
            found.set_result(new["message"])

    from havok.kube.cache import Cache

    cache: Cache[Json] = Cache(cluster.client, EVENTS, view=dict, namespace=namespace)
    cache.subscribe(look)
    watching = asyncio.create_task(cache.run())
    try:
        async with asyncio.timeout(20):
            return await found
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def test_config_changed_under_twenty_boots_rolls_none(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, OLD)
    async with Running.start(cluster, namespace) as operator:
        apps = [f"app-{number}" for number in range(MANY)]
        await asyncio.gather(*(cluster.deploy(namespace, app) for app in apps))
        await cluster.deploy(namespace, "snake", "PythonBoot")
        await asyncio.gather(*(operator.settled(app) for app in apps))
        await operator.settled("snake", "PythonBoot")

        async def templates() -> list[Any]:
            found = await asyncio.gather(*(cluster.deployment(namespace, app) for app in apps))
            return [(one["metadata"]["generation"], one["spec"]["template"]) for one in found]

        before = await templates()
        await cluster.configure(namespace, NEW)
        waiting = await asyncio.gather(*(says(cluster, namespace, app, "NewerConfigWaits") for app in apps))
        assert await templates() == before
        assert all(conditions(boot)["Degraded"][0] == "False" for boot in waiting)
        assert waiting[0]["status"]["configHash"] == config.digest_of(OLD)
        snake = await cluster.client.get(boots("PythonBoot"), "snake", namespace)
        assert conditions(snake)["ConfigCurrent"] == ("True", "Newest")

        await cluster.change(namespace, "app-0", replicas=2)
        scaled = await cluster.until(
            DEPLOYMENTS, "app-0", namespace, lambda one: one["spec"]["replicas"] == 2
        )
        assert scaled["spec"]["template"] == before[0][1]
        await says(cluster, namespace, "app-0", "NewerConfigWaits")

        await cluster.change(namespace, "app-0", version="2.0")
        deployed = await cluster.until(
            DEPLOYMENTS, "app-0", namespace, lambda one: image(one).endswith(":2.0")
        )
        assert image(deployed) == "two.example/harbor/sample:2.0"
        boot = await says(cluster, namespace, "app-0", "Newest")
        assert boot["status"]["configHash"] == config.digest_of(NEW)
        assert (await templates())[1:] == before[1:]


async def test_a_later_broken_config_keeps_the_last_good_one_and_says_so(
    cluster: Cluster, namespace: str
) -> None:
    await cluster.configure(namespace, OLD)
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace)
        await operator.settled()
        await cluster.configure(namespace, BROKEN)
        boot = await says(cluster, namespace, "demo", "NewestConfigBroken")
        (told,) = [one for one in boot["status"]["conditions"] if one["type"] == "ConfigCurrent"]
        assert "line 3: java.app.port must be a whole number" in told["message"]
        words = await event(cluster, namespace, operator.options.config_map, "ConfigBroken")
        assert words.startswith("central config is broken, line 3: java.app.port")
        await cluster.change(namespace, version="2.0")
        await cluster.until(
            DEPLOYMENTS, "demo", namespace, lambda one: image(one) == "one.example/harbor/sample:2.0"
        )
        await cluster.configure(namespace, NEW)
        await says(cluster, namespace, "demo", "NewerConfigWaits")


async def test_a_follower_has_read_every_change_when_it_takes_over(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, OLD)
    async with AsyncExitStack() as leading:
        leader = await leading.enter_async_context(Running.start(cluster, namespace, identity="first"))
        await cluster.deploy(namespace)
        await leader.settled()
        async with Running.start(cluster, namespace, identity="second"):
            await cluster.configure(namespace, NEW)
            await says(cluster, namespace, "demo", "NewerConfigWaits")
            await leading.aclose()
            await cluster.deploy(namespace, "other")
            made = await cluster.until(DEPLOYMENTS, "other", namespace, lambda one: True)
            assert image(made) == "two.example/harbor/sample:1.0"


async def test_a_config_broken_at_the_start_touches_nothing(cluster: Cluster, namespace: str) -> None:
    await cluster.configure(namespace, OLD)
    async with Running.start(cluster, namespace) as operator:
        await cluster.deploy(namespace)
        await operator.settled()
    before = await cluster.deployment(namespace)
    await cluster.configure(namespace, BROKEN)
    async with Running.start(cluster, namespace) as operator:
        boot = await says(cluster, namespace, "demo", "ConfigBroken")
        assert conditions(boot)["ConfigCurrent"] == ("False", "ConfigBroken")
        await cluster.change(namespace, version="2.0")
        boot = await cluster.until(
            boots(), "demo", namespace, lambda one: conditions(one)["Degraded"] == ("True", "ConfigBroken")
        )
        (told,) = [one for one in boot["status"]["conditions"] if one["type"] == "Degraded"]
        assert told["message"].startswith("central config is broken, line 3: java.app.port must be")
        assert told["message"].endswith("; nothing was changed")
        assert (await cluster.deployment(namespace))["metadata"]["generation"] == before["metadata"][
            "generation"
        ]
        await event(cluster, namespace, operator.options.config_map, "ConfigBroken")


async def test_defect_23_what_has_no_effect_is_told_on_the_boot_and_on_the_config(
    cluster: Cluster, namespace: str
) -> None:
    await cluster.configure(namespace, ODD)
    (port,) = free_ports(1)
    async with Running.start(cluster, namespace, metrics_port=port) as operator:
        await cluster.deploy(namespace, "snake", "PythonBoot")
        boot = await operator.settled("snake", "PythonBoot")
        (told,) = [one for one in boot["status"]["conditions"] if one["type"] == "ConfigWarnings"]
        assert told["message"] == "central config, line 5: python.appp is not known and has no effect"
        assert await event(cluster, namespace, "snake", "ConfigWarning") == told["message"]
        assert (
            await event(cluster, namespace, operator.options.config_map, "ConfigWarning") == told["message"]
        )
        assert "havok_operator_config_warnings 1.0" in (await get(port, "/metrics"))[1]
        await cluster.configure(namespace, BROKEN)
        await says(cluster, namespace, "snake", "NewestConfigBroken", "PythonBoot")
        assert "havok_operator_config_broken 1.0" in (await get(port, "/metrics"))[1]
        await cluster.deploy(namespace, "java")
        assert "ConfigWarnings" not in conditions(await operator.settled("java"))


class Clock:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


async def kept(cluster: Cluster, namespace: str) -> set[str]:
    listing = await cluster.client.list(CONFIGMAPS, namespace)
    found = [item["metadata"]["name"] for item in listing.items]
    return {name.removeprefix(PREFIX) for name in found if name.startswith(PREFIX)}


async def test_a_snapshot_goes_when_nothing_names_it_and_never_on_its_way_into_use(
    cluster: Cluster, namespace: str
) -> None:
    clock = Clock()
    snapshots = Snapshots(cluster.operator, namespace, now=clock)
    texts = {name: f"java: {{app: {{port: {port}}}}} # {namespace}" for name, port in
             (("config", 1), ("workload", 2), ("revision", 3), ("nobody", 4), ("late", 5))}  # fmt: skip
    digests = {name: config.digest_of(text) for name, text in texts.items()}
    for name, text in texts.items():
        await snapshots.keep(digests[name], text)
    await cluster.configure(namespace, texts["config"])
    await cluster.client.create(DEPLOYMENTS, _deployment(digests["workload"]), namespace)
    await cluster.client.create(BOOT_REVISIONS, _revision(digests["revision"]), namespace)

    assert await snapshots.collect() == 0
    clock.time += timedelta(minutes=59)
    assert await snapshots.collect() == 0
    clock.time += timedelta(minutes=2)
    assert await snapshots.fetch(digests["late"]) == texts["late"]
    assert await snapshots.collect() == 1
    assert await kept(cluster, namespace) == set(digests.values()) - {digests["nobody"]}
    assert await snapshots.fetch(digests["nobody"]) is None
    await cluster.client.delete(BOOT_REVISIONS, "demo-1", namespace)
    await snapshots.collect()
    clock.time += timedelta(hours=2)
    assert await snapshots.collect(in_force=digests["late"]) == 1
    assert await kept(cluster, namespace) == {digests[name] for name in ("config", "workload", "late")}
    late = await cluster.client.get(CONFIGMAPS, PREFIX + digests["late"], namespace)
    assert UNUSED not in (late["metadata"].get("annotations") or {})


async def test_a_snapshot_that_comes_into_use_at_the_last_moment_is_not_deleted(
    cluster: Cluster, namespace: str
) -> None:
    clock = Clock()
    text = f"java: {{}} # {namespace}"
    digest = config.digest_of(text)
    snapshots = Snapshots(cluster.operator, namespace, now=clock)
    await snapshots.keep(digest, text)
    await snapshots.collect()
    clock.time += timedelta(hours=2)
    named = snapshots._named

    async def while_somebody_takes_it() -> set[str]:
        found = await named()
        await Snapshots(cluster.operator, namespace, now=clock).keep(digest, text)
        return found

    snapshots._named = while_somebody_takes_it  # type: ignore[method-assign]
    assert await snapshots.collect() == 0
    assert await kept(cluster, namespace) == {digest}


async def test_the_checked_shape_of_pods_is_that_of_the_api_server(
    boots_plane: ControlPlane, cluster: Cluster
) -> None:
    served = await cluster.client.request("GET", "/openapi/v3/api/v1")
    schemas = served["components"]["schemas"]
    for name in ("PodSpec", "Container", "Probe", "Volume", "SecurityContext", "EnvVar", "VolumeMount"):
        assert set(schemas[f"io.k8s.api.core.v1.{name}"]["properties"]) == set(pod_shape()[name])


def _deployment(digest: str) -> Json:
    labels = {"app": "x"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    return {
        "metadata": {"name": "demo", "annotations": {names.CONFIG_HASH: digest}},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
    }


def _revision(digest: str) -> Json:
    return {
        "metadata": {"name": "demo-1", "annotations": {names.CONFIG_HASH: digest}},
        "bootType": "java", "appKey": "javaBoot", "spec": {"image": "a", "version": "1"},
    }  # fmt: skip
