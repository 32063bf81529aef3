"""How fast the operator follows, and whether it is quiet when nothing changes.

    python benchmarks/boots.py [--boots 500] [--rate 5] [--seconds 60] [--quiet 120] [--visible 100] [--short]

A real etcd and kube-apiserver, the operator as a process of its own with its webhooks. Creates the Boots,
then changes the version of one after another at a steady rate and takes the time from the answer to the patch
until a watch shows the Deployment with the new image; then counts every change of a Boot, Deployment or
Service in a quiet time. Before that, on the idle control plane, the table of `visible`. The floor in the same
run: a patch of a Deployment until the same watch shows it.
"""

import argparse
import asyncio
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from benchmarks import visible  # noqa: E402
from benchmarks.plane import write_kubeconfig  # noqa: E402

from havok.crds import boot_kind, manifests  # noqa: E402
from havok.kube import Client, Limits  # noqa: E402
from havok.kube.cache import Cache  # noqa: E402
from havok.kube.resources import CONFIGMAPS, CRDS, DEPLOYMENTS, NAMESPACES, SERVICES  # noqa: E402
from support.controlplane import ControlPlane, free_ports  # noqa: E402

NAMESPACE = "bench"
IDLE = "idle"


class Seen:
    """Deployment name and image to the moment a watch showed it, and the count of all changes."""

    def __init__(self) -> None:
        self.at: dict[tuple[str, str], float] = {}
        self.changes = 0

    def deployment(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        self.changes += 1
        if new is not None:
            image = new["spec"]["template"]["spec"]["containers"][0]["image"]
            self.at.setdefault((new["metadata"]["name"], image), time.perf_counter())

    def other(self, old: object, new: object) -> None:
        self.changes += 1


async def prepare(client: Client) -> None:
    for manifest in manifests():
        await client.apply(CRDS, manifest, field_manager="bench")
    for name in (NAMESPACE, IDLE, "logan"):
        await client.create(NAMESPACES, {"metadata": {"name": name}})
    config = {"metadata": {"name": "logan-app-operator-config"}, "data": {"config.yaml": "java: {}\n"}}
    await client.create(CONFIGMAPS, config, "logan")
    for _ in range(100):
        try:
            await client.list(boot_kind("JavaBoot").resource)  # type: ignore[union-attr]
            return
        except Exception:
            await asyncio.sleep(0.1)


async def answering(client: Client) -> None:
    """Wait until the webhook fills what is sent; each try is a dry run."""
    kind = boot_kind("JavaBoot")
    assert kind is not None
    body = {"metadata": {"name": "probe"}, "spec": {"image": "shop/app", "version": "v0"}}
    for _ in range(300):
        tried = await client.create(kind.resource, body, IDLE, dry_run=True)
        if "port" in tried["spec"]:
            return
        await asyncio.sleep(0.1)
    sys.exit("the operator's webhook does not answer")


async def until(holds: Any, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.01)


def line(what: str, values: list[float]) -> None:
    ordered = sorted(values)
    p50, p99 = ordered[len(ordered) // 2], ordered[math.ceil(len(ordered) * 0.99) - 1]
    print(f"| {what} | {p50 * 1000:.0f} | {p99 * 1000:.0f} | {len(ordered)} |", flush=True)


async def measure(client: Client, arguments: argparse.Namespace, operator: int) -> None:
    kind = boot_kind("JavaBoot")
    assert kind is not None
    seen = Seen()
    deployments: Cache[dict[str, Any]] = Cache(client, DEPLOYMENTS, view=dict, namespace=NAMESPACE)
    boots: Cache[dict[str, Any]] = Cache(client, kind.resource, view=dict, namespace=NAMESPACE)
    services: Cache[dict[str, Any]] = Cache(client, SERVICES, view=dict, namespace=NAMESPACE)
    deployments.subscribe(seen.deployment)
    boots.subscribe(seen.other)
    services.subscribe(seen.other)
    tasks = [asyncio.create_task(cache.run()) for cache in (deployments, boots, services)]
    for cache in (deployments, boots, services):
        await cache.synced()

    start = time.perf_counter()
    for number in range(arguments.boots):
        boot = {"metadata": {"name": f"app-{number}"}, "spec": {"image": "shop/app", "version": "v0"}}
        await client.create(kind.resource, boot, NAMESPACE)
    await until(lambda: len(seen.at) >= arguments.boots, 300, "a Deployment for every Boot")
    took = time.perf_counter() - start
    print(f"first creation of {arguments.boots} Boots: {took:.1f} s ({arguments.boots / took:.0f}/s)\n")
    print("| what | p50 ms | p99 ms | n |\n|---|---|---|---|")
    await changes(client, kind.resource, seen, arguments, "right after the creation")
    await asyncio.sleep(5)
    await changes(client, kind.resource, seen, arguments)
    await floor(client, seen, arguments)
    await asyncio.sleep(5)
    before = seen.changes
    await asyncio.sleep(arguments.quiet)
    print(f"\nchanges in {arguments.quiet} s of quiet: {seen.changes - before}")
    print(f"operator: {resident_mb(operator):.0f} MB resident with {arguments.boots} Boots")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def changes(
    client: Client, resource: Any, seen: Seen, arguments: argparse.Namespace, when: str = ""
) -> None:
    times = []
    # right after the creation the rest of its work is still being done, for some seconds
    turns = int(arguments.rate * (min(10, arguments.seconds) if when else arguments.seconds))
    for turn in range(turns):
        name, version = f"app-{turn % arguments.boots}", f"{'w' if when else 'v'}{turn + 1}"
        began = time.perf_counter()
        await client.patch(resource, name, NAMESPACE, body={"spec": {"version": version}})
        answered = time.perf_counter()
        key = (name, f"shop/app:{version}")
        await until(lambda key=key: key in seen.at, 30, f"the change of {name}")
        times.append(seen.at[key] - answered)
        await asyncio.sleep(max(0.0, 1 / arguments.rate - (time.perf_counter() - began)))
    line(f"Boot patched → Deployment changed{when and ', ' + when}", times)


async def floor(client: Client, seen: Seen, arguments: argparse.Namespace) -> None:
    body = {
        "spec": {
            "selector": {"matchLabels": {"a": "floor"}},
            "template": {
                "metadata": {"labels": {"a": "floor"}},
                "spec": {"containers": [{"name": "app", "image": "f:0"}]},
            },
        },
        "metadata": {"name": "floor"},
    }
    await client.create(DEPLOYMENTS, body, NAMESPACE)
    times = []
    for turn in range(min(100, int(arguments.rate * arguments.seconds))):
        image = f"f:{turn + 1}"
        patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}}
        await client.patch(DEPLOYMENTS, "floor", NAMESPACE, body=patch)
        answered = time.perf_counter()
        await until(lambda image=image: ("floor", image) in seen.at, 30, "the floor")
        times.append(seen.at[("floor", image)] - answered)
    line("floor: Deployment patched → seen", times)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


