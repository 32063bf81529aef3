"""What people read: both languages have every text, every error has its Chinese, nothing is left over."""

import ast
import re
import string
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import havok
from havok import text
from havok.cli import catalogue
from havok.errors import HavokError, NotFoundError

SOURCES = Path(havok.__file__).parent
ENGLISH_IN_TEXTS = {"deploy"}
"""Domains of errors whose sentences are texts in both languages, not sentences at a `raise`."""
FREE = (".example", ".usage", ".more")
"""Keys whose braces are a command's, not ours."""


@cache
def domains() -> tuple[str, ...]:
    names = (file.name for file in resources.files("havok.texts").iterdir())
    return tuple(sorted({name.split(".")[0] for name in names if name.endswith(".toml")}))


def flat(table: dict[str, Any], head: str = "") -> dict[str, str]:
    """Dotted key → text, the errors left out."""
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{head}{key}.") if head or key != "errors" else {}
        else:
            found[f"{head}{key}"] = value
    return found


def fields(template: str) -> set[str]:
    """The names of the values that a text has place for."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def chinese(code: str) -> dict[str, str] | None:
    found: dict[str, str] | None = text.catalogue(code.split(".")[0], "zh").get("errors", {}).get(code)
    return found


def raised() -> dict[str, catalogue.Page]:
    return {
        code: page for code, page in catalogue.pages().items() if code.split(".")[0] not in ENGLISH_IN_TEXTS
    }


@pytest.mark.parametrize("domain", domains())
def test_both_languages_have_the_same_keys_with_the_same_values(domain: str) -> None:
    english, chinese = (flat(text.catalogue(domain, language)) for language in text.LANGUAGES)
    assert english.keys() == chinese.keys()
    differing = [
        key for key in english if not key.endswith(FREE) and fields(english[key]) != fields(chinese[key])
    ]
    assert differing == []


@pytest.mark.parametrize("domain", domains())
def test_no_text_is_empty(domain: str) -> None:
    for language in text.LANGUAGES:
        assert [key for key, words in flat(text.catalogue(domain, language)).items() if not words] == []


@pytest.mark.parametrize("domain", domains())
def test_chinese_has_chinese_punctuation(domain: str) -> None:
    """Labels that a space follows are the exception."""
    wrong = re.compile(r"[\u3400-\u9fff)][,;:(](?!$)|[,;)][\u3400-\u9fff]")
    document = text.catalogue(domain, "zh")
    words = flat(document) | flat({"messages": document.get("errors", {})})
    assert {
        key: found for key, found in words.items() if not key.endswith(FREE) and wrong.search(found)
    } == {}


def test_every_error_has_its_chinese() -> None:
    missing = [code for code in raised() if not (chinese(code) or {}).get("message")]
    assert sorted(missing) == []


def test_every_next_step_has_its_chinese() -> None:
    missing = [code for code, page in raised().items() if page.hint and not (chinese(code) or {}).get("hint")]
    assert sorted(missing) == []


def test_no_chinese_error_is_left_over() -> None:
    known = set(catalogue.pages())
    entries = [code for domain in domains() for code in text.catalogue(domain, "zh").get("errors", {})]
    assert sorted(set(entries) - known) == []
    assert all(text.catalogue(code.split(".")[0], "zh")["errors"].get(code) for code in entries)


def calls() -> Iterator[tuple[str, str, set[str], bool]]:
    """(place, code, names of the context, whether more may be given) of every raise that shows its code."""
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                code = node.args[0].value
                if code in raised() and len(node.args) >= 2 and called(node.func)[:1].isupper():
                    given = {keyword.arg for keyword in node.keywords if keyword.arg}
                    more = any(keyword.arg is None for keyword in node.keywords)
                    yield f"{file.relative_to(SOURCES)}:{node.lineno}", str(code), given, more


def called(node: ast.expr) -> str:
    """The name of what is called; classes begin with a capital, helpers that add values do not."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_values_of_chinese_errors_are_in_their_context() -> None:
    wrong = []
    for place, code, given, more in calls():
        entry = chinese(code) or {}
        wanted = fields(entry.get("message", "")) | fields(entry.get("hint", ""))
        if not more and not wanted <= given:
            wrong.append(f"{place} {code}: {sorted(wanted - given)}")
    assert wrong == []


def test_every_page_of_an_error_has_a_sentence() -> None:
    assert len(raised()) > 80
    for page in catalogue.pages().values():
        assert page.message and not page.message.endswith("."), page.code
        assert page.message[0] in "{`'" or not page.message[0].isupper() or page.message.startswith("Kube")


def test_keys_that_are_spoken_exist() -> None:
    """`say("domain.key")` with a key that the source shows whole."""
    missing = []
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                key = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
                if isinstance(key, str) and key not in flat_all():
                    missing.append(f"{file.relative_to(SOURCES)}: {key}")
    assert missing == []


@cache
def flat_all() -> frozenset[str]:
    return frozenset(f"{domain}.{key}" for domain in domains() for key in flat(text.catalogue(domain, "en")))


def test_an_error_speaks_the_language_asked_for() -> None:
    error = NotFoundError(
        "cluster.unknown", "there is no local cluster called b", "make it with `havok up --name b`", name="b"
    )
    assert text.explain(error, "en") == (error.message, error.hint)
    message, hint = text.explain(error, "zh")
    assert "b" in message and message != error.message and hint


def test_an_error_without_its_values_stays_english() -> None:
    error = NotFoundError("cluster.unknown", "there is no local cluster called b")
    assert text.explain(error, "zh") == (error.message, error.hint)
    assert text.explain(HavokError("nowhere.known", "it failed"), "zh") == ("it failed", "")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "HAVOK_LANG": "zh"}, "zh"),
        ({"HAVOK_LANG": "", "LC_MESSAGES": "zh_TW"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_person(environ: dict[str, str], expected: str) -> None:
    assert text.language(environ) == expected


def test_a_text_that_does_not_exist_is_a_defect() -> None:
    with pytest.raises(KeyError):
        text.say("cli.no.such.key", "en")
