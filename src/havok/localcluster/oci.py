"""Making container images without a container engine: an OCI image layout in one tar file.

    digest = build_image(path, name="havok.local/pause:1", layers=[[Entry("pause", binary, mode=0o755)]],
                         config=Config(entrypoint=("/pause",)))

`ctr images import` and `skopeo copy oci-archive:` take the file as it is. Equal input gives equal bytes: no
clock, no owner's name, no order of a folder goes in. Files are streamed, never held in memory. Nothing here
knows registries or clusters. Source: OCI image specification 1.1 (image-layout, manifest, config).
"""

import contextlib
import gzip
import hashlib
import io
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

import msgspec

from havok import codec
from havok.errors import HavokError
from havok.localcluster.binaries.table import architecture

COMPRESSION: Final = 1
"""gzip level: images are made on the machine that runs them, so time counts and size hardly does."""

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"


class Entry(msgspec.Struct, frozen=True):
    """One thing in a layer: a file (its bytes, or a file to read), a folder (None) or a symbolic link.

    `path` is relative to the image's root; folders on the way to it are made when no entry names them.
    """

    path: str
    data: bytes | Path | None = None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """How the image is run. `user` is `uid[:gid]`, `ports` are TCP, `architecture` is Go's word for it
    (empty: this machine's).
    """

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    user: str = ""
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = {}
    workdir: str = ""
    stop_signal: str = ""
    architecture: str = ""


class Blob(msgspec.Struct, frozen=True):
    """A piece of the layout: its SHA-256, its size in bytes, and where its bytes are."""

    digest: str
    size: int
    data: bytes | Path
    diff_id: str = ""
    """Of a layer: the SHA-256 of its uncompressed tar."""


def build_image(path: Path, *, name: str, layers: Sequence[Iterable[Entry]], config: Config) -> str:
    """Write the image `name` (`repository:tag`) to the tar file `path`; the digest of its manifest.

    The file appears whole or not at all. Raises HavokError `binaries.image.failed`.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            made = [_layer(Path(folder) / str(index), entries) for index, entries in enumerate(layers)]
            settings = _blob(_config(config, [layer.diff_id for layer in made]))
            manifest = _blob(_manifest(settings, made))
            part = Path(folder) / "image"
            with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
                _write_layout(tar, name, manifest, [*made, settings, manifest])
            part.chmod(0o644)
            part.replace(path)
    except OSError as error:
        reason = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        raise HavokError(
            "binaries.image.failed",
            f"the image {name} cannot be made in {path}: {reason}",
            "make room or make the folder writable, then run the same command again",
            name=name, path=str(path), reason=reason,
        ) from error  # fmt: skip
    return manifest.digest


def binary_image(path: Path, *, name: str, binary: Path, config: Config | None = None) -> str:
    """An image of one static program, run as `nobody` unless `config` says otherwise; the manifest's digest.

    The program lies at the root under its own name and is the entry point.
    """
    config = config or Config()
    config = msgspec.structs.replace(
        config, entrypoint=config.entrypoint or (f"/{binary.name}",), user=config.user or "65534:65534"
    )
    return build_image(path, name=name, layers=[[Entry(binary.name, binary, 0o755)]], config=config)


def tree(folder: Path, at: str = "") -> Iterator[Entry]:
    """Everything below `folder` as entries below `at`, in the order of names, owned by root.

    Sockets, pipes and devices are left out.
    """
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        place = str(PurePosixPath(at) / entry.name)
        status = entry.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if entry.is_symlink():
            yield Entry(place, link=str(entry.readlink()))
        elif entry.is_dir():
            yield Entry(place, mode=mode)
            yield from tree(entry, place)
        elif entry.is_file():
            yield Entry(place, entry, mode)


def _layer(path: Path, entries: Iterable[Entry]) -> Blob:
    with path.open("wb") as file:
        packed = _Hashing(file)
        with gzip.GzipFile("", "wb", COMPRESSION, cast("IO[bytes]", packed), mtime=0) as zipped:
            plain = _Hashing(cast("IO[bytes]", zipped))
            with tarfile.open(fileobj=cast("IO[bytes]", plain), mode="w|", format=tarfile.PAX_FORMAT) as tar:
                known = {PurePosixPath(".")}
                for entry in entries:
                    _add(tar, entry, known)
    return Blob(packed.digest, packed.size, path, plain.digest)


def _add(tar: tarfile.TarFile, entry: Entry, known: set[PurePosixPath]) -> None:
    place = PurePosixPath(entry.path.strip("/"))
    for parent in reversed(place.parents):
        if parent not in known:
            known.add(parent)
            tar.addfile(_header(Entry(str(parent), mode=0o755)))
    known.add(place)
    header = _header(msgspec.structs.replace(entry, path=str(place)))
    if isinstance(entry.data, Path):
        with entry.data.open("rb") as file:
            header.size = os.fstat(file.fileno()).st_size
            tar.addfile(header, file)
    else:
        header.size = len(entry.data or b"")
        tar.addfile(header, io.BytesIO(entry.data or b""))


def _header(entry: Entry) -> tarfile.TarInfo:
    header = tarfile.TarInfo(entry.path)
    header.uid, header.gid, header.mode = entry.uid, entry.gid, entry.mode
    if entry.link:
        header.type, header.linkname, header.mode = tarfile.SYMTYPE, entry.link, 0o777
    elif entry.data is None:
        header.type = tarfile.DIRTYPE
        header.mode |= (entry.mode & 0o444) >> 2  # a folder that can be read can be entered
    return header


def _config(config: Config, diff_ids: list[str]) -> dict[str, Any]:
    run = {
        "User": config.user,
        "ExposedPorts": {f"{port}/tcp": {} for port in config.ports},
        "Env": [f"{name}={value}" for name, value in config.env.items()],
        "Entrypoint": config.entrypoint,
        "Cmd": config.cmd,
        "WorkingDir": config.workdir,
        "Labels": dict(sorted(config.labels.items())),
        "StopSignal": config.stop_signal,
    }
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": config.architecture or architecture(),
        "os": "linux",
        "config": {name: value for name, value in run.items() if value},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "havok"} for _ in diff_ids],
    }


def _manifest(config: Blob, layers: list[Blob]) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor(config, _CONFIG),
        "layers": [_descriptor(layer, _LAYER) for layer in layers],
    }


def _write_layout(tar: tarfile.TarFile, name: str, manifest: Blob, blobs: list[Blob]) -> None:
    notes = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": _tag(name)}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [_descriptor(manifest, _MANIFEST) | {"annotations": notes}],
    }
    known = {PurePosixPath(".")}
    _add(tar, Entry("oci-layout", codec.encode_json({"imageLayoutVersion": "1.0.0"})), known)
    _add(tar, Entry("index.json", codec.encode_json(index)), known)
    for digest, data in {blob.digest: blob.data for blob in blobs}.items():
        _add(tar, Entry("blobs/" + digest.replace(":", "/"), data), known)


def _tag(name: str) -> str:
    _, colon, tag = name.rpartition(":")
    return tag if colon and "/" not in tag else "latest"


def _blob(value: dict[str, Any]) -> Blob:
    data = codec.encode_json(value)
    return Blob("sha256:" + hashlib.sha256(data).hexdigest(), len(data), data)


def _descriptor(blob: Blob, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": blob.digest, "size": blob.size}


class _Hashing:
    """A file to write to that counts and sums what goes through."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._sum.hexdigest()

    def write(self, data: bytes) -> int:
        self._sum.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        with contextlib.suppress(ValueError):
            self._file.flush()
