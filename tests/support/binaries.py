"""Where tests find the Kubernetes binaries that the project itself builds."""

import os
from pathlib import Path

import pytest


def binary(name: str) -> Path:
    """The path of a pinned binary (``kube-apiserver``, ``etcd``); fails the test with the way to get it."""
    folders = [Path(folder) for folder in (os.environ.get("HAVOK_CLUSTER_BIN_DIR"),) if folder]
    if not folders:
        from havok.localcluster import binaries

        found = binaries.cached(name)
        if found is not None:
            return found
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    pytest.fail(f"{name} is not built yet: run `make binaries` once", pytrace=False)
