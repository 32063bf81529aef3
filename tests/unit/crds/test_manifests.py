"""The generated definitions say what the contract's tables say, and the committed files are current."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from havok.codec import decode_json, decode_yaml, encode_json
from havok.crds import BOOT_KINDS, BootSpec, boot_kind, manifests
from havok.crds.__main__ import files

DEPLOY = Path(__file__).parents[3] / "deploy" / "crds"


def test_committed_files_are_what_the_structs_give() -> None:
    committed = {path.name: path.read_text("utf-8") for path in DEPLOY.glob("*.yaml")}
    assert committed == files(), "run `python -m havok.crds` and commit the result"


def test_files_hold_the_manifests_that_programs_use() -> None:
    assert [decode_yaml(text)[0] for text in files().values()] == manifests()


@pytest.mark.parametrize(
    ("kind", "plural", "short", "app_key"),
    [
        ("JavaBoot", "javaboots", "java", "javaBoot"),
        ("PhpBoot", "phpboots", "php", "phpBoot"),
        ("PythonBoot", "pythonboots", "python", "pythonBoot"),
        ("NodeJSBoot", "nodejsboots", "nodejs", "nodejsBoot"),
        ("WebBoot", "webboots", "web", "webBoot"),
    ],
)
def test_names_of_a_kind(kind: str, plural: str, short: str, app_key: str) -> None:
    names = definition(f"{plural}.app.logancloud.com")["spec"]["names"]
    assert names == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
    }
    row = boot_kind(kind)
    assert row is not None
    assert (row.boot_type, row.app_key) == (short, app_key)


def test_scale_reads_the_field_with_capital_letters() -> None:
    for kind in BOOT_KINDS:
        version = definition(f"{kind.plural}.app.logancloud.com")["spec"]["versions"][0]
        assert version["subresources"] == {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.HPAReplicas",
                "labelSelectorPath": ".status.selector",
            },
        }
        status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
        assert "HPAReplicas" in status["properties"]


def test_columns_have_the_order_of_the_contract() -> None:
    version = definition("javaboots.app.logancloud.com")["spec"]["versions"][0]
    assert [column["name"] for column in version["additionalPrinterColumns"]] == [
        "Desired", "ReadyReplicas", "CurrentReplicas", "Services", "Workload", "Version",
    ]  # fmt: skip
    revision = definition("bootrevisions.app.logancloud.com")["spec"]["versions"][0]
    assert [column["name"] for column in revision["additionalPrinterColumns"]] == ["Desired", "Version"]
    assert revision["subresources"] == {"status": {}}


def test_a_revision_holds_every_field_of_a_boot() -> None:
    def spec(name: str) -> Any:
        version = definition(name)["spec"]["versions"][0]
        return version["schema"]["openAPIV3Schema"]["properties"]["spec"]

    assert spec("bootrevisions.app.logancloud.com") == spec("webboots.app.logancloud.com")
    assert spec("webboots.app.logancloud.com")["required"] == ["image", "version"]


def test_every_field_explains_itself() -> None:
    for manifest in manifests():
        root = manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        silent = [
            path for path, node in fields(root["properties"]["spec"], "spec") if not node.get("description")
        ]
        silent += [
            path for path, node in fields(root["properties"]["status"], "status") if not node["description"]
        ]
        assert silent == []


def test_explicit_zero_and_empty_survive_the_wire() -> None:
    spec = decode_json(b'{"image":"a","version":"1","replicas":0,"health":"","unknown":[1]}', BootSpec)
    assert (spec.replicas, spec.health, spec.readiness) == (0, "", None)
    assert decode_json(encode_json(spec)) == {"image": "a", "version": "1", "replicas": 0, "health": ""}


def definition(name: str) -> Any:
    return next(manifest for manifest in manifests() if manifest["metadata"]["name"] == name)


def fields(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}")
    if "items" in node and "properties" in node["items"]:
        yield from fields(node["items"], f"{path}[]")
