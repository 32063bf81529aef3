"""What of a cluster is still on the machine, found by other ways than `havok down` itself takes."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from havok.localcluster.layout import Layout


def traces(layout: Layout, network_namespace: str = "") -> list[str]:
    """Every process, mount, namespace, interface, route, rule and control group of the cluster, in words."""
    found = [*_processes(layout), *_interfaces(layout), *_rules(layout), *_groups(layout), *_mounts(layout)]
    if network_namespace:
        found += _namespaces(network_namespace)
    if layout.run.exists():
        found.append(f"folder {layout.run}")
    return found


def _processes(layout: Layout) -> Iterator[str]:
    wanted = f"HVK_CLUSTER={layout.name}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ours = wanted in (folder / "environ").read_bytes().split(b"\0")
            inside = f"/havok/{layout.name}/" in (folder / "cgroup").read_text()
            if ours or inside or f"{layout.root}/" in (folder / "cmdline").read_text():
                yield f"process {folder.name}"


def _interfaces(layout: Layout) -> Iterator[str]:
    for name in os.listdir("/sys/class/net"):  # noqa: PTH208
        if name == layout.addresses.bridge_name or name.startswith(f"hvk{layout.index}n"):
            yield f"interface {name}"
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True).stdout
    for line in routes.splitlines():
        if layout.addresses.bridge_name in line.split():
            yield f"route {line}"


def _rules(layout: Layout) -> Iterator[str]:
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    for line in saved.splitlines():
        if f"HAVOK-{layout.index}-" in line:
            yield f"rule {line}"


def _groups(layout: Layout) -> Iterator[str]:
    for folder, children, _ in os.walk("/sys/fs/cgroup"):
        if folder.endswith(layout.cgroup):
            children.clear()
            yield f"control group {folder}"


def _mounts(layout: Layout) -> Iterator[str]:
    """In every mount namespace of the machine, not in ours alone."""
    seen = set()
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            namespace = (table.parent / "ns/mnt").readlink()
            if namespace in seen:
                continue
            seen.add(namespace)
            for line in table.read_text().splitlines():
                if f"{layout.root}/" in line:
                    yield f"mount {line}"


def _namespaces(network_namespace: str) -> Iterator[str]:
    """A namespace lives as long as a process is in it or a mount holds it."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((folder / "ns/net").readlink()) == network_namespace:
                yield f"namespace of process {folder.name}"
            if network_namespace in (folder / "mountinfo").read_text():
                yield f"namespace mounted for process {folder.name}"