async def run(arguments: argparse.Namespace, folder: Path) -> None:
    with ControlPlane(made(folder / "plane")) as plane:
        file = write_kubeconfig(plane, folder)
        # not the operator's own name: what that one asks for is nobody's change
        async with Client(plane.access("person"), limits=Limits(qps=2000, burst=2000)) as client:
            await prepare(client)
            metrics, webhook = free_ports(2)
            command = [
                sys.executable, "-m", "havok.cli.main", "serve", "operator", "--kubeconfig", str(file),
                "--metrics-port", str(metrics), "--webhook-port", str(webhook),
                "--webhook-url", f"https://127.0.0.1:{webhook}", "--webhook-certificates", str(folder / "ca"),
            ]  # fmt: skip
            log = (folder / "operator.log").open("wb")
            operator = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
            )
            try:
                await answering(client)
                await visible.measure(client, IDLE, arguments.visible)
                await measure(client, arguments, operator.pid)
            finally:
                operator.terminate()
                await operator.wait()
                log.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--boots", type=int, default=500)
    parser.add_argument("--rate", type=float, default=5.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long changes go on")
    parser.add_argument("--quiet", type=float, default=120.0, help="seconds in which nothing should change")
    parser.add_argument("--visible", type=int, default=100, help="changes of each sort on the idle server")
    parser.add_argument("--short", action="store_true", help="a few Boots, a few seconds")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.boots, arguments.seconds, arguments.quiet, arguments.visible = 20, 4.0, 5.0, 8
    with tempfile.TemporaryDirectory(prefix="havok-bench-") as folder:
        asyncio.run(run(arguments, Path(folder)))


if __name__ == "__main__":
    main()
