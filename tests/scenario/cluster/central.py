"""The central config of the cluster, with something added for a while."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from havok.boots.config import digest_of
from support.cluster import LocalCluster, eventually

CONFIG = "logan-app-operator-config"
OPERATORS = "logan"


def read(cluster: LocalCluster) -> str:
    return str(cluster.get("configmap", CONFIG, "-n", OPERATORS)["data"]["config.yaml"])


def write(cluster: LocalCluster, text: str) -> None:
    """Store a config, and wait until the operator says that it holds."""
    body = json.dumps({"data": {"config.yaml": text}})
    cluster.kubectl("patch", "configmap", CONFIG, "-n", OPERATORS, "--type=merge", "-p", body)
    words = f"central config {digest_of(text)} is in force"

    def holds() -> bool:
        told = cluster.get("events", "-n", OPERATORS, "--field-selector", "reason=ConfigInForce")
        return any(event["message"] == words for event in told["items"])

    eventually(holds, words)


@contextlib.contextmanager
def with_blocks(cluster: LocalCluster, blocks: dict[str, Any]) -> Iterator[None]:
    """Further blocks of the config, which end with it."""
    before = read(cluster)
    more = "".join(f"{name}: {json.dumps(block)}\n" for name, block in blocks.items())
    write(cluster, f"{before}\n{more}")
    try:
        yield
    finally:
        write(cluster, before)
