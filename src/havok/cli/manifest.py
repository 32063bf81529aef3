"""From files, folders or flags to Boots: read, checked, with the line of whatever is wrong.

Checked here is what a person mistypes: the kind, unknown fields (with the nearest known one), what is
missing. Everything else is the API server's to judge. Unknown fields are told by the schema of the CRD.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from havok.cli import positions
from havok.cli.commands import nearest
from havok.cli.kinds import API_VERSION, BOOTS, GROUP, resource_of_kind
from havok.codec import decode_yaml
from havok.errors import HavokError, NotFoundError, UsageError
from havok.kube.resources import Resource

SUFFIXES: Final = (".yaml", ".yml", ".json")
DEFAULT: Final = Path("boot.yaml")
METADATA: Final = frozenset({
    "name", "namespace", "labels", "annotations", "finalizers", "ownerReferences", "generateName", "uid",
    "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
    "managedFields", "selfLink",
})  # fmt: skip


class Manifest(msgspec.Struct, frozen=True):
    """A Boot to deploy and where it was written."""

    resource: Resource
    object: dict[str, Any]
    source: str

    @property
    def name(self) -> str:
        """metadata.name"""
        return str(self.object["metadata"]["name"])

    @property
    def label(self) -> str:
        """`javaboot/demo`, as a person names it."""
        return f"{self.resource.kind.lower()}/{self.name}"


def read_all(paths: list[Path], *, schemas: Mapping[str, Any]) -> list[Manifest]:
    """Every Boot of the files and folders, in order; `-` is standard input.

    `schemas` is kind → openAPIV3Schema. Raises UsageError `cli.manifest.*`, NotFoundError
    `cli.manifest.absent`, UsageError `codec.yaml.*`. Nothing is returned unless all of it is right.
    """
    found = [one for path in paths for file in files(path) for one in _read(file, schemas)]
    seen: dict[tuple[str, object, str], str] = {}
    for one in found:
        key = (one.resource.kind, one.object["metadata"].get("namespace"), one.name)
        if key in seen:
            raise UsageError(
                "cli.manifest.double",
                f"{one.label} stands twice: in {seen[key]} and in {one.source}",
                "remove one of them",
                boot=one.label, first=seen[key], second=one.source,
            )  # fmt: skip
        seen[key] = one.source
    return found


def files(path: Path) -> list[Path]:
    """The manifests that `path` stands for: itself, or those of the folder (not of its sub-folders)."""
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
    if not found:
        raise NotFoundError(
            "cli.manifest.none",
            f"the folder {path} has no .yaml, .yml or .json file",
            "`havok init` writes a boot.yaml",
            path=str(path),
        )
    return found


def parse(text: str, source: str, *, schemas: Mapping[str, Any]) -> list[Manifest]:
    """Every Boot of one YAML text. Raises as `read_all`."""
    documents = decode_yaml(text, source=source)
    places = positions.lines(text)
    if not documents:
        raise UsageError(
            "cli.manifest.empty", f"{source} is empty", "`havok init` writes a boot.yaml", source=source
        )
    found: list[Manifest] = []
    for document, place in zip(documents, places, strict=True):
        resource = _resource(document, source, place)
        for path, known in unknown_fields(document, schemas.get(resource.kind, {})):
            raise _unknown_field(path, known, source, place)
        _require(document, source, place)
        found.append(Manifest(resource, document, f"{source}:{place.get((), 1)}"))
    return found


def unknown_fields(
    value: Any, schema: Mapping[str, Any], path: positions.Path = ()
) -> Iterator[tuple[positions.Path, list[str]]]:
    """(path, known names there) for each field that the schema does not have."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from unknown_fields(item, schema["items"], (*path, index))
    if not isinstance(value, dict):
        return
    known = schema.get("properties")
    if path == ("metadata",):
        known = {**{name: {} for name in METADATA}, **(known or {})}
    elif not path:
        known = {"apiVersion": {}, "kind": {}, "metadata": {}, "spec": {}, "status": {}, **(known or {})}
    if known is None:
        rest = schema.get("additionalProperties")
        if isinstance(rest, Mapping):
            for name, item in value.items():
                yield from unknown_fields(item, rest, (*path, str(name)))
        return
    for name, item in value.items():
        if name not in known:
            yield (*path, str(name)), sorted(known)
        else:
            yield from unknown_fields(item, known[name], (*path, str(name)))


