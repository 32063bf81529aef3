"""A real local cluster as tests see it: the `havok` command, kubectl, and what of it runs on this machine.

Everything goes the person's way, through commands as processes of their own; what the tests look up beside
that (folders, pids) comes from the cluster's layout and from /proc. No test touches a cluster whose name does
not begin with `havok-test`.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from havok.localcluster import process, state
from havok.localcluster.layout import Layout, NodeLayout
from havok.localcluster.supervise import read_status
from havok.settings import Settings

T = TypeVar("T")

PREFIX = "havok-test"
PYTHON = "/usr/bin/python3.11"
"""The interpreter inside the Python sample's image."""
NODE_PARTS = ("containerd", "kubelet", "kube-proxy")
KEPT_VARIABLES = ("PATH", "HOME", "CI", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HAVOK_CONFIG",
                  "HAVOK_CLUSTER_HOME", "HAVOK_CLUSTER_CACHE", "HAVOK_CLUSTER_BIN_DIR")  # fmt: skip


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str
    seconds: float


class LocalCluster:
    """One cluster by its name. Nothing happens until it is told to."""

    def __init__(self, name: str) -> None:
        if not name.startswith(PREFIX):
            raise ValueError(f"tests must not touch cluster {name}")
        self.name = name
        self.home = Path(Settings.load().get("cluster.home", str))
        self.kubeconfig = Layout(self.home, name, 0, 0).kubeconfig()

    @property
    def known(self) -> state.Known:
        return state.load(self.home, self.name)

    @property
    def layout(self) -> Layout:
        return self.known.layout(self.home)

    @property
    def node(self) -> NodeLayout:
        return self.layout.node(1)

    @property
    def environment(self) -> dict[str, str]:
        """Of every command: English, this cluster's kubeconfig, and no disk waits for a throw-away etcd."""
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        ours = {"HAVOK_LANG": "en", "HAVOK_CLUSTER_DURABLE": "false", "KUBECONFIG": str(self.kubeconfig)}
        return kept | ours

    def havok(
        self, *words: str, check: bool = True, timeout: float = 170, environ: Mapping[str, str] | None = None
    ) -> Done:
        """Run a `havok` command to its end."""
        return run(havok_command(*words), {**self.environment, **(environ or {})}, check, timeout)

    def up(self, *flags: str, check: bool = True) -> Done:
        return self.havok("up", "--name", self.name, *flags, check=check)

    def down(self, *flags: str, check: bool = True) -> Done:
        return self.havok("down", "--name", self.name, *flags, check=check)

    def purge(self) -> None:
        """Nothing of the cluster is left, whatever state it was in."""
        self.down("--purge", "--yes")

    def status(self) -> dict[str, str]:
        """Component to state, as `havok status -o json` tells."""
        rows = json.loads(self.havok("status", "--name", self.name, "-o", "json", check=False).out)
        return {row["name"]: row["state"] for row in rows}

    def whole(self) -> bool:
        """Whether every component runs."""
        return set(self.status().values()) == {"running"}

    def kubectl(self, *words: str, stdin: str = "", check: bool = True, timeout: float = 60) -> Done:
        return run([self.known.binaries["kubectl"], *words], self.environment, check, timeout, stdin)

    def get(self, *words: str) -> Any:
        """The JSON of `kubectl get WORDS`."""
        return json.loads(self.kubectl("get", *words, "-o", "json").out)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        bundle = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(bundle))

    def ready(self, kind: str, name: str, *, condition: str = "Available", seconds: int = 60) -> None:
        """Wait for a condition of an object."""
        wait = ["wait", f"--for=condition={condition}", f"{kind}/{name}", f"--timeout={seconds}s"]
        self.kubectl(*wait, timeout=seconds + 10)

    def execute(self, target: str, code: str, *arguments: str) -> str:
        """What Python code prints inside a pod of the Python sample."""
        return self.kubectl("exec", target, "--", PYTHON, "-S", "-c", code, *arguments).out

    def pid(self, component: str) -> int:
        """The host's pid of the supervisor, a component or a part of the node; waits while it has none."""
        if component == "supervisor":
            found = process.load(self.layout.run / "supervisor.json")
            assert found is not None
            return found.pid
        look = self._inside if component in NODE_PARTS else self._outside
        return eventually(lambda: look(component), f"a process {component}")

    @property
    def node_init(self) -> int:
        """The host's pid of the node's process 1."""
        return eventually(lambda: process.children(self.pid(self.node.name)), "a process in the node")[0]

    def _outside(self, component: str) -> int:
        states = read_status(self.layout.run / "status.json")
        return next((item.pid for item in states if item.name == component), 0)

    def _inside(self, component: str) -> int | None:
        for pid in process.children(self.node_init):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(component.encode()):
                    return pid
        return None


def havok_command(*words: str) -> list[str]:
    """The command line of this checkout's `havok`."""
    return [sys.executable, "-P", "-m", "havok.cli.main", *words]


def run(
    command: Sequence[str], environ: Mapping[str, str], check: bool = True, timeout: float = 60,
    stdin: str = "",
) -> Done:  # fmt: skip
    """Run a command to its end; an unexpected failure says what it wrote."""
    start = time.monotonic()
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=environ, timeout=timeout, check=False
    )
    seconds = time.monotonic() - start
    if check and done.returncode != 0:
        words = " ".join(command)
        raise AssertionError(f"{words}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return Done(done.returncode, done.stdout, done.stderr, seconds)


@contextlib.contextmanager
def running(command: Sequence[str], environ: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on until the block ends."""
    child = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        with child:
            try:
                yield child
            finally:
                child.kill()
    finally:
        child.wait()


def eventually(question: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """The first true answer to a question that is asked ten times a second."""
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            answer = question()
            if answer:
                return answer
            last = answer
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s; last seen: {last}")
        time.sleep(0.1)
