"""The page about the operator names everything that programs can meet, in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from havok.boots import config, names
from havok.boots.metrics import Metrics
from havok.boots.rules import REASONS
from havok.crds import BOOT_KINDS

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs/reference/operator.md", ROOT / "docs/zh/reference/operator.md"]
PROGRESS = {"unseen", "condition", "no_operator", "no_pods", "no_workload", "old", "scaled_to_zero"}
"""What is said of a roll-out that is no trouble of a pod."""


def calls(function: str) -> Iterator[ast.Call]:
    """Every call of a function of this name in the operator's sources."""
    for file in sorted((ROOT / "src/havok/boots").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if name == function:
                    yield node


def words(function: str, position: int) -> set[str]:
    """The literals at a position of all its calls."""
    found = (call.args[position] for call in calls(function) if len(call.args) > position)
    return {one.value for one in found if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def fields(struct: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}


@pytest.fixture(params=PAGES, ids=["en", "zh"])
def page(request: pytest.FixtureRequest) -> str:
    return Path(request.param).read_text("utf-8")


def has(page: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", page) is not None


def test_annotations(page: str) -> None:
    given = {value for value in vars(names).values() if isinstance(value, str)}
    told = {one for one in given if one.startswith((names.PREFIX, "logan/")) and one != names.PREFIX}
    assert len(told) > 30
    assert [one for one in sorted(told) if f"`{one}`" not in page] == []


def test_conditions_and_their_reasons(page: str) -> None:
    found = words("_condition", 0) | words("_condition", 2) | words("Problem", 0) | words("News", 1)
    assert {"Ready", "Degraded", "ConfigCurrent", "NotOurs", "Newest"} <= found
    assert [one for one in sorted(found | {*REASONS.values()}) if not has(page, one)] == []


def test_reasons_that_pods_give(page: str) -> None:
    keys = words("Note", 0) - PROGRESS
    assert len(keys) > 20
    reasons = {"".join(part.capitalize() for part in key.split("_")) for key in keys}
    assert [one for one in sorted(reasons) if f"`{one}`" not in page] == []


def test_events(page: str) -> None:
    found = words("say", 1) | words("event", 2) | {f"Updated{what}" for what in words("_patch_boot", 1)}
    assert {"RolledBack", "ConfigInForce", "UpdatedBootDefaulters"} <= found
    assert [one for one in sorted(found) if not has(page, one)] == []


def test_metrics(page: str) -> None:
    found = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics().registry.collect()
    } | {f"{kind.singular}_info" for kind in BOOT_KINDS}
    assert len(found) > 10
    assert [one for one in sorted(found) if f"`{one}`" not in page] == []


def test_keys_of_the_central_config(page: str) -> None:
    keys = {f"app.{one}" for one in fields(config.AppBlock)} | fields(config.Block) - {"app", "settings"}
    keys |= {f"settings.{one}" for one in fields(config.SettingsBlock)} | fields(config.IngressBlock)
    assert [one for one in sorted(keys) if not has(page, one)] == []
