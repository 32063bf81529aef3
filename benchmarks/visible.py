"""How soon each change of a Boot is visible, down to its last consequence, on an idle control plane.

    python benchmarks/boots.py --visible 100

Each row makes one change, waits until everything that follows from it can be seen, and only then makes the
next one. The time runs from the answer to the request until watches have shown the last of it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from havok.crds import BOOT_REVISIONS, boot_kind
from havok.kube import Client
from havok.kube.cache import Cache
from havok.kube.resources import CONFIGMAPS, DEPLOYMENTS, SERVICES

Json = dict[str, Any]
Change = Callable[[int], Awaitable[object]]
Holds = Callable[[int], bool]
CONFIG = "logan-app-operator-config"
PREFIX = "app.logancloud.com/"
PATIENCE = 30.0


class Stage:
    """Watches of all that belongs to Boots of one namespace, and changes of one Boot there."""

    def __init__(self, client: Client, namespace: str) -> None:
        kind = boot_kind("JavaBoot")
        assert kind is not None
        self.client, self.namespace, self.kind = client, namespace, kind.resource
        resources = (self.kind, DEPLOYMENTS, SERVICES, BOOT_REVISIONS)
        view = dict[str, Any]
        self.caches = {one: Cache(client, one, view=view, namespace=namespace) for one in resources}
        self.changed = asyncio.Event()
        for cache in self.caches.values():
            cache.subscribe(lambda old, new: self.changed.set())

    async def __aenter__(self) -> "Stage":
        self._stack = AsyncExitStack()
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(cache.run()) for cache in self.caches.values()]
        self._stack.callback(lambda: [task.cancel() for task in tasks])
        for cache in self.caches.values():
            await cache.synced()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def until(self, holds: Callable[[], bool], what: str) -> float:
        """The moment when the watches showed it."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise SystemExit(f"{what}: not within {PATIENCE:.0f} s") from None
        return time.perf_counter()

    def boot(self, name: str) -> Json:
        return self.caches[self.kind].get(self.namespace, name) or {}

    def workload(self, name: str) -> Json:
        return self.caches[DEPLOYMENTS].get(self.namespace, name) or {}

    def container(self, name: str) -> Json:
        found = self.workload(name)
        return found["spec"]["template"]["spec"]["containers"][0] if found else {}

    def service(self, name: str) -> bool:
        return self.caches[SERVICES].get(self.namespace, name) is not None

    def revision(self, name: str, version: str) -> bool:
        """Whether the latest revision is of this version."""
        latest = self.boot(name).get("status", {}).get("revision")
        kept = self.caches[BOOT_REVISIONS].get(self.namespace, f"{name}-{latest}")
        return kept is not None and kept["spec"]["version"] == version

    def reported(self, name: str) -> bool:
        """Whether status and annotations tell of the latest generation and of what runs."""
        boot = self.boot(name)
        told, status = boot.get("metadata", {}).get("annotations", {}), boot.get("status", {})
        return (
            status.get("observedGeneration") == boot.get("metadata", {}).get("generation")
            and bool(status.get("services"))
            and told.get(f"{PREFIX}services") == status["services"]
            and told.get(f"{PREFIX}status.desired") == str(boot["spec"]["replicas"])
        )

    async def change(self, name: str, body: Json) -> object:
        return await self.client.patch(self.kind, name, self.namespace, body=body, field_manager="person")


