"""The cluster's own kubectl, for what `up` does before the platform runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from havok.codec import encode_json
from havok.errors import HavokError
from havok.localcluster.command import run


class Kubectl:
    """kubectl of the pinned version with the cluster's admin kubeconfig."""

    def __init__(self, binary: Path, kubeconfig: Path) -> None:
        self._base = [str(binary), f"--kubeconfig={kubeconfig}"]

    def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        """Server-side apply of every object, ours where they differ."""
        if not objects:
            return
        bundle = encode_json({"apiVersion": "v1", "kind": "List", "items": list(objects)}).decode()
        flags = ["--server-side", "--force-conflicts", "--field-manager=havok-localcluster"]
        run([*self._base, "apply", *flags, "-f", "-"], stdin=bundle, timeout=120)

    def get(self, kind: str, name: str = "", *, namespace: str = "") -> Any:
        """The object or list as JSON. Raises HavokError `cluster.command.failed`."""
        where = [f"--namespace={namespace}"] if namespace else []
        return json.loads(run([*self._base, "get", kind, *([name] if name else []), *where, "-o", "json"]))

    def condition(self, kind: str, name: str, condition: str, *, namespace: str = "") -> bool:
        """Whether the object exists, has this condition True, and was observed in its present generation."""
        try:
            found = self.get(kind, name, namespace=namespace)
        except HavokError:
            return False
        status = found.get("status", {})
        generation = found["metadata"].get("generation", 0)
        if status.get("observedGeneration", generation) < generation:
            return False
        return any(
            entry["type"] == condition and entry["status"] == "True" for entry in status.get("conditions", [])
        )

    def run(self, *arguments: str, timeout: float = 60.0) -> str:
        return run([*self._base, *arguments], timeout=timeout)
