"""`havok down`: nothing is left on the machine but the data, and with `--purge` not even that."""

import os
import signal
import subprocess
from pathlib import Path

from havok.localcluster.down import leftovers
from scenario.cluster.apps import Echo
from scenario.cluster.leftovers import traces
from support.cluster import LocalCluster, eventually, havok_command


def network_namespace(cluster: LocalCluster) -> str:
    return str(Path(f"/proc/{cluster.node_init}/ns/net").readlink())


def test_the_search_for_traces_finds_them(cluster: LocalCluster) -> None:
    found = traces(cluster.layout, network_namespace(cluster))
    kinds = {line.split(" ")[0] for line in found}
    assert kinds == {"process", "interface", "route", "rule", "control", "mount", "namespace", "folder"}


def test_down_leaves_the_data_and_nothing_else(cluster: LocalCluster, echo: Echo) -> None:
    layout, namespace = cluster.layout, network_namespace(cluster)
    assert "`havok up` brings it back" in cluster.down().err
    assert leftovers(layout) == []
    assert traces(layout, namespace) == []
    assert (layout.etcd / "member").is_dir()


def test_down_again_says_that_nothing_ran(cluster: LocalCluster) -> None:
    assert "was not running" in cluster.down().err


def test_a_cluster_that_is_down_is_told_as_stopped(cluster: LocalCluster) -> None:
    done = cluster.havok("status", "--name", cluster.name, check=False)
    assert done.code == 7
    assert "stopped" in done.out
    failed = cluster.kubectl("get", "nodes", "--request-timeout=3s", check=False)
    assert failed.code != 0


def test_up_brings_back_what_was_deployed_also_when_it_was_killed_half_way(
    cluster: LocalCluster, echo: Echo
) -> None:
    for stage in ("bridge", "etcd", "node"):
        up = subprocess.Popen(
            havok_command("up", "--name", cluster.name),
            env=cluster.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert up.stderr is not None
        with up.stderr:
            next(line for line in up.stderr if stage in line)
            up.kill()
        up.wait()
    cluster.up()
    eventually(cluster.whole, "all parts run")
    echo.answers_eventually(90)


def test_down_after_the_supervisor_was_killed_leaves_nothing(cluster: LocalCluster) -> None:
    layout, namespace = cluster.layout, network_namespace(cluster)
    os.kill(cluster.pid("supervisor"), signal.SIGKILL)
    cluster.down()
    assert leftovers(layout) == []
    assert traces(layout, namespace) == []


def test_down_after_the_node_and_containerd_were_killed_leaves_nothing(cluster: LocalCluster) -> None:
    cluster.up()
    layout, namespace = cluster.layout, network_namespace(cluster)
    for pid in (cluster.pid("supervisor"), cluster.pid("containerd"), cluster.node_init):
        os.kill(pid, signal.SIGKILL)
    cluster.down()
    assert leftovers(layout) == []
    assert traces(layout, namespace) == []


def test_down_after_a_reboot_has_nothing_to_do(cluster: LocalCluster) -> None:
    assert "was not running" in cluster.down().err


def test_a_damaged_record_is_an_error_and_purge_the_way_out(cluster: LocalCluster) -> None:
    record = cluster.layout.root / "cluster.json"
    layout, before = cluster.layout, record.read_bytes()
    record.write_bytes(before[: len(before) // 2])
    for command in ("up", "status", "down"):
        done = cluster.havok(command, "--name", cluster.name, check=False)
        assert done.code == 1
        assert "[cluster.record.damaged]" in done.err
        assert f"`havok down --name {cluster.name} --purge`" in done.err
    cluster.purge()
    assert not layout.root.exists()
    assert traces(layout) == []
    assert cluster.name not in [path.name for path in (cluster.home / "clusters").glob("*")]
