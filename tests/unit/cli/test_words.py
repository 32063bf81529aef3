"""The words on a command line: kinds, names, ports, times, formats; and the tables that answer."""

import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.cli.boot_table import columns, row, state
from havok.cli.completion import SCRIPTS
from havok.cli.duration import seconds
from havok.cli.forward import Ports, parse_ports
from havok.cli.get import split
from havok.cli.kinds import BOOTS, split_words
from havok.cli.logs import whole_lines
from havok.cli.output import Column, Table, object_name, objects, parse_format, table
from havok.cli.top import usage_row
from havok.errors import UsageError

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "kinds", "names"),
    [
        (["pay"], 5, ["pay"]),
        (["java"], 5, ["java"]),
        (["boot", "pay"], 5, ["pay"]),
        (["javaboot", "pay", "shop"], 1, ["pay", "shop"]),
        (["javaboot/pay"], 1, ["pay"]),
        (["pay", "shop"], 5, ["pay", "shop"]),
    ],
)
def test_kinds_and_names(words: list[str], kinds: int, names: list[str]) -> None:
    found, left = split_words(words)
    assert (len(found), left) == (kinds, names)


def test_get_takes_the_kind_first() -> None:
    assert split(["boots"]) == (BOOTS, [])
    assert split(["boot/pay"]) == (BOOTS, ["pay"])
    assert split(["webboots", "pay"])[1] == ["pay"]
    with pytest.raises(UsageError, match="no kind of thing called pods"):
        split(["pods"])


@pytest.mark.parametrize(("text", "ports"), [("80", (80, 80)), ("9000:80", (9000, 80)), (":80", (0, 80))])
def test_ports(text: str, ports: tuple[int, int]) -> None:
    assert parse_ports(text) == Ports(*ports)


@pytest.mark.parametrize("text", ["", "x", "0", "80:", "1:2:3", "70000", "-1", "８０"])
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(UsageError, match="names no ports"):
        parse_ports(text)


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("7", 7), ("1.5m", 90)]
)
def test_lengths_of_time(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "0", "0s", "-5s", "5x", "m", "1h 30m"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError, match="no length of time"):
        seconds(text)


def test_formats() -> None:
    assert parse_format("jsonpath={.a}").template == "{.a}"
    for text in ("jso", "jsonpath", "json={.a}", ""):
        with pytest.raises(UsageError, match="no output format"):
            parse_format(text)


def test_a_table_counts_chinese_as_two_and_shows_empty_cells() -> None:
    text = table((Column("A"), Column("B"), Column("C", wide=True)), [("应用", "1", "x"), ("", "22", "y")])
    assert text.splitlines() == ["A      B", "应用   1", "-      22"]


def test_a_growing_table_keeps_its_widths_and_its_one_heading() -> None:
    grown = Table((Column("NAME"), Column("N")))
    assert grown.render([("a-long-name", "1")]).splitlines() == ["NAME          N", "a-long-name   1"]
    assert grown.render([("x", "2")]) == "x             2"
    assert Table((Column("A"),), headers=False).render([]) == ""


def test_objects_for_programs() -> None:
    item = {"apiVersion": "app.logancloud.com/v1", "kind": "JavaBoot",
            "metadata": {"name": "pay", "managedFields": [{"manager": "x"}]}}  # fmt: skip
    assert object_name(item) == "javaboot.app.logancloud.com/pay"
    assert object_name({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}}) == "event/e"
    assert "managedFields" not in objects([item], parse_format("yaml"), single=True)
    assert objects([item], parse_format("jsonpath={.items[0].metadata.name}"), single=False) == "pay"


def test_a_boot_as_a_row() -> None:
    boot = {
        "metadata": {"name": "pay", "namespace": "shop", "creationTimestamp": "2026-11-24T09:29:00Z"},
        "spec": {"replicas": 3, "version": "1.4"},
        "status": {"readyReplicas": 2, "currentReplicas": 3, "workload": "Deployment", "services": "pay"},
    }
    cells = row("JavaBoot", boot, NOW, namespaces=True)
    heads = [column.heading for column in columns(namespaces=True)]
    shown = dict(zip(heads, cells, strict=True))
    assert (shown["READY"], shown["AGE"], shown["VERSION"]) == ("2/3", "60s", "1.4")
    fresh = {"metadata": {"name": "a", "namespace": "b"}, "spec": {}}
    assert row("JavaBoot", fresh, NOW, namespaces=False)[2] == "0/?"


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([], ""),
        ([{"type": "Ready", "status": "True", "reason": "AllReady"}], "Ready"),
        ([{"type": "Ready", "status": "False", "reason": "PodsNotReady"}], "PodsNotReady"),
        (
            [
                {"type": "Ready", "status": "False", "reason": "PodsNotReady"},
                {"type": "Degraded", "status": "True", "reason": "ImageMissing"},
            ],
            "ImageMissing",
        ),
    ],
)
def test_the_state_is_the_worst_condition(conditions: list[dict[str, str]], words: str) -> None:
    assert state({"status": {"conditions": conditions}}) == words


def test_usage_is_added_up_and_rounded_up() -> None:
    usage = [{"usage": {"cpu": "1200300n", "memory": "10Mi"}}, {"usage": {"cpu": "250m", "memory": "1Ki"}}]
    item: dict[str, Any] = {
        "metadata": {"name": "pay-1", "namespace": "shop", "labels": {"bootName": "pay"}}, "containers": usage
    }  # fmt: skip
    assert usage_row(item) == ("shop", "pay", "pay-1", "252m", "11Mi")


@given(st.lists(st.binary(max_size=12), max_size=8))
async def test_lines_cut_anywhere_come_out_whole(blocks: list[bytes]) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    found = [line async for lines in whole_lines(stream()) for line in lines]
    expected = b"".join(blocks).split(b"\n")
    expected = expected if expected[-1] else expected[:-1]
    assert found == [line.decode("utf-8", "replace") for line in expected]


def test_the_bash_script_is_bash() -> None:
    subprocess.run(["bash", "-n"], input=SCRIPTS["bash"], text=True, check=True)
