"""The commands about a cluster that runs: each says what is, changes only what it must, and errs in words."""

import json
import os
import socket
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from havok.codec import decode_yaml
from havok.localcluster import oci
from scenario.cluster.apps import Echo
from support.cluster import NODE_PARTS, LocalCluster, eventually, havok_command

HOST_PARTS = ("supervisor", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "registry",
              "storage", "operator", "node-1")  # fmt: skip


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of loopback that this very process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def pids(cluster: LocalCluster) -> dict[str, int]:
    return {name: cluster.pid(name) for name in (*HOST_PARTS, *NODE_PARTS)}


def test_up_again_changes_nothing(
    cluster: LocalCluster, echo: Echo, record_property: Callable[[str, object], None]
) -> None:
    before = pids(cluster)
    done = cluster.up("-o", "json")
    record_property("second_up_seconds", round(done.seconds, 1))
    facts = json.loads(done.out)
    assert (facts["name"], facts["created"]) == (cluster.name, False)
    assert facts["api_url"] == cluster.layout.api_url
    assert set(facts["parts"]) >= {"binaries", "control-plane", "node"}
    assert pids(cluster) == before
    assert echo.answers()


def test_two_ups_at_once_both_succeed(cluster: LocalCluster) -> None:
    before = pids(cluster)
    command = havok_command("up", "--name", cluster.name)
    both = [
        subprocess.Popen(
            command, env=cluster.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [child.wait(120) for child in both] == [0, 0]
    assert pids(cluster) == before


def test_status_names_every_part_and_its_state(cluster: LocalCluster) -> None:
    done = cluster.havok("status", "--name", cluster.name)
    states = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in done.out.splitlines()}
    for part in (*HOST_PARTS, *(f"node-1/{name}" for name in NODE_PARTS), "node node-1", "coredns"):
        assert states[part].startswith("running"), part


def test_status_for_programs(cluster: LocalCluster) -> None:
    eventually(cluster.whole, "all parts run")
    rows = json.loads(cluster.havok("status", "--name", cluster.name, "-o", "json").out)
    by_name = {row["name"]: row for row in rows}
    assert by_name["etcd"]["pid"] == cluster.pid("etcd")
    assert {row["state"] for row in rows} == {"running"}
    assert all(set(row) == {"name", "state", "pid", "restarts", "since", "detail"} for row in rows)


def test_status_in_chinese(cluster: LocalCluster) -> None:
    done = cluster.havok("status", "--name", cluster.name, environ={"HAVOK_LANG": "zh"})
    assert "运行" in done.out


def test_the_kubeconfig_works_anywhere(cluster: LocalCluster, tmp_path: Path) -> None:
    text = cluster.havok("kubeconfig", "--name", cluster.name).out
    file = tmp_path / "config"
    file.write_text(text)
    done = cluster.kubectl(f"--kubeconfig={file}", "get", "--raw", "/readyz")
    assert done.out == "ok"


def test_merging_keeps_a_persons_other_clusters(cluster: LocalCluster, tmp_path: Path) -> None:
    file = tmp_path / "config"
    before = {
        "apiVersion": "v1", "kind": "Config", "current-context": "prod",
        "clusters": [{"name": "prod", "cluster": {"server": "https://prod.example"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }  # fmt: skip
    file.write_text(f"# mine\n{json.dumps(before)}\n")
    environ = {"KUBECONFIG": str(file)}
    merge = ("kubeconfig", "--merge", "--name", cluster.name)
    assert str(file) in cluster.havok(*merge, environ=environ).err
    (document,) = decode_yaml(file.read_text())
    for part in ("clusters", "contexts", "users"):
        assert document[part][0] == before[part][0]
    assert document["current-context"] == "prod"
    assert (tmp_path / "config.havok-backup").read_text().startswith("# mine\n")
    context = ("--kubeconfig", str(file), "--context", cluster.layout.context)
    assert cluster.kubectl(*context, "get", "--raw", "/readyz").out == "ok"
    assert "nothing was changed" in cluster.havok(*merge, environ=environ).err


def test_doctor_finds_nothing_wrong(cluster: LocalCluster) -> None:
    done = cluster.havok("doctor", "--name", cluster.name, "-o", "json")
    findings = {finding["check"]: finding["level"] for finding in json.loads(done.out)}
    assert {"platform", "packages", "port", "cgroups", "memory", "disk"} <= set(findings)
    assert "error" not in findings.values()


def test_a_cluster_keeps_its_port(cluster: LocalCluster) -> None:
    done = cluster.up("--api-port", "31999", check=False)
    assert done.code == 1
    assert f"API port {cluster.layout.api_port}" in done.err
    assert "[cluster.port.fixed]" in done.err


def test_a_taken_port_names_its_owner(cluster: LocalCluster, listener: int) -> None:
    other = LocalCluster("havok-test-port")
    done = other.up("--api-port", str(listener), check=False)
    assert done.code == 5
    assert f"port {listener}" in done.err
    assert f"(pid {os.getpid()})" in done.err
    assert not (other.home / "clusters" / other.name).exists()


@pytest.mark.parametrize("command", [("status",), ("kubeconfig",), ("image", "push", __file__)])
def test_a_cluster_that_does_not_exist(cluster: LocalCluster, command: tuple[str, ...]) -> None:
    done = cluster.havok(*command, "--name", "havok-test-none", check=False)
    assert done.code == 3
    assert "`havok up --name havok-test-none`" in done.err


@pytest.mark.parametrize("flags", [(), ("--purge", "--yes")])
def test_down_of_a_cluster_that_does_not_exist(cluster: LocalCluster, flags: tuple[str, ...]) -> None:
    done = cluster.havok("down", "--name", "havok-test-none", *flags)
    assert "was not running" in done.err


def test_a_name_that_cannot_be(cluster: LocalCluster) -> None:
    done = cluster.havok("up", "--name", "Ünfit", check=False)
    assert done.code == 2
    assert "[cluster.name.invalid]" in done.err


def test_purging_asks_first_and_without_a_terminal_refuses(cluster: LocalCluster) -> None:
    done = cluster.down("--purge", check=False)
    assert done.code == 2
    assert "--yes" in done.err
    assert cluster.status()["etcd"] == "running"


def test_pushing_tells_what_a_boot_says(cluster: LocalCluster, sample_archive: Path) -> None:
    push = ("image", "push", str(sample_archive), "--name", cluster.name, "--as", "team/app:2.0")
    done = cluster.havok(*push)
    assert done.out == "registry.havok.internal/team/app:2.0\n"
    assert 'image: "team/app", version: "2.0"' in done.err


def test_pushing_an_unpacked_layout(cluster: LocalCluster, sample_archive: Path, tmp_path: Path) -> None:
    with tarfile.open(sample_archive) as archive:
        archive.extractall(tmp_path, filter="data")
    push = ("image", "push", str(tmp_path), "--name", cluster.name, "--as", "team/app:3.0")
    assert cluster.havok(*push).out == "registry.havok.internal/team/app:3.0\n"


def test_pushing_a_docker_archive(cluster: LocalCluster, sample_archive: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.tar"
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci-archive:{sample_archive}",
         f"docker-archive:{saved}:team/saved:1.0"],
        check=True,
    )  # fmt: skip
    push = ("image", "push", str(saved), "--name", cluster.name)
    assert cluster.havok(*push).out == "registry.havok.internal/team/saved:1.0\n"


def test_pushing_junk_is_refused(cluster: LocalCluster) -> None:
    done = cluster.havok("image", "push", __file__, "--name", cluster.name, check=False)
    assert done.code == 2
    assert "[image.file.unknown]" in done.err


def test_a_damaged_image_is_refused_by_its_digest(cluster: LocalCluster, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    entry = oci.Entry("random", os.urandom(4096))
    oci.build_image(archive, name="team/bad:1.0", layers=[[entry]], config=oci.Config())
    with tarfile.open(archive) as layout:
        layout.extractall(tmp_path / "layout", filter="data")
    largest = max((tmp_path / "layout/blobs/sha256").iterdir(), key=lambda blob: blob.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 255
    largest.write_bytes(data)
    done = cluster.havok("image", "push", str(tmp_path / "layout"), "--name", cluster.name, check=False)
    assert done.code == 1
    assert "[image.push.failed]" in done.err
    assert cluster.known.password not in done.err
