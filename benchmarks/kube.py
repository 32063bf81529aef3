"""What it costs to know every pod of a cluster: havok.kube beside the other Python libraries.

    python benchmarks/kube.py [--pods 5000] [--changes 10000] [--only NAME]... [--short]

A real etcd and kube-apiserver hold pods of about 12 KB, managedFields and all, each with the status that a
kubelet writes. One after another each subject starts as a process of its own, learns the whole state, then
follows `--changes` status changes that are made as fast as the API server takes them. Correct means: its last
(name → resourceVersion) is the server's. Subjects report their own CPU (all threads), wall time and resident
memory; the server and the writer share the machine, so compare CPU, not wall time.
"""

import argparse
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks" / "peers"
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from havok.kube import Client, Limits  # noqa: E402
from havok.kube.resources import NAMESPACES, PODS  # noqa: E402
from havok.kube.views import PartialObject  # noqa: E402
from plane import write_kubeconfig  # noqa: E402
from support.controlplane import ControlPlane  # noqa: E402

WRITERS = 16
NAMESPACE_COUNT = 20
Row = dict[str, Any]

SUBJECTS: dict[str, tuple[bool, list[str], str]] = {
    # name: (is ours, program and flags, what it decoded)
    "havok.kube, Pod view": (True, ["havok_view.py"], "the fields that Havok reads"),
    "havok.kube, full object": (True, ["havok_view.py", "--full"], "everything, as dicts"),
    "lightkube": (False, ["lightkube_watch.py"], "everything it knows, as structs"),
    "kr8s": (False, ["kr8s_watch.py"], "everything, as dicts"),
    "kubernetes_asyncio": (False, ["kubernetes_asyncio_watch.py"], "everything it knows, as objects"),
    "kubernetes (official)": (False, ["kubernetes_informer.py"], "everything it knows, as pydantic models"),
}


def pod(number: int) -> dict[str, Any]:
    """A pod as a Deployment of a usual company makes it: two containers, probes, volumes, many variables."""
    env = [{"name": f"SETTING_{i}", "value": f"value-{i}-" + "x" * 24} for i in range(24)]
    env += [
        {"name": f"SECRET_{i}", "valueFrom": {"secretKeyRef": {"name": "app-secrets", "key": f"key-{i}"}}}
        for i in range(8)
    ]
    probe = {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 10, "timeoutSeconds": 5}
    container = {
        "name": "app", "image": f"registry.example/shop/app-{number % 200}:v1.2.3", "env": env,
        "ports": [{"containerPort": 8080, "name": "http"}], "livenessProbe": probe, "readinessProbe": probe,
        "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "512Mi"}},
        "volumeMounts": [{"name": f"v{i}", "mountPath": f"/data/{i}"} for i in range(6)],
    }  # fmt: skip
    sidecar = {**container, "name": "proxy", "image": "registry.example/mesh/proxy:1.9", "env": env[:8],
               "ports": [{"containerPort": 15001, "name": "mesh"}]}  # fmt: skip
    return {
        "metadata": {
            "name": f"app-{number}", "namespace": f"team-{number % NAMESPACE_COUNT}",
            "labels": {"app": f"app-{number % 200}", "bootName": f"app-{number % 200}", "tier": "backend"},
            "annotations": {f"example.com/note-{i}": "n" * 60 for i in range(6)},
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"app-{number % 200}-5d4f8b7c9",
                "uid": f"00000000-0000-0000-0000-{number:012}", "controller": True,
            }],
        },
        "spec": {
            "nodeName": f"node-{number % 50}", "containers": [container, sidecar],
            "volumes": [{"name": f"v{i}", "configMap": {"name": f"config-{i}"}} for i in range(6)],
            "tolerations": [{"key": f"taint-{i}", "operator": "Exists"} for i in range(4)],
        },
    }  # fmt: skip


def status(number: int, turn: int) -> dict[str, Any]:
    """What a kubelet writes; `turn` makes it differ."""
    at = f"2026-01-01T{turn // 3600 % 24:02}:{turn // 60 % 60:02}:{turn % 60:02}Z"
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": at}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    containers = [
        {
            "name": name, "image": "registry.example/shop/app:v1.2.3", "ready": True, "started": True,
            "imageID": "registry.example/shop/app@sha256:" + "ab" * 32, "restartCount": turn,
            "containerID": "containerd://" + "cd" * 32, "state": {"running": {"startedAt": at}},
        }
        for name in ("app", "proxy")
    ]  # fmt: skip
    ip = f"10.0.{number // 250}.{number % 250 + 1}"
    return {
        "phase": "Running", "conditions": conditions, "containerStatuses": containers, "podIP": ip,
        "podIPs": [{"ip": ip}], "hostIP": "192.0.2.1", "startTime": at, "qosClass": "Burstable",
    }  # fmt: skip


