"""Images: those that a cluster brings along, and pushing a person's own into its registry."""

import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from havok.codec import decode_json
from havok.errors import HavokError, NotFoundError, UsageError
from havok.localcluster import addons, binaries, files, oci, simulated
from havok.localcluster.command import run
from havok.localcluster.layout import REGISTRY_HOST, Layout
from havok.localcluster.state import Known


class SavedImage(msgspec.Struct, frozen=True):
    """An entry of `manifest.json`, as `docker save` writes it."""

    tags: list[str] | None = msgspec.field(name="RepoTags", default=None)


class Manifest(msgspec.Struct, frozen=True):
    """An entry of an OCI index."""

    annotations: Mapping[str, str] | None = None


class Index(msgspec.Struct, frozen=True):
    """`index.json` of an OCI layout."""

    manifests: list[Manifest]


def system_images(layout: Layout, found: dict[str, Path]) -> None:
    """Write the archives that every node loads at its start, where they are missing."""
    wanted = {
        files.PAUSE_IMAGE: found["pause"],
        f"{addons.COREDNS_IMAGE}:{binaries.COREDNS}": found["coredns"],
        f"{addons.METRICS_IMAGE}:{binaries.METRICS_SERVER}": found["metrics-server"],
    }
    keep = {files.archive_name(reference) for reference in wanted}
    for reference, binary in wanted.items():
        archive = layout.images / files.archive_name(reference)
        if not archive.exists() or archive.stat().st_mtime < binary.stat().st_mtime:
            oci.binary_image(archive, name=reference, binary=binary)
    for old in layout.images.glob("*.tar"):
        if old.name not in keep:
            old.unlink()


def push(known: Known, layout: Layout, source: Path, reference: str) -> str:
    """Copy an OCI layout (folder or tar) or a docker archive into the cluster's registry.

    `reference` is ``repository:tag`` without registry, empty to take the one the archive names. Returns
    ``<registry>/<repository>:<tag>`` as a pod names it. Raises NotFoundError `image.file.missing`, UsageError
    `image.file.unknown` or `image.reference.missing`, HavokError `image.push.failed`.
    """
    if not layout.real:
        raise simulated.no_real_nodes(known.name)
    kind = archive_kind(source)
    reference = reference or named_in(source, kind)
    reference = reference.removeprefix(f"{REGISTRY_HOST}/")
    target = f"docker://{layout.addresses.registry}/{reference}"
    with tempfile.TemporaryDirectory(prefix="havok-push-") as scratch:
        login = Path(scratch) / "auth.json"
        login.write_bytes(_login(layout, known.password))
        login.chmod(0o600)
        policy = Path(scratch) / "policy.json"
        policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        try:
            run([
                "skopeo", "--policy", str(policy), "--tmpdir", scratch, "copy", "--quiet",
                "--dest-tls-verify=false", "--dest-authfile", str(login), f"{kind}:{source}", target,
            ], timeout=600)  # fmt: skip
        except HavokError as error:
            reason = str(error.context.get("reason", error))
            raise HavokError(
                "image.push.failed",
                f"{source} could not be pushed as {reference}: {reason}",
                f"`havok status --name {known.name}` tells whether the registry runs",
                source=str(source), reference=reference, reason=reason, name=known.name,
            ) from error  # fmt: skip
    return f"{REGISTRY_HOST}/{reference}"


def archive_kind(source: Path) -> str:
    """skopeo's transport for a file or folder: `oci`, `oci-archive` or `docker-archive`."""
    if not source.exists():
        raise NotFoundError(
            "image.file.missing", f"there is no image at {source}",
            "give the path of an OCI layout (folder or tar) or of a `docker save` tar", source=str(source),
        )  # fmt: skip
    if source.is_dir():
        if (source / "index.json").exists() and (source / "oci-layout").exists():
            return "oci"
        raise _unknown(source, "a folder without index.json and oci-layout")
    try:
        with tarfile.open(source) as archive:
            names = {name.removeprefix("./") for name in archive.getnames()}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _unknown(source, str(error)) from error
    if "manifest.json" in names and "oci-layout" not in names:
        return "docker-archive"
    if "index.json" in names:
        return "oci-archive"
    raise _unknown(source, "a tar without index.json or manifest.json")


def named_in(source: Path, kind: str) -> str:
    """The repository:tag an archive carries, without a registry host."""
    try:
        if kind == "docker-archive":
            saved = decode_json(_member(source, "manifest.json"), list[SavedImage])
            found = next((tag for image in saved[:1] for tag in image.tags or ()), "")
        else:
            index = decode_json(_member(source, "index.json"), Index)
            notes = next((manifest.annotations or {} for manifest in index.manifests), {})
            found = notes.get("io.containerd.image.name") or notes.get(
                "org.opencontainers.image.ref.name", ""
            )
    except (OSError, KeyError, tarfile.TarError, UsageError) as error:
        raise _unknown(source, str(error)) from error
    host, slash, rest = found.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        found = rest
    if ":" not in found:
        raise UsageError(
            "image.reference.missing",
            f"{source} does not say what it is called",
            "name it: `havok image push FILE --as repository:tag`",
            source=str(source),
        )
    return found


def _member(source: Path, name: str) -> bytes:
    """A small file of a layout, be that a folder or a tar."""
    if source.is_dir():
        return (source / name).read_bytes()
    with tarfile.open(source) as archive:
        place = next((each for each in archive.getnames() if each.removeprefix("./") == name), name)
        member = archive.extractfile(place)
        return member.read() if member else b""


def _unknown(source: Path, reason: str) -> UsageError:
    return UsageError(
        "image.file.unknown",
        f"{source} is neither an OCI layout nor a docker archive: {reason}",
        "make one with `docker save`, `skopeo copy` or a sample's build script",
        source=str(source), reason=reason,
    )  # fmt: skip


def _login(layout: Layout, password: str) -> bytes:
    import base64

    from havok.codec import encode_json

    token = base64.b64encode(f"havok:{password}".encode()).decode()
    return encode_json({"auths": {layout.addresses.registry: {"auth": token}}})
