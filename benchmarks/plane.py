"""A kubeconfig file for the API server of a benchmark."""

from pathlib import Path

from havok.codec import encode_yaml
from support.controlplane import ControlPlane


def write_kubeconfig(plane: ControlPlane, folder: Path) -> Path:
    """A file for the administrator, its keys beside it."""
    access = plane.access()
    (folder / "admin.crt").write_bytes(access.credentials.certificate)
    (folder / "admin.key").touch(mode=0o600)
    (folder / "admin.key").write_bytes(access.credentials.key)
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {
            "server": access.server, "certificate-authority": str(plane.folder / "ca.crt"),
        }}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "users": [{"name": "bench", "user": {
            "client-certificate": str(folder / "admin.crt"), "client-key": str(folder / "admin.key"),
        }}],
    }  # fmt: skip
    file = folder / "kubeconfig"
    file.write_text(encode_yaml(document))
    return file
