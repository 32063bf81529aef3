"""What people read, in their language: English and Chinese, by key or by error code.

Texts stand in ``havok/texts/<domain>.<language>.toml``; the domain is the first word of the key, so that
adding a capability adds files and touches none. English sentences of errors stand where they are raised;
``<domain>.zh.toml`` has each error's Chinese under ``[errors."<code>"]``. A test fails when either language
lacks a key or names a value that the other does not. Output for programs is never translated.
"""

import locale
import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from havok.errors import HavokError

LANGUAGES = ("en", "zh")


def language(environ: Mapping[str, str] | None = None) -> str:
    """`zh` or `en`: HAVOK_LANG, else the locale of the person's environment."""
    environ = os.environ if environ is None else environ
    for name in ("HAVOK_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environ.get(name, "")
        if value:
            return "zh" if locale.normalize(value).lower().startswith("zh") else "en"
    return "en"


def say(key: str, lang: str | None = None, /, **values: object) -> str:
    """The text of `key` (``cli.deploy.waiting``) with its ``{values}`` filled in."""
    lang = lang or language()
    template = _look_up(key, lang) or _look_up(key, "en")
    if template is None:
        raise KeyError(f"no text for {key!r}")
    return template.format(**values)


def explain(error: HavokError, lang: str | None = None) -> tuple[str, str]:
    """(message, hint) of an error in the person's language; English where no translation fits."""
    lang = lang or language()
    if lang == "en":
        return error.message, error.hint
    entry = catalogue(error.code.split(".")[0], lang).get("errors", {}).get(error.code)
    if not entry:
        return error.message, error.hint
    try:
        return entry["message"].format(**error.context), entry.get("hint", "").format(**error.context)
    except (KeyError, IndexError):
        return error.message, error.hint


@cache
def catalogue(domain: str, lang: str) -> dict[str, Any]:
    """Everything in one text file; empty when there is none."""
    file = resources.files("havok.texts").joinpath(f"{domain}.{lang}.toml")
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def _look_up(key: str, lang: str) -> str | None:
    domain, *path = key.split(".")
    node: Any = catalogue(domain, lang)
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node if isinstance(node, str) else None
