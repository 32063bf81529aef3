"""get, describe, events, top and completion on a real API server."""

import json
from pathlib import Path

from scenario.cli.shell import Shell, read_until, write_kubeconfig
from scenario.cli.stage import Stage

RUNNING = {"state": {"running": {"startedAt": "2026-11-24T09:30:00Z"}}}


def test_lists_of_all_kinds_and_of_one(shell: Shell, stage: Stage) -> None:
    stage.boot("pay")
    stage.boot("front", "WebBoot")
    rows = shell("get", "boots", "--no-headers").out.splitlines()
    assert [row.split()[:2] for row in rows] == [["front", "WebBoot"], ["pay", "JavaBoot"]]
    for word in ("webboots", "webboot", "web", "WebBoot"):
        assert shell("get", word, "-o", "name").out == "webboot.app.logancloud.com/front\n"
    assert shell("get", "boots", "front", "pay", "-o", "jsonpath={.items[*].spec.version}").out == "1.4 1.4\n"
    assert stage.namespace in shell("get", "boots", "-A").out
    wide = shell("get", "boots", "-o", "wide").out
    assert "IMAGE" in wide and "shop/pay" in wide


def test_json_is_the_object_and_parses(shell: Shell, stage: Stage) -> None:
    stage.boot("pay")
    one = json.loads(shell("get", "boot", "pay", "-o", "json").out)
    assert (one["kind"], one["metadata"]["name"]) == ("JavaBoot", "pay")
    assert "managedFields" not in one["metadata"]
    several = json.loads(shell("get", "boots", "-o", "json").out)
    assert (several["kind"], len(several["items"])) == ("List", 1)


def test_an_empty_namespace_is_said_on_standard_error(shell: Shell, stage: Stage) -> None:
    done = shell("get", "boots")
    assert (done.code, done.out) == (0, "")
    assert f"no Boots in namespace {stage.namespace}" in done.err
    assert json.loads(shell("get", "boots", "-o", "json").out)["items"] == []


def test_names_that_are_nearly_right_and_names_of_two(shell: Shell, stage: Stage) -> None:
    stage.boot("payment")
    ended = shell("describe", "paymnet")
    assert ended.code == 3
    assert "did you mean payment?" in ended.err
    stage.boot("payment", "WebBoot")
    ended = shell("describe", "payment")
    assert (ended.code, "[cli.boot.ambiguous]" in ended.err) == (5, True)
    assert "Kind:        WebBoot" in shell("describe", "webboot/payment").out


def test_a_watch_prints_every_change_and_ends_with_130(shell: Shell, stage: Stage) -> None:
    stage.boot("pay", replicas=1)
    process = shell.start("get", "boots", "-w", "-o", "json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["spec"]["replicas"] == 1
    stage.take_up("pay")
    assert json.loads(process.stdout.readline())["status"]["workload"] == "Deployment"
    shell("delete", "pay", "--yes")
    read_until(process, "javaboot/pay deleted")
    assert shell.interrupt(process).code == 130


def test_describe_tells_pods_events_and_what_is_awaited(shell: Shell, stage: Stage) -> None:
    stage.boot("pay", env=[{"name": "MODE", "value": "test"}])
    stage.take_up("pay", services="pay")
    stage.pod("pay-new-a", "pay", RUNNING)
    stage.event("pay-new-a", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500")
    page = shell("describe", "pay").out
    assert "State:       0 of 1 pods ready; pod pay-new-a: running, health check failing: HTTP 500" in page
    assert "MODE   test" in page
    assert "pay-new-a   0/1     Running" in page
    assert "Unhealthy" in page
    assert "状态：" in shell("describe", "pay", HAVOK_LANG="zh").out
    assert "pod/pay-new-a" in shell("events", "pay").out


def test_someone_without_rights_is_exit_4(shell: Shell, stage: Stage) -> None:
    token = next(iter(stage.plane.tokens))
    path = write_kubeconfig(shell.folder / "viewer", stage.plane, namespace=stage.namespace, token=token)
    ended = shell("get", "boots", "--kubeconfig", str(path))
    assert (ended.code, ended.out) == (4, "")
    assert "[kube.forbidden]" in ended.err


def test_an_unreachable_cluster_is_told_as_such(shell: Shell, stage: Stage) -> None:
    text = (
        Path(shell.environ["KUBECONFIG"])
        .read_text("utf-8")
        .replace(stage.plane.server, "https://127.0.0.1:1")
    )
    path = shell.write("dead", text)
    ended = shell("get", "boots", "--kubeconfig", str(path))
    assert (ended.code, ended.out) == (1, "")
    assert "127.0.0.1:1" in ended.err


def test_top_without_a_metrics_server(shell: Shell) -> None:
    ended = shell("top")
    assert (ended.code, "[cli.top.unavailable]" in ended.err) == (1, True)


def test_logs_and_exec_without_pods(shell: Shell, stage: Stage) -> None:
    stage.boot("pay")
    assert shell("logs", "pay").err == "pay has no pods yet\n"
    ended = shell("exec", "pay", "--", "true")
    assert (ended.code, "[cli.pod.none]" in ended.err) == (1, True)


def test_completion_knows_live_names_and_keeps_them(shell: Shell, stage: Stage) -> None:
    stage.boot("pay")
    assert shell("__complete", "describe", "").out == "pay\n"
    stage.boot("shop")
    assert shell("__complete", "describe", "").out == "pay\n"
    assert stage.namespace in shell("__complete", "get", "boots", "-n", "").out.split()
    assert shell("__complete", "get", "boots", "--context", "").out == "test\n"
    assert "deploy\t" in shell("__complete", "dep").out
    assert "--previous\t" in shell("__complete", "logs", "pay", "--pre").out
    assert shell("__complete", "deploy", "").out == ":files\n"
    assert shell("__complete", "get", "").out.split()[0] == "boots"


def test_completion_is_silent_without_a_cluster(shell: Shell) -> None:
    done = shell("__complete", "describe", "", KUBECONFIG="/nonexistent")
    assert (done.code, done.out, done.err) == (0, "", "")
