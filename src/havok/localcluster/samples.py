"""The samples that Havok brings: where their sources lie, and their images, made on this machine.

In a checkout they are the folder `examples`, in an installed package they lie beside the modules; what is the
same for both is that nothing is written there: images go to the cache. Their build scripts stand alone, so
they are loaded by their path. This module knows nothing of clusters.
"""

import importlib.util
from pathlib import Path
from typing import Any, Final

import havok
from havok.localcluster.binaries.cache import Cache
from havok.settings import Settings

NAMES: Final = {"java": "javaboot-sample", "python": "pythonboot-sample"}
"""What a person calls a sample, and its folder."""


def folder() -> Path:
    """Where the samples lie: in the package, else in the checkout that the package is part of."""
    package = Path(havok.__file__).resolve().parent
    installed = package / "examples"
    return installed if installed.is_dir() else package.parents[1] / "examples"


def manifest(kind: str) -> Path:
    """The boot.yaml of the sample `java` or `python`."""
    return folder() / NAMES[kind] / "boot.yaml"


def build(kind: str, version: str, *, settings: Settings) -> Path:
    """The image of a sample as an OCI layout in a tar; made only when something it depends on changed.

    Raises HavokError `sample.*`, `binaries.cache.unwritable` or `binaries.image.failed`.
    """
    name = NAMES[kind]
    cache = Cache.of(settings)
    output = cache.make(cache.root / "samples") / f"{name}-{version}.oci.tar"
    _script(folder() / name / "build.py").sample().build(output, version)
    return output


def _script(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"havok_{path.parent.name.replace('-', '_')}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
