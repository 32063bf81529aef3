"""How long the first minutes with Havok take, and how much they weigh.

    python benchmarks/first_light.py [--rounds 3] [--cold] [--short]

Measures on a cluster of its own (`havok-bench`), purged afterwards: a first and a warm `up` with their parts,
`down`, the start of the sample to its first answer, sizes of binaries and images, memory of each process, and
the command line's own start. `--cold` also builds every binary into a scratch cache. Times are wall seconds,
the median of the rounds with the range; nothing is asserted.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

NAME = "havok-bench"
ROOT = Path(__file__).resolve().parent.parent
HAVOK = [sys.executable, "-m", "havok.cli.main"]


def havok(*arguments: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [*HAVOK, *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "HAVOK_CLUSTER_DURABLE": "true", **(environment or {})},
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"havok {' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(what: str, seconds: Sequence[float]) -> None:
    middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
    print(f"| {what} | {middle:.2f} | {low:.2f} to {high:.2f} |", flush=True)


def help_times(rounds: int) -> None:
    def run(*command: str) -> Callable[[], object]:
        return lambda: subprocess.run(command, capture_output=True, check=True)

    floor = run(sys.executable, "-c", "pass")
    page = run(*HAVOK, "--help")
    page()
    row("python -c pass (floor)", [timed(floor) for _ in range(rounds)])
    row("havok --help", [timed(page) for _ in range(rounds)])


def ups(rounds: int) -> None:
    first, warm, again, downs, parts = [], [], [], [], {}
    for _ in range(rounds):
        havok("down", "--name", NAME, "--purge", "--yes")
        start = time.perf_counter()
        info = json.loads(havok("up", "--name", NAME, "-o", "json"))
        first.append(time.perf_counter() - start)
        for part, seconds in info["parts"].items():
            parts.setdefault(part, []).append(seconds)
        again.append(timed(lambda: havok("up", "--name", NAME)))
        downs.append(timed(lambda: havok("down", "--name", NAME)))
        warm.append(timed(lambda: havok("up", "--name", NAME)))
    row("up, new cluster, binaries in the cache", first)
    for part, seconds in parts.items():
        row(f"· {part}", seconds)
    row("up, cluster running already", again)
    row("down", downs)
    row("up after down (data kept)", warm)


def several(rounds: int, count: int = 3) -> None:
    """From nothing and from kept data to all nodes Ready, and a node that goes and comes."""
    first, warm, stops, starts = [], [], [], []
    for _ in range(rounds):
        havok("down", "--name", NAME, "--purge", "--yes")
        first.append(timed(lambda: havok("up", "--name", NAME, "--nodes", str(count))))
        stops.append(timed(lambda: havok("node", "stop", "node-2", "--name", NAME)))
        starts.append(timed(lambda: havok("node", "start", "node-2", "--name", NAME)))
        havok("down", "--name", NAME)
        warm.append(timed(lambda: havok("up", "--name", NAME)))
    row(f"up --nodes {count}, new cluster", first)
    row(f"up after down (data kept), {count} nodes", warm)
    row("node stop", stops)
    row("node start, to Ready", starts)


def sample() -> None:
    from havok.localcluster import cluster
    from havok.settings import Settings

    kubeconfig = str(cluster.kubeconfig_path(NAME, settings=Settings.load()))
    example = ROOT / "examples" / "javaboot-sample"
    built = timed(
        lambda: subprocess.run([sys.executable, example / "build.py"], check=True, capture_output=True)
    )
    archive = example / "build" / "javaboot-sample-1.0.oci.tar"
    row("Java sample: build its image (up to date or not)", [built])
    row("Java sample: image push", [timed(lambda: havok("image", "push", str(archive), "--name", NAME))])
    environment = {"KUBECONFIG": kubeconfig}
    deploy = timed(lambda: havok("deploy", str(example / "boot.yaml"), environment=environment))
    row("Java sample: deploy to Ready (pull included)", [deploy])
    print(f"\nJava sample image: {archive.stat().st_size / 1e6:.1f} MB")


def sizes() -> None:
    from havok.localcluster import binaries

    print("\n| binary | MB |\n|---|---|")
    for name in binaries.TABLE:
        if (path := binaries.cached(name)) is not None:
            print(f"| {name} | {path.stat().st_size / 1e6:.0f} |")


def memory() -> None:
    print("\n| process | resident MB |\n|---|---|")
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name)):
        try:
            if f"HVK_CLUSTER={NAME}".encode() not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            words = (folder / "cmdline").read_text().split("\0")
            pages = int((folder / "statm").read_text().split()[1])
        except OSError:
            continue
        name = Path(words[0]).name
        if name.startswith("python"):
            name = " ".join(words[3:6])
        print(f"| {name} | {pages * 4096 / 1e6:.0f} |")


def cold() -> None:
    scratch = tempfile.mkdtemp(prefix="havok-cold-")
    try:
        environment = {**os.environ, "HAVOK_CLUSTER_CACHE": scratch, "HAVOK_CLUSTER_MIRROR": ""}
        command = [sys.executable, "-m", "havok.localcluster.binaries"]
        row(
            "build every binary, empty caches",
            [timed(lambda: subprocess.run(command, env=environment, check=True))],
        )
        timings = json.loads((Path(scratch) / "timings.json").read_text())
        for name, timing in timings.items():
            print(f"| · {name} | {timing['seconds']:.0f} | |")
    finally:
        subprocess.run(["chmod", "-R", "u+w", scratch], check=False)
        shutil.rmtree(scratch, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each start is repeated")
    parser.add_argument(
        "--cold", action="store_true", help="also build every binary from empty caches (minutes)"
    )
    parser.add_argument("--short", action="store_true", help="only what takes seconds")
    arguments = parser.parse_args()
    print("| what | median s | range |\n|---|---|---|")
    help_times(3 if arguments.short else 15)
    if arguments.short:
        return
    if arguments.cold:
        cold()
    try:
        ups(arguments.rounds)
        sample()
        sizes()
        memory()
        several(arguments.rounds)
    finally:
        havok("down", "--name", NAME, "--purge", "--yes")


if __name__ == "__main__":
    main()
