"""From an empty folder to an app that is gone again, as the person at the keyboard sees it."""

import json

from scenario.cli.shell import Shell, read_until
from scenario.cli.stage import Stage

RUNNING = {"state": {"running": {"startedAt": "2026-11-24T09:30:00Z"}}}
BOOT = """\
apiVersion: app.logancloud.com/v1
kind: JavaBoot
metadata: {{name: {name}}}
spec:
  image: "shop/{name}"
  version: "1.4"
"""


def test_init_deploy_get_describe_delete(shell: Shell, stage: Stage) -> None:
    shell.write("pom.xml", "<project/>")
    assert shell("init", "--name", "pay").code == 0
    deployed = shell("deploy", "--no-wait")
    assert (deployed.code, deployed.out, deployed.err) == (0, "", "javaboot/pay created\n")
    assert shell("deploy", "--no-wait").err == "javaboot/pay unchanged\n"
    assert shell("deploy", "--no-wait", "--version", "2.0").err == "javaboot/pay changed\n"
    listed = shell("get", "boots")
    assert listed.out.splitlines()[0].split() == [
        "NAME", "KIND", "READY", "CURRENT", "WORKLOAD", "SERVICES", "VERSION", "AGE",
    ]  # fmt: skip
    assert listed.out.splitlines()[1].split()[:2] == ["pay", "JavaBoot"]
    assert "Version:     2.0" in shell("describe", "pay").out
    assert shell("delete", "pay", "--yes").err == "javaboot/pay deleted\n"
    assert stage.names() == []


def test_who_manages_the_fields(shell: Shell, stage: Stage) -> None:
    shell.write("boot.yaml", BOOT.format(name="pay"))
    shell("deploy", "--no-wait")
    managers = {entry["manager"] for entry in stage.find("pay")["metadata"]["managedFields"]}
    assert managers == {"havok-cli"}


def test_deploy_waits_says_for_what_and_ends_healthy(shell: Shell, stage: Stage) -> None:
    shell.write("boot.yaml", BOOT.format(name="pay"))
    process = shell.start("deploy", "--replicas", "2")
    read_until(process, "waiting for the operator to take it up")
    stage.take_up("pay")
    stage.pod("pay-new-a", "pay", RUNNING, ready=True)
    stage.pod("pay-new-b", "pay", {"state": {"waiting": {"reason": "ContainerCreating"}}})
    stage.event("pay-new-b", "Pulling", "Pulling image")
    line = read_until(process, "pulling image")
    assert line.startswith("javaboot/pay: 1 of 2 pods ready; pod pay-new-b: pulling image, ")
    stage.pod("pay-new-b", "pay", RUNNING, ready=True)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "javaboot/pay is healthy: 2 of 2 pods ready, version 1.4" in err
    assert "next: havok open pay" in err


def test_an_image_that_does_not_exist_is_exit_7_with_the_reason(shell: Shell, stage: Stage) -> None:
    shell.write("boot.yaml", BOOT.format(name="pay"))
    process = shell.start("deploy", HAVOK_LANG="zh")
    read_until(process, "等待 operator 接手")
    waiting = {"reason": "ErrImagePull", "message": "registry/shop/pay:1.4: not found"}
    stage.take_up("pay")
    stage.pod("pay-new-a", "pay", {"state": {"waiting": waiting}})
    _, err = process.communicate(timeout=30)
    assert process.returncode == 7
    assert "错误: javaboot/pay 不健康：镜像 registry/shop/pay:1.4 不存在 [deploy.image_missing]" in err


def test_ctrl_c_stops_the_waiting_and_not_the_roll_out(shell: Shell, stage: Stage) -> None:
    shell.write("boot.yaml", BOOT.format(name="pay"))
    process = shell.start("deploy")
    read_until(process, "waiting for the operator")
    ended = shell.interrupt(process)
    assert ended.code == 130
    assert "the roll-out of javaboot/pay goes on" in ended.err
    assert stage.names() == ["pay"]


def test_a_wait_that_is_too_long_ends_with_6(shell: Shell, stage: Stage) -> None:
    shell.write("boot.yaml", BOOT.format(name="pay"))
    ended = shell("deploy", "--timeout", "2s")
    assert ended.code == 6
    assert "[cli.deploy.timeout]" in ended.err
    assert stage.names() == ["pay"]


def test_one_mistake_in_a_folder_and_nothing_is_deployed(shell: Shell, stage: Stage) -> None:
    shell.write("apps/a.yaml", BOOT.format(name="a"))
    shell.write("apps/b.yaml", BOOT.format(name="b") + "  replicaz: 2\n")
    ended = shell("deploy", "apps", "--no-wait")
    assert ended.code == 2
    assert ended.err.startswith("error: apps/b.yaml:7: there is no field spec.replicaz [cli.manifest.field]")
    assert stage.names() == []


def test_several_documents_and_a_dry_run(shell: Shell, stage: Stage) -> None:
    shell.write("all.yaml", BOOT.format(name="a") + "---\n" + BOOT.format(name="b"))
    dry = shell("deploy", "all.yaml", "--dry-run")
    outcomes = [line for line in dry.err.splitlines() if not line.startswith(" ")]
    assert outcomes == ["javaboot/a created (dry run)", "javaboot/b created (dry run)"]
    assert '+ spec: {"image":"shop/a","version":"1.4"}' in dry.err
    assert stage.names() == []
    done = shell("deploy", "all.yaml", "--no-wait", "-o", "name")
    assert done.out.split() == ["javaboot.app.logancloud.com/a", "javaboot.app.logancloud.com/b"]
    assert stage.names() == ["a", "b"]


def test_what_the_server_refuses_is_told(shell: Shell) -> None:
    shell.write("boot.yaml", BOOT.format(name="pay"))
    ended = shell("deploy", "--replicas", "1000", "--no-wait")
    assert ended.code == 2
    assert "spec.replicas" in ended.err
    ended = shell("deploy", "--no-wait", "-n", "nowhere")
    assert (ended.code, "[cli.namespace.missing]" in ended.err) == (3, True)


def test_flags_alone(shell: Shell, stage: Stage) -> None:
    words = ["--name", "web", "--kind", "web", "--image", "shop/web", "--version", "3", "--port", "80"]
    done = shell("deploy", *words, "--no-wait", "-o", "json")
    assert json.loads(done.out)["spec"] == {"image": "shop/web", "version": "3", "port": 80}
    assert stage.find("web", "WebBoot")["kind"] == "WebBoot"
