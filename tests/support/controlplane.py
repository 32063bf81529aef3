"""A real API server for tests: etcd and kube-apiserver alone, without root, on loopback, in three seconds.

Nothing schedules or runs pods and no controller acts, so what a test writes stays as it was written. Both
processes die with the test process, also when that is killed.
"""

import csv
import ctypes
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from havok.clock import utcnow
from havok.kube import certificates
from havok.kube.kubeconfig import Access, Credentials
from havok.kube.tls import KeyPair, build_context
from support.binaries import binary

START_SECONDS = 60
PR_SET_PDEATHSIG = 1


class ControlPlane:
    """``with ControlPlane(folder) as plane: plane.access()``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = certificates.make_authority("test authority", utcnow())
        self.port, self._etcd_port = free_ports(2)
        self.tokens = {"token-of-viewer": ("viewer", ["viewers"])}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def server(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        try:
            self._write_files()
            self.resume()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End both; harmless when they ended already."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()

    def resume(self) -> None:
        """Start both again, on the data and the ports of before; blocks until ready."""
        self._start("etcd", self._etcd_flags())
        self._start("kube-apiserver", self._apiserver_flags())
        self._wait()

    def restart_apiserver(self) -> None:
        """Kill the API server and start it again on the same port and the same data; blocks until ready."""
        old = self._processes.pop()
        old.kill()
        old.wait()
        self._start("kube-apiserver", self._apiserver_flags())
        self._wait()

    def access(self, user: str = "admin", groups: Sequence[str] = ("system:masters",)) -> Access:
        """Access with a client certificate of its own."""
        leaf = certificates.issue(self.authority, user, utcnow(), groups=groups)
        credentials = Credentials(certificate=leaf.certificate, key=leaf.key)
        return Access(
            server=self.server, ca=self.authority.certificate, credentials=credentials, context_name="test"
        )

    def _write_files(self) -> None:
        hosts = ("127.0.0.1", "localhost", "kubernetes.default.svc")
        server = certificates.issue(self.authority, "server", utcnow(), hosts=hosts)
        kubelet_client = certificates.issue(self.authority, "apiserver", utcnow(), groups=("system:masters",))
        self._write("ca.crt", self.authority.certificate)
        for name, leaf in (("server", server), ("kubelet-client", kubelet_client)):
            self._write(f"{name}.crt", leaf.certificate)
            self._write(f"{name}.key", leaf.key)
        with (self.folder / "tokens.csv").open("w", newline="") as file:
            for token, (user, groups) in self.tokens.items():
                csv.writer(file).writerow([token, user, user, ",".join(groups)])

    def _write(self, name: str, data: bytes) -> None:
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)

    def _etcd_flags(self) -> list[str]:
        url = f"https://127.0.0.1:{self._etcd_port}"
        return [
            f"--data-dir={self.folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn",
            f"--listen-client-urls={url}", f"--advertise-client-urls={url}",
            "--listen-peer-urls=http://127.0.0.1:0", "--client-cert-auth",
            f"--trusted-ca-file={self.folder / 'ca.crt'}", f"--cert-file={self.folder / 'server.crt'}",
            f"--key-file={self.folder / 'server.key'}",
        ]  # fmt: skip

    def _apiserver_flags(self) -> list[str]:
        inside = self.folder
        return [
            f"--etcd-servers=https://127.0.0.1:{self._etcd_port}", f"--etcd-cafile={inside / 'ca.crt'}",
            f"--etcd-certfile={inside / 'server.crt'}", f"--etcd-keyfile={inside / 'server.key'}",
            "--bind-address=127.0.0.1", f"--secure-port={self.port}",
            # Never loopback; nobody connects to it, since nothing reconciles the kubernetes Service here.
            "--advertise-address=198.51.100.1", "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.254.0.0/16",
            f"--tls-cert-file={inside / 'server.crt'}", f"--tls-private-key-file={inside / 'server.key'}",
            f"--client-ca-file={inside / 'ca.crt'}", f"--token-auth-file={inside / 'tokens.csv'}",
            f"--kubelet-client-certificate={inside / 'kubelet-client.crt'}",
            f"--kubelet-client-key={inside / 'kubelet-client.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={inside / 'server.crt'}",
            f"--service-account-signing-key-file={inside / 'server.key'}",
            # Without a controller manager nobody makes the service accounts that this one insists on.
            "--disable-admission-plugins=ServiceAccount", "--authorization-mode=RBAC",
            "--profiling=false", "--shutdown-delay-duration=0s",
        ]  # fmt: skip

    def _start(self, name: str, flags: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(binary(name)), *flags], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                cwd=self.folder, preexec_fn=die_with_parent,
            )  # fmt: skip
        self._processes.append(process)

    def _wait(self) -> None:
        admin = self.access().credentials
        context = build_context(self.authority.certificate, KeyPair(admin.certificate, admin.key))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        last = "nothing"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self._check_alive()
            try:
                with opener.open(f"{self.server}/readyz", timeout=5):
                    return
            except urllib.error.HTTPError as error:
                last = str(error)
                error.close()
            except OSError as error:
                last = str(error)
            time.sleep(0.05)
        raise RuntimeError(f"the API server was not ready after {START_SECONDS} s, last answer: {last}")

    def _check_alive(self) -> None:
        for process in self._processes:
            if process.poll() is not None:
                name = Path(str(process.args[0])).name  # type: ignore[index]
                tail = (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{tail}")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on at the moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def die_with_parent() -> None:
    """Runs in the child: the kernel kills it when the thread that started it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
