"""`havok init`: look at the folder and write a boot.yaml of six lines."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from havok.cli.commands import nearest
from havok.cli.detect import Detected, boot_name, detect, manifest, version_tag
from havok.cli.options import console_of
from havok.codec import decode_json
from havok.errors import ConflictError, HavokError, UsageError

FILE = "boot.yaml"
WORDS = {
    "java": "JavaBoot",
    "php": "PhpBoot",
    "python": "PythonBoot",
    "nodejs": "NodeJSBoot",
    "web": "WebBoot",
}


def init(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="init.folder", show_default=False)
    ] = Path(),
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="init.name")] = None,
    kind: Annotated[str | None, typer.Option("--kind", "-k", metavar="KIND", help="init.kind")] = None,
    image: Annotated[str | None, typer.Option("--image", metavar="PATH", help="init.image")] = None,
    version: Annotated[str | None, typer.Option("--version", metavar="TAG", help="init.version")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="init.force")] = False,
) -> None:
    console = console_of(context)
    names = _names(folder)
    found = Detected(_kind(kind), "--kind") if kind else _detected(folder, names)
    name = _legal_name(name) if name else boot_name(folder.resolve().name)
    file = folder / FILE
    _write(file, manifest(found.kind, name, image or name, version or _version(folder, names)), force=force)
    console.data(str(file))
    if not kind:
        console.hint("init.detected", kind=found.kind, evidence=found.evidence)
    console.hint("init.next", file=file, name=name)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        raise UsageError(
            "cli.init.folder",
            f"{folder} cannot be looked at: {error.strerror}",
            "name the folder of an app",
            folder=str(folder), reason=error.strerror,
        ) from error  # fmt: skip


def _detected(folder: Path, names: list[str]) -> Detected:
    found = detect(names, package=_package(folder, names))
    if found is None:
        raise UsageError(
            "cli.init.unknown",
            f"nothing in {folder.resolve()} tells what kind of app this is",
            "say it: havok init --kind java (or php, python, nodejs, web)",
            folder=str(folder.resolve()),
        )
    return found


def _kind(word: str) -> str:
    plain = word.lower().removesuffix("boot")
    if plain not in WORDS:
        near = nearest(plain, list(WORDS))
        raise UsageError(
            "cli.init.kind",
            f"there is no kind of app called {word}",
            f"did you mean {near}?" if near else f"choose from {', '.join(WORDS)}",
            word=word, nearest=near or ", ".join(WORDS),
        )  # fmt: skip
    return WORDS[plain]


def _legal_name(name: str) -> str:
    if boot_name(name) == name:
        return name
    raise UsageError(
        "cli.init.name",
        f"{name} cannot be the name of a Boot",
        f"small letters, digits and -, at most 47, starting with a letter; for example {boot_name(name)}",
        name=name, example=boot_name(name),
    )  # fmt: skip


def _package(folder: Path, names: list[str]) -> dict[str, Any] | None:
    if "package.json" not in names:
        return None
    try:
        found = decode_json((folder / "package.json").read_bytes())
    except (OSError, HavokError):
        return None
    return found if isinstance(found, dict) else None


def _version(folder: Path, names: list[str]) -> str:
    if package := _package(folder, names):
        return version_tag(package.get("version"))
    if "pyproject.toml" in names:
        try:
            project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
        except (OSError, ValueError):
            return "1.0"
        return version_tag(project.get("version"))
    return "1.0"


def _write(file: Path, text: str, *, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise ConflictError(
            "cli.init.exists",
            f"{file} exists already and was left as it is",
            "edit it, or write it anew with --force",
            file=str(file),
        ) from error
    except OSError as error:
        raise HavokError(
            "cli.init.unwritable",
            f"{file} cannot be written: {error.strerror}",
            "check the permissions of the folder and the space on the disk",
            file=str(file), reason=error.strerror,
        ) from error  # fmt: skip