def from_flags(*, kind: Resource, name: str, image: str, version: str) -> Manifest:
    """A Boot made of flags alone."""
    body = {
        "apiVersion": API_VERSION, "kind": kind.kind, "metadata": {"name": name},
        "spec": {"image": image, "version": version},
    }  # fmt: skip
    return Manifest(kind, body, "flags")


def with_spec(manifest: Manifest, spec: Mapping[str, Any]) -> Manifest:
    """The same Boot with these spec fields instead of its own."""
    body = {**manifest.object, "spec": {**(manifest.object.get("spec") or {}), **spec}}
    return msgspec.structs.replace(manifest, object=body)


def _read(file: Path, schemas: Mapping[str, Any]) -> list[Manifest]:
    if str(file) == "-":
        return parse(sys.stdin.read(), "standard input", schemas=schemas)
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(
            "cli.manifest.absent",
            f"there is no file {file}",
            "`havok init` writes a boot.yaml here; or name another file or folder",
            file=str(file),
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise HavokError(
            "cli.manifest.unreadable",
            f"{file} cannot be read: {error}",
            "check that it is a text file that you may read",
            file=str(file), reason=str(error),
        ) from error  # fmt: skip
    return parse(text, str(file), schemas=schemas)


def _resource(document: Any, source: str, place: Mapping[positions.Path, int]) -> Resource:
    if not isinstance(document, dict) or "kind" not in document:
        raise _wrong(source, place, (), "this is no Kubernetes object: it has no kind")
    kind, version = str(document["kind"]), str(document.get("apiVersion", ""))
    resource = resource_of_kind(kind)
    known = [one.kind for one in BOOTS]
    line = place.get(("kind",), 1)
    if resource is None or (version and not version.startswith(f"{GROUP}/")):
        near = nearest(kind, known)
        raise UsageError(
            "cli.manifest.kind",
            f"{source}:{line}: {kind} is not a Boot" + (f" of {API_VERSION}" if resource else ""),
            f"did you mean {near}?" if near and near != kind else "kubectl apply is for other kinds",
            source=source, line=line, kind=kind, nearest=near or ", ".join(known),
        )  # fmt: skip
    if version != API_VERSION:
        raise _wrong(source, place, ("apiVersion",), f"apiVersion must be {API_VERSION}")
    return resource


def _require(document: Mapping[str, Any], source: str, place: Mapping[positions.Path, int]) -> None:
    metadata, spec = document.get("metadata"), document.get("spec")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        raise _wrong(source, place, ("metadata",), "metadata.name is missing")
    if not isinstance(spec, dict):
        raise _wrong(source, place, ("spec",), "spec is missing")
    for field in ("image", "version"):
        value = spec.get(field)
        if value is None or value == "":
            raise _wrong(source, place, ("spec",), f"spec.{field} is missing")
        if not isinstance(value, str):
            reason = f'spec.{field} must be text; write it in quotes: {field}: "{value}"'
            raise _wrong(source, place, ("spec", field), reason)


def _unknown_field(
    path: positions.Path, known: list[str], source: str, place: Mapping[positions.Path, int]
) -> UsageError:
    field = dotted(path)
    near = nearest(str(path[-1]), known)
    line = place.get(path, 1)
    return UsageError(
        "cli.manifest.field",
        f"{source}:{line}: there is no field {field}",
        f"did you mean {near}?" if near else f"known there: {', '.join(known)}",
        source=source, line=line, field=field, nearest=near or ", ".join(known),
    )  # fmt: skip


def dotted(path: positions.Path) -> str:
    """`spec.env[0].nme`"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _wrong(source: str, place: Mapping[positions.Path, int], path: positions.Path, reason: str) -> UsageError:
    while path and path not in place:
        path = path[:-1]
    line = place.get(path, 1)
    return UsageError(
        "cli.manifest.shape",
        f"{source}:{line}: {reason}",
        "a whole one has six lines: `havok init --help`",
        source=source, line=line, reason=reason,
    )  # fmt: skip