async def in_parallel(count: int, work: Any) -> None:
    """`await work(number)` for each number, several at a time."""
    numbers = iter(range(count))

    async def writer() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def fill(client: Client, pods: int) -> None:
    for number in range(NAMESPACE_COUNT):
        await client.create(NAMESPACES, {"metadata": {"name": f"team-{number}"}})

    async def make(number: int) -> None:
        body = pod(number)
        await client.create(PODS, body, body["metadata"]["namespace"])
        await change(client, number, 0)

    await in_parallel(pods, make)


async def change(client: Client, number: int, turn: int) -> None:
    namespace = f"team-{number % NAMESPACE_COUNT}"
    body = {"status": status(number, turn)}
    await client.patch(PODS, f"app-{number}", namespace, body=body, subresource="status")


async def measure(client: Client, name: str, file: Path, arguments: argparse.Namespace, run: int) -> Row:
    ours, words, decoded = SUBJECTS[name]
    python = sys.executable if ours else peers_python()
    last = {"metadata": {"name": "last", "namespace": "team-0"}, "spec": pod(0)["spec"]}
    await client.create(PODS, last, "team-0")
    program, *flags = words
    child = await asyncio.create_subprocess_exec(
        python, str(PEERS / program), str(file), str(arguments.pods + 1), *flags,
        stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL, limit=1 << 20,
    )  # fmt: skip
    try:
        row: Row = {"name": name, "decoded": decoded}
        for phase in ("imported", "synced"):
            row |= {f"{phase}_{key}": value for key, value in (await report(child, phase)).items()}
        await in_parallel(
            arguments.changes,
            lambda turn: change(client, turn % arguments.pods, run * arguments.changes + turn + 1),
        )
        await client.delete(PODS, "last", "team-0", grace_seconds=0)
        row |= {f"watched_{key}": value for key, value in (await report(child, "watched")).items()}
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
    row["correct"] = row["watched_digest"] == await digest(client)
    return row


async def report(child: asyncio.subprocess.Process, phase: str) -> Row:
    assert child.stdout is not None
    async with asyncio.timeout(600):
        line = await child.stdout.readline()
    said = json.loads(line) if line else {}
    if said.get("phase") != phase:
        raise SystemExit(f"the subject ended before it was {phase}: {said}")
    return said


async def digest(client: Client) -> str:
    listing = await client.list(PODS, view=PartialObject)
    lines = sorted(
        f"{one.metadata.namespace}/{one.metadata.name}={one.metadata.resource_version}"
        for one in listing.items
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def peers_python() -> str:
    done = subprocess.run([ROOT / "scripts" / "peers"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def table(rows: list[Row], pods: int) -> None:
    print("\n| subject | decoded | import s | sync CPU s | sync wall s | KiB/pod | peak MB |"
          " CPU µs/event | events/CPU s | events | equal |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        micro = row["watched_cpu"] / row["watched_events"] * 1e6
        print(
            f"| {row['name']} | {row['decoded']} | {row['imported_wall']:.2f} | {row['synced_cpu']:.2f} "
            f"| {row['synced_wall']:.1f} | {row['synced_grown'] / pods / 1024:.1f} "
            f"| {row['synced_peak'] / 1e6:.0f} | {micro:.0f} | {1e6 / micro:.0f} "
            f"| {row['watched_events']} | {'yes' if row['correct'] else 'NO'} |"
        )


async def run(arguments: argparse.Namespace, folder: Path) -> list[Row]:
    inside = folder / "plane"
    inside.mkdir()
    with ControlPlane(inside) as plane:
        file = write_kubeconfig(plane, folder)
        async with Client(plane.access(), limits=Limits(qps=5000, burst=5000)) as client:
            await fill(client, arguments.pods)
            sample = await client.request("GET", PODS.path("team-0", "app-0"))
            print(
                f"{arguments.pods} pods of {len(json.dumps(sample, separators=(',', ':')))} bytes", flush=True
            )
            rows = []
            for number, name in enumerate(arguments.only or SUBJECTS):
                rows.append(await measure(client, name, file, arguments, number))
                print(f"measured {name}", file=sys.stderr, flush=True)
            return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument(
        "--changes", type=int, default=10_000, help="status changes that each subject follows"
    )
    parser.add_argument("--only", action="append", choices=[*SUBJECTS], help="one subject; repeatable")
    parser.add_argument("--short", action="store_true", help="few pods, and only havok.kube")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.pods, arguments.changes = 100, 200
        arguments.only = [name for name, (ours, *_) in SUBJECTS.items() if ours]
    with tempfile.TemporaryDirectory(prefix="havok-bench-") as folder:
        rows = asyncio.run(run(arguments, Path(folder)))
    table(rows, arguments.pods)
    if not all(row["correct"] for row in rows if SUBJECTS[row["name"]][0]):
        sys.exit("havok.kube ended with another state than the server")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
