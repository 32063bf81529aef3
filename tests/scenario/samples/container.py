"""An image unpacked and run by runc, as a node would: nobody, read-only root, little memory, process 1."""

import json
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY_BYTES = 128 * 2**20


@dataclass(frozen=True)
class Image:
    """An image file and what skopeo says of it."""

    archive: Path
    config: dict[str, Any]
    layer_bytes: Sequence[int]
    layers: Sequence[Path]

    def members(self) -> Iterator[tarfile.TarInfo]:
        """What the layers hold, the lowest first."""
        for layer in self.layers:
            with tarfile.open(layer) as tar:
                yield from tar


def inspect(archive: Path, folder: Path) -> Image:
    """Read the image with skopeo, which checks every digest on the way; its blobs go to `folder`."""
    skopeo = ("skopeo", "--insecure-policy")
    source = f"oci-archive:{archive}"
    shown = subprocess.run([*skopeo, "inspect", "--config", source], check=True, capture_output=True).stdout
    subprocess.run([*skopeo, "copy", "--quiet", source, f"dir:{folder}"], check=True)
    layers = json.loads((folder / "manifest.json").read_text())["layers"]
    files = [folder / layer["digest"].removeprefix("sha256:") for layer in layers]
    return Image(archive, json.loads(shown), [layer["size"] for layer in layers], files)


@contextmanager
def bundle(image: Image, folder: Path, name: str, *arguments: str, **environment: str) -> Iterator[list[str]]:
    """The command that runs the image as a container of the host's network; `arguments` in place of its own.

    Nothing of it is left when the block ends.
    """
    rootfs = folder / "rootfs"
    if not rootfs.exists():
        rootfs.mkdir()
        for layer in image.layers:
            subprocess.run(["tar", "-xpf", str(layer), "-C", str(rootfs)], check=True)
    (folder / "config.json").unlink(missing_ok=True)
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    spec = json.loads((folder / "config.json").read_text())
    adapt(spec, image, list(arguments), environment, f"/{name}")
    (folder / "config.json").write_text(json.dumps(spec))
    runc = ["runc", "--root", str(folder / "state")]
    try:
        yield [*runc, "run", "--bundle", str(folder), name]
    finally:
        subprocess.run([*runc, "delete", "--force", name], check=False, capture_output=True)


def adapt(
    spec: dict[str, Any], image: Image, arguments: list[str], environment: dict[str, str], cgroup: str
) -> None:
    """Make runc's example what the image asks for."""
    wanted = image.config["config"]
    user, group = map(int, wanted["User"].split(":"))
    variables = dict(variable.split("=", 1) for variable in wanted["Env"]) | environment
    spec["process"] |= {
        "terminal": False,
        "user": {"uid": user, "gid": group},
        "args": arguments or wanted["Entrypoint"],
        "cwd": wanted["WorkingDir"],
        "env": [f"{name}={value}" for name, value in variables.items()],
        "capabilities": {},
    }
    linux = spec["linux"]
    linux["cgroupsPath"] = cgroup
    linux["namespaces"] = [kind for kind in linux["namespaces"] if kind["type"] != "network"]
    linux["resources"]["memory"] = {"limit": MEMORY_BYTES}
