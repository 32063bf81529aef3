"""`havok config` on a real API server, from a kubeconfig alone."""

import json

from havok.boots.config import digest_of
from havok.kube.resources import CONFIGMAPS
from scenario.cli.shell import Done, Shell
from scenario.cli.stage import Stage

NAME = "logan-app-operator-config"
OLD = "java:\n  app: {port: 8080}\n"
REACHES = OLD + "  settings: {registry: r.example}\n"


def havok(shell: Shell, stage: Stage, *words: str) -> Done:
    return shell("config", *words, "-n", stage.namespace)


def in_force(stage: Stage) -> str:
    found = stage.ask(lambda client: client.get(CONFIGMAPS, NAME, stage.namespace))
    return str(found["data"]["config.yaml"])


def test_set_makes_the_config_and_show_prints_it(shell: Shell, stage: Stage) -> None:
    shell.write("c.yaml", OLD)
    missing = havok(shell, stage, "show")
    assert (missing.code, "[cli.config.absent]" in missing.err) == (3, True)
    tried = havok(shell, stage, "set", "c.yaml", "--dry-run")
    assert (tried.code, "nothing was written" in tried.err) == (0, True)
    assert havok(shell, stage, "show").code == 3
    assert havok(shell, stage, "set", "c.yaml").code == 0
    shown = havok(shell, stage, "show")
    assert (shown.code, shown.out) == (0, OLD)
    assert f"version {digest_of(OLD)} of {stage.namespace}/{NAME}" in shown.err
    said = json.loads(havok(shell, stage, "show", "-o", "json").out)
    assert (said["hash"], said["text"]) == (digest_of(OLD), OLD)
    broken = {"data": {"config.yaml": "java: ["}}
    stage.ask(lambda client: client.patch(CONFIGMAPS, NAME, stage.namespace, body=broken, field_manager="x"))
    assert "the last good one stays in force: central config, line 1" in havok(shell, stage, "show").err
    stage.ask(
        lambda client: client.patch(
            CONFIGMAPS, NAME, stage.namespace, body={"data": {"config.yaml": OLD}}, field_manager="x"
        )
    )
    assert "exactly this text already" in havok(shell, stage, "set", "c.yaml").err


def test_mistakes_are_told_with_their_lines_before_any_cluster_is_asked(shell: Shell, stage: Stage) -> None:
    shell.write("broken.yaml", "java:\n  app:\n    port: '80'\n")
    for verb in ("check", "diff", "set"):
        ended = shell("config", verb, "broken.yaml", "--kubeconfig", "/nowhere")
        assert ended.code == 2
        assert "line 3: java.app.port must be a whole number, not the text '80'" in ended.err
    shell.write("odd.yaml", "java:\n  appp: {}\n")
    lenient = shell("config", "check", "odd.yaml", "--offline")
    assert (lenient.code, "line 2: java.appp is not known" in lenient.err) == (0, True)
    for words in (("check", "odd.yaml", "--strict"), ("set", "odd.yaml")):
        strict = havok(shell, stage, *words)
        assert (strict.code, "[cli.config.ineffective]" in strict.err) == (2, True)


def test_a_check_names_the_boots_that_a_change_reaches_and_those_it_breaks(
    shell: Shell, stage: Stage
) -> None:
    stage.boot("pay")
    stage.boot("front", "WebBoot")
    shell.write("old.yaml", OLD)
    shell.write("new.yaml", REACHES)
    assert havok(shell, stage, "set", "old.yaml", "--yes").code == 0
    found = json.loads(havok(shell, stage, "check", "new.yaml", "-o", "json").out)
    mine = [label for label in found["reached"] if label.startswith(stage.namespace)]
    assert (mine, found["invalid"]) == ([f"{stage.namespace}/javaboot/pay"], {})
    told = havok(shell, stage, "diff", "new.yaml").out
    assert "+  settings: {registry: r.example}" in told
    assert "at their next deploy; until then nothing of them changes" in told

    bad = OLD + "  sideCarContainers: [{name: Not_A_Label, image: a}]\n"
    shell.write("bad.yaml", bad)
    checked = havok(shell, stage, "check", "bad.yaml")
    assert (checked.code, "[cli.config.invalid]" in checked.err) == (2, True)
    assert f"  {stage.namespace}/javaboot/pay: " in checked.out
    assert "Not_A_Label" in checked.out
    refused = havok(shell, stage, "set", "bad.yaml")
    assert (refused.code, in_force(stage)) == (2, OLD)
    assert havok(shell, stage, "set", "bad.yaml", "--yes").code == 0
    assert in_force(stage) == bad


def test_a_change_by_somebody_else_is_not_overwritten(shell: Shell, stage: Stage) -> None:
    from havok.cli.config_source import Place, Source
    from havok.errors import ConflictError
    from havok.kube import Client

    shell.write("old.yaml", OLD)
    havok(shell, stage, "set", "old.yaml", "--yes")

    async def race(client: Client) -> str:
        source = Source(client, Place(stage.namespace, NAME))
        seen = await source.read()
        await source.write(seen, REACHES, dry_run=False)
        try:
            await source.write(seen, OLD, dry_run=False)
        except ConflictError as error:
            return error.code
        return "overwritten"

    assert stage.ask(race) == "cli.config.changed"
    assert in_force(stage) == REACHES


def test_settings_say_where_the_config_is(shell: Shell, stage: Stage) -> None:
    shell.write("c.yaml", OLD)
    place = {"HAVOK_OPERATOR_NAMESPACE": stage.namespace, "CONFIGMAP_NAME": "ours"}
    assert shell("config", "set", "c.yaml", **place).code == 0
    assert f"of {stage.namespace}/ours" in shell("config", "show", **place).err
    other = shell("config", "show", **{**place, "HAVOK_OPERATOR_CONFIG_MAP": "other"})
    assert (other.code, f"there is no central config {stage.namespace}/other" in other.err) == (3, True)
    assert "HAVOK_OPERATOR_NAMESPACE" in other.err
    elsewhere = {**place, "HAVOK_OPERATOR_CONFIG_MAP": "other"}
    by_flag = shell("config", "show", "--config-map", "ours", **elsewhere)
    assert by_flag.out == OLD
