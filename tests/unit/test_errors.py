"""The one error tree: codes, exit codes, and that nothing else is raised."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import havok
from havok import errors
from havok.boots import config_text, rules, shape
from havok.cli import catalogue
from havok.errors import HavokError
from havok.kube import errors as kube_errors

SOURCES = Path(havok.__file__).parent
FAMILY = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, HavokError)]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = dict(re.findall(r"(\w+Error)\s+exit (\d)", errors.__doc__ or ""))
    assert drawn == {cls.__name__: str(cls.exit_code) for cls in FAMILY}


def test_exit_codes_of_subclasses_differ() -> None:
    codes = [cls.exit_code for cls in FAMILY]
    assert sorted(codes) == list(range(1, 8))


def test_an_error_says_its_sentence_and_its_code() -> None:
    error = errors.NotFoundError(
        "boot.missing", "there is no Boot called pay", "`havok get boots`", name="pay"
    )
    assert str(error) == "there is no Boot called pay [boot.missing]"
    assert (error.hint, error.context, error.exit_code) == ("`havok get boots`", {"name": "pay"}, 3)


def test_the_catalogue_knows_the_exit_code_of_every_class() -> None:
    """`havok explain` reads sources; the classes themselves decide at run time."""
    modules = (errors, kube_errors, config_text, shape, rules)
    classes = [cls for module in modules for _, cls in inspect.getmembers(module, inspect.isclass)]
    known = {cls.__name__: cls.exit_code for cls in classes if issubclass(cls, HavokError)}
    assert known.items() <= catalogue.exits().items()


def test_an_error_that_names_its_code_itself_has_the_exit_code_of_its_class() -> None:
    error = shape.MismatchError("java.app.port", "a whole number", "80")
    page = catalogue.pages()[error.code]
    assert (page.exit_code, error.exit_code) == (2, 2)


def raises() -> Iterator[tuple[str, str]]:
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                yield f"{file.relative_to(SOURCES)}:{node.lineno}", ast.unparse(node.exc.func)


def test_no_bare_exception_is_raised() -> None:
    assert [
        place for place, name in raises() if name in ("Exception", "BaseException", "NotImplementedError")
    ] == []


@pytest.mark.parametrize("page", catalogue.pages().values(), ids=lambda page: page.code)
def test_every_error_has_cause_and_next_step(page: catalogue.Page) -> None:
    assert len(page.message) > 10 or page.message in ("{detail}", "{message}")
    assert not page.message.endswith((".", "!")) and not page.hint.endswith("!")
    if page.code not in (
        "codec.json.invalid",
        "kube.unreachable",
        "settings.invalid",
    ):  # decided when it happens
        assert page.hint
