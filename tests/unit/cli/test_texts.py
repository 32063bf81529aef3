"""Texts of the command line: both languages, every key, the same values."""

import ast
import string
from pathlib import Path
from typing import Any

import pytest

import havok
from havok.cli import catalogue
from havok.cli.command import load
from havok.cli.commands import COMMANDS
from havok.text import catalogue as texts
from havok.text import say

SOURCES = Path(havok.__file__).parent / "cli"


def flat(table: dict[str, Any], head: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{head}{key}.")
        else:
            found[f"{head}{key}"] = value
    return found


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_languages_have_the_same_keys_and_values() -> None:
    english = flat(texts("cli", "en"))
    chinese = flat({key: value for key, value in texts("cli", "zh").items() if key != "errors"})
    assert english.keys() == chinese.keys()
    for key, template in english.items():
        if not key.endswith((".example", ".usage", ".more")):
            assert fields(template) == fields(chinese[key]), key


def test_every_error_has_its_chinese() -> None:
    entries = texts("cli", "zh")["errors"]
    raised = {code for code in catalogue.pages() if code.startswith("cli.")}
    assert raised == set(entries)


def test_the_values_of_chinese_errors_are_in_their_context() -> None:
    entries = texts("cli", "zh")["errors"]
    checked = set()
    for file in SOURCES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                not isinstance(node, ast.Call)
                or len(node.args) < 2
                or not isinstance(node.args[0], ast.Constant)
            ):
                continue
            code = node.args[0].value
            if isinstance(code, str) and code in entries:
                given = {keyword.arg for keyword in node.keywords}
                entry = entries[code]
                assert fields(entry["message"]) | fields(entry.get("hint", "")) <= given, code
                checked.add(code)
    assert len(checked) > 40


@pytest.mark.parametrize(
    "entry", [one for one in COMMANDS if one.group != "cluster"], ids=lambda one: one.name
)
def test_every_option_is_explained(entry: Any) -> None:
    for parameter in load(entry).params:
        if parameter.name != "help":
            assert parameter.help, f"{entry.name} {parameter.name}"
            assert say(f"cli.{parameter.help}", "en") != say(f"cli.{parameter.help}", "zh")


def test_every_fatal_reason_has_a_next_step() -> None:
    assert texts("cli", "en")["failure"].keys() <= texts("cli", "en")["rollout"].keys()