class Rows:
    """The rows of the table: `(name, change, holds)` of one Boot called `app`, for turns 0, 1, 2, …"""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._after = 0
        self._gone = ""

    def all(self) -> list[tuple[str, Change, Holds]]:
        stage = self.stage
        # a config change wakes every Boot, so its row comes while there is one
        return [
            ("deploy after a config change", self._configured, self._on_new_config),
            ("Boot created", self._create, lambda n: self._whole(f"new-{n}", "v0")),
            ("version changed", self._deploy, lambda n: self._whole("app", f"v{n + 1}")),
            ("replicas changed", self._scale, self._scaled),
            ("env changed", self._env, lambda n: self._has_env("PERSON", f"{n}") and stage.reported("app")),
            ("restart asked for by annotation", self._restart, self._restarted),
            ("Service deleted → there again", self._delete, self._returned),
            ("Deployment edited by hand → reverted", self._edit, self._reverted),
        ]

    async def _create(self, turn: int) -> None:
        body = {"metadata": {"name": f"new-{turn}"}, "spec": {"image": "shop/app", "version": "v0"}}
        made = await self.stage.client.create(self.stage.kind, body, self.stage.namespace)
        if made["metadata"]["annotations"].get(f"{PREFIX}changed-by", "unknown") == "unknown":
            raise SystemExit("the answer to a creation lacks what the webhook writes")

    def _whole(self, name: str, version: str) -> bool:
        """Workload, Service, revision, status and annotations, all of this version."""
        stage = self.stage
        image = stage.container(name).get("image") == f"shop/app:{version}"
        return image and stage.service(name) and stage.reported(name) and stage.revision(name, version)

    async def _deploy(self, turn: int) -> None:
        await self.stage.change("app", {"spec": {"version": f"v{turn + 1}"}})

    async def _scale(self, turn: int) -> None:
        await self.stage.change("app", {"spec": {"replicas": 2 + turn % 2}})

    def _scaled(self, turn: int) -> bool:
        workload = self.stage.workload("app")
        return bool(workload["spec"]["replicas"] == 2 + turn % 2) and self.stage.reported("app")

    async def _env(self, turn: int) -> None:
        rest = [one for one in self.stage.boot("app")["spec"].get("env", ()) if one["name"] != "PERSON"]
        await self.stage.change("app", {"spec": {"env": [*rest, {"name": "PERSON", "value": f"{turn}"}]}})

    def _has_env(self, name: str, value: str) -> bool:
        env = self.stage.container("app").get("env", ())
        return any((one["name"], one.get("value")) == (name, value) for one in env)

    async def _restart(self, turn: int) -> None:
        await self.stage.change("app", {"metadata": {"annotations": {f"{PREFIX}restartedAt": f"{turn}"}}})

    def _restarted(self, turn: int) -> bool:
        template: Json = self.stage.workload("app")["spec"]["template"]["metadata"]
        return bool(template.get("annotations", {}).get(f"{PREFIX}restartedAt") == f"{turn}")

    async def _configured(self, turn: int) -> None:
        """Change the config, wait until the Boot says that newer config waits, then deploy."""
        stage = self.stage
        text = f"java:\n  app:\n    env:\n    - name: PLATFORM\n      value: c{turn}\n"
        await stage.client.patch(CONFIGMAPS, CONFIG, "logan", body={"data": {"config.yaml": text}})
        await stage.until(lambda: self._config_waits(), "that newer config waits")
        await stage.change("app", {"spec": {"version": f"c{turn}"}})

    def _config_waits(self) -> bool:
        conditions = self.stage.boot("app")["status"].get("conditions", ())
        return any((one["type"], one["status"]) == ("ConfigCurrent", "False") for one in conditions)

    def _on_new_config(self, turn: int) -> bool:
        return self._has_env("PLATFORM", f"c{turn}") and self._whole("app", f"c{turn}")

    async def _delete(self, turn: int) -> None:
        live = await self.stage.client.get(SERVICES, "app", self.stage.namespace)
        self._gone = live["metadata"]["uid"]
        await self.stage.client.delete(SERVICES, "app", self.stage.namespace)

    def _returned(self, turn: int) -> bool:
        live = self.stage.caches[SERVICES].get(self.stage.namespace, "app")
        return live is not None and live["metadata"]["uid"] != self._gone

    async def _edit(self, turn: int) -> None:
        container = {"name": "app", "image": f"by/hand:{turn}"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        edited = await self.stage.client.patch(
            DEPLOYMENTS, "app", self.stage.namespace,
            body=body, kind="strategic", field_manager="kubectl-edit",
        )  # fmt: skip
        self._after = edited["metadata"]["generation"]

    def _reverted(self, turn: int) -> bool:
        ours = str(self.stage.container("app")["image"]).startswith("shop/app")
        return ours and int(self.stage.workload("app")["metadata"]["generation"]) > self._after


async def measure(client: Client, namespace: str, turns: int) -> None:
    """Print the table."""
    print("\n| change, until all of it is visible | p50 ms | p99 ms | max ms | n |\n|---|---|---|---|---|")
    async with Stage(client, namespace) as stage:
        body = {"metadata": {"name": "app"}, "spec": {"image": "shop/app", "version": "v0"}}
        await client.create(stage.kind, body, namespace)
        await stage.until(lambda: stage.reported("app"), "the first Boot")
        for name, change, holds in Rows(stage).all():
            await _row(stage, name, change, holds, turns)


async def _row(stage: Stage, name: str, change: Change, holds: Holds, turns: int) -> None:
    times = []
    for turn in range(turns):
        await change(turn)
        answered = time.perf_counter()
        times.append(await stage.until(partial(holds, turn), name) - answered)
    ordered = sorted(times)
    shown = ordered[len(ordered) // 2], ordered[math.ceil(len(ordered) * 0.99) - 1], ordered[-1]
    print(f"| {name} | {' | '.join(f'{one * 1000:.0f}' for one in shown)} | {len(ordered)} |", flush=True)
