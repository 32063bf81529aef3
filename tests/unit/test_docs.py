"""The documentation is true: generated pages are current, links lead somewhere, command lines parse."""

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
import urllib.parse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from havok.cli import catalogue, commands
from havok.cli.command import global_parameters, load
from havok.localcluster.binaries import TABLE
from havok.settings import OUTSIDE, REGISTRY

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
OUTPUTS = {"text", "yaml", "toml", "json", "xml"}
"""Fenced blocks that are not command lines."""


def generator() -> ModuleType:
    """scripts/docs.py, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("havok_docs", ROOT / "scripts" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


DOCS = generator()


def markdown() -> list[Path]:
    """Every page that people read."""
    folders = ("docs", "examples", "benchmarks")
    found = [*ROOT.glob("*.md"), *(page for folder in folders for page in (ROOT / folder).rglob("*.md"))]
    return sorted(page for page in found if "build" not in page.parts)


def written() -> list[Path]:
    """The pages that are not generated."""
    return [page for page in markdown() if page.relative_to(ROOT).as_posix() not in DOCS.pages()]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_generated_pages_are_current() -> None:
    assert DOCS.outdated() == []


def test_chinese_pages_say_what_the_english_ones_say() -> None:
    assert DOCS.stale_translations() == []


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    for setting in REGISTRY:
        assert f"## {setting.name}\n" in page
        assert f"`{setting.variable}`" in page
    assert all(variable in page for variable in OUTSIDE)


@pytest.mark.parametrize("path", ["docs/reference/errors.md", "docs/zh/reference/errors.md"])
def test_every_error_is_documented(path: str) -> None:
    headings = set(re.findall(r"^### (\S+)$", (ROOT / path).read_text("utf-8"), re.M))
    assert headings == set(catalogue.pages())


def test_every_command_is_documented() -> None:
    reference = (ROOT / "docs/reference/cli.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in commands.names():
        assert f"### havok {command}\n" in reference
        if command not in ("serve", "completion", "version"):
            assert re.search(rf"`(havok )?{command}\b", readme), command


@pytest.mark.parametrize("page", markdown(), ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    for target in (match["target"] for match in LINK.finditer(text)):
        if urllib.parse.urlsplit(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{name(page)}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{name(page)}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command_lines(page: Path) -> Iterator[str]:
    """Lines of fenced shell blocks, continued ones joined, comments and prompts left out."""
    for block in FENCE.finditer(page.read_text("utf-8")):
        if block["kind"] in OUTPUTS:
            continue
        for line in block["body"].replace("\\\n", " ").splitlines():
            if (plain := line.strip().removeprefix("$ ")) and not plain.startswith("#"):
                yield plain


def havok_calls(line: str) -> Iterator[list[str]]:
    """The arguments of each `havok` in a command line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    call: list[str] | None = None
    for word in lexer:
        if call is not None and set(word) <= set("|&;<>()"):
            yield call
            call = None
        elif call is not None:
            call.append(word)
        elif word == "havok" or word.endswith("/havok"):
            call = []
    if call is not None:
        yield call


def inline_calls(page: Path) -> Iterator[list[str]]:
    """`havok …` in running text."""
    for span in re.findall(r"`(havok [^`\n]+)`", FENCE.sub("", page.read_text("utf-8"))):
        yield from havok_calls(span)


@cache
def loaded(word: str) -> Any:
    entry = commands.find(word)
    assert entry is not None, f"there is no command {word}"
    return load(entry)


def complaint(arguments: list[str]) -> str:
    """What the parser says to a command line; empty when it takes it."""
    word, *rest = arguments or ["--help"]
    if word.startswith("-") or word == "COMMAND" or not set(word) - set("…"):
        return ""
    if word not in commands.names():
        return f"there is no command {word}"
    command = loaded(word)
    children = getattr(command, "commands", {})
    if children and rest:
        command, rest = children.get(rest[0]), rest[1:]
        if command is None:
            return f"there is no command {' '.join(arguments[:2])}"
    rest = [one for one in rest if one not in ("-v", "--verbose", "--no-input")]
    values = [one for one in rest if one not in ("…", "...")]
    context = typer.Context(command)
    try:
        command.make_parser(context).parse_args(values)
    except typer.TyperException as error:
        return str(error.message)
    return ""


def test_the_parser_of_this_test_refuses_what_the_command_line_refuses() -> None:
    assert complaint(["deploy", "--nonsense"])
    assert complaint(["deplo"])
    assert complaint(["image", "pull"])
    assert not complaint(["deploy", "-f", "boot.yaml", "--timeout", "5m"])
    assert {name for one in global_parameters() for name in one.opts} >= {"--verbose", "-v", "--no-input"}


@pytest.mark.parametrize("page", written(), ids=name)
def test_command_lines_parse(page: Path) -> None:
    calls = [call for line in command_lines(page) for call in havok_calls(line)]
    for call in [*calls, *inline_calls(page)]:
        assert not (said := complaint(call)), f"{name(page)}: havok {' '.join(call)}: {said}"


@pytest.mark.parametrize("page", written(), ids=name)
def test_settings_named_in_pages_exist(page: Path) -> None:
    known = {setting.variable for setting in REGISTRY} | OUTSIDE
    assert set(re.findall(r"\bHAVOK_[A-Z_]+\b", page.read_text("utf-8"))) <= known


@pytest.mark.parametrize("page", written(), ids=name)
def test_make_targets_named_in_pages_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    text = page.read_text("utf-8")
    named = re.findall(r"(?:`|^|&& )make (?:[A-Z]+=\S+ )?([a-z]+)\b", text, re.M)
    assert set(named) <= targets


@pytest.mark.parametrize("page", written(), ids=name)
def test_files_named_in_pages_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for path in re.findall(r"`((?:src|docs|tests|scripts|deploy|examples|requirements)/[\w./-]+)`", text):
        generated = re.search(r"examples/[\w-]+/build\b", path)
        assert generated or (ROOT / path).exists(), path


@pytest.mark.parametrize("folder", ["docs", "docs/zh"])
def test_versions_of_ready_binaries_are_the_pinned_ones(folder: str) -> None:
    text = (ROOT / folder / "how-to/binaries-without-building.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    said = {name: row.split("|")[2].strip() for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert said == {name: one.group.version for name, one in TABLE.items() if not one.ours}


def tracked() -> list[Path]:
    """Every file of the repository that is text and is not a list of hashes."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("this is no git checkout")
    files = (ROOT / path for path in listing.stdout.split("\0") if path and not path.endswith("go.sum"))
    return [file for file in files if file.is_file()]


def test_no_file_names_a_machine_or_an_index() -> None:
    """Whoever clones this has other folders and other registries."""
    private = re.compile(
        r"/[w]ork/|/[r]oot/[a-z]|--(?:extra-)?index-url\s*[= ]?http|^index-url|https?://[\w.-]+/simple\b",
        re.M,
    )
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in tracked()
        if (match := private.search(file.read_text("utf-8", errors="ignore")))
    ]
    assert found == []


def test_locked_dependencies_name_no_index() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in file.read_text("utf-8"), file.name


def test_every_dependency_is_locked_and_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    locked = (ROOT / "requirements/run.txt").read_text("utf-8")
    reasons = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## Libraries")[2].partition("\n## ")[0]
    for requirement in project["dependencies"]:
        library = re.split(r"[<>=~! \[]", requirement)[0]
        assert re.search(rf"^{library}==", locked, re.M), library
        assert library in reasons.lower(), library
