"""`kubectl explain` reads well: every field that the API server serves is described."""

import re
from collections.abc import Iterator

import pytest

from havok.codec import Json
from havok.crds import BOOT_KINDS, manifests
from havok.kube.resources import CRDS
from scenario.boots.kubectl import Kubectl
from scenario.boots.stage import Cluster
from support.controlplane import ControlPlane

SERVERS_OWN = {"apiVersion", "kind", "metadata"}
"""At the root these are described by the API server itself."""


@pytest.fixture(scope="module")
def kubectl(boots_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(boots_plane, tmp_path_factory.mktemp("explain"))


def fields(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """(path, schema) of every field below."""
    for name, one in (schema.get("properties") or {}).items():
        if path or name not in SERVERS_OWN:
            yield f"{path}.{name}", one
            yield from fields(one, f"{path}.{name}")
            yield from fields(one.get("items") or {}, f"{path}.{name}")


@pytest.mark.parametrize("name", [one["metadata"]["name"] for one in manifests()])
async def test_every_served_field_has_a_sentence(cluster: Cluster, name: str) -> None:
    live = await cluster.client.get(CRDS, name)
    (version,) = live["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    found = dict(fields(schema))
    assert len(found) > 150
    assert {path for path, one in found.items() if not _reads_well(one.get("description", ""))} == set()
    assert _reads_well(schema["description"])


def _reads_well(text: str) -> bool:
    """A sentence on its own: no name of a struct, no line break, a full stop at the end."""
    return re.fullmatch(r"[A-Za-z$][^\n]{5,}\.|cpu or memory\.", text) is not None


@pytest.mark.parametrize("kind", [kind.singular for kind in BOOT_KINDS])
async def test_kubectl_explains_the_spec_of_each_kind(cluster: Cluster, kubectl: Kubectl, kind: str) -> None:
    text = await kubectl.run("explain", f"{kind}.spec")
    assert "<no description>" not in text
    assert "FIELDS:" in text
    for field in ("image", "version", "env", "hpa", "pvc", "nodeSelector", "sessionAffinity", "workload"):
        assert re.search(rf"^  {field}\t", text, re.M), field
    assert "-required-" in text


PATHS = ("spec.env.valueFrom.secretKeyRef", "spec.hpa.metrics.resource.target", "spec.pvc", "spec.resources",
         "status", "status.conditions")  # fmt: skip


async def test_kubectl_explains_what_is_deep_inside(cluster: Cluster, kubectl: Kubectl) -> None:
    for path in PATHS:
        text = await kubectl.run("explain", f"javaboot.{path}")
        assert "<no description>" not in text, text
        assert "DESCRIPTION:" in text
