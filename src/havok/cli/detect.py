"""Which kind of app lies in a folder, told by its files. Pure: takes names and texts, reads nothing.

The rules, the first that fits wins; each names the file that decided, so that a person can judge:

    PHP      composer.json, or *.php
    Java     pom.xml, build.gradle(.kts), mvnw, or *.jar / *.java
    NodeJS   package.json with a server: `scripts.start` that is no development server
    Web      package.json without one, angular.json, or index.html
    Python   pyproject.toml, requirements.txt, setup.py, Pipfile, manage.py, or *.py
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

BUILDERS: Final = (
    "vite",
    "react-scripts",
    "ng serve",
    "webpack",
    "parcel",
    "vue-cli-service",
    "astro",
    "serve ",
)
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
NAME_LIMIT: Final = 47
"""Longest Boot name, so that `name-<revision>` stays a valid name (contract 1.4)."""


class Detected(msgspec.Struct, frozen=True):
    """A kind with the file that told it."""

    kind: str
    evidence: str


def detect(names: Sequence[str], *, package: Mapping[str, Any] | None = None) -> Detected | None:
    """The kind of the app whose top folder holds `names`; `package` is the parsed package.json."""
    return (
        _first("PhpBoot", names, ("composer.json",), ())
        or _first("JavaBoot", names, ("pom.xml", "build.gradle", "build.gradle.kts", "mvnw"), ())
        or _node(names, package)
        or _first(
            "PythonBoot",
            names,
            ("pyproject.toml", "requirements.txt", "setup.py", "Pipfile", "manage.py"),
            (),
        )
        or _first("PhpBoot", names, (), (".php",))
        or _first("JavaBoot", names, (), (".jar", ".java"))
        or _first("PythonBoot", names, (), (".py",))
        or _first("NodeJSBoot", names, ("server.js", "server.mjs", "index.js", "app.js"), ())
        or _first("WebBoot", names, ("index.html", "angular.json"), ())
    )


def _first(kind: str, names: Sequence[str], exact: Sequence[str], endings: Sequence[str]) -> Detected | None:
    for wanted in exact:
        if wanted in names:
            return Detected(kind, wanted)
    for name in sorted(names):
        if endings and name.endswith(tuple(endings)):
            return Detected(kind, name)
    return None


def _node(names: Sequence[str], package: Mapping[str, Any] | None) -> Detected | None:
    if "package.json" not in names:
        return None
    scripts = (package or {}).get("scripts")
    start = str(scripts.get("start", "")) if isinstance(scripts, dict) else ""
    serves = start and not any(builder in f"{start} " for builder in BUILDERS)
    plain = not start and any(name in names for name in ("server.js", "server.mjs", "index.js", "app.js"))
    return Detected("NodeJSBoot" if serves or plain else "WebBoot", "package.json")


def boot_name(folder: str) -> str:
    """A legal Boot name made from a folder's name; `app` where nothing of it can be kept."""
    words = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", folder).lower()).strip("-")
    words = re.sub(r"^[0-9-]+", "", words)
    return words[:NAME_LIMIT].strip("-") or "app"


def version_tag(text: object) -> str:
    """`text` where it can be an image tag, else `1.0`."""
    return text if isinstance(text, str) and TAG.fullmatch(text) else "1.0"


def manifest(kind: str, name: str, image: str, version: str) -> str:
    """The six lines of boot.yaml."""
    return (
        "apiVersion: app.logancloud.com/v1\n"
        f"kind: {kind}\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n"
        f'  image: "{image}"\n'
        f'  version: "{version}"\n'
    )
