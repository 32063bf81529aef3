"""The table says what the pins say, and its keys change with them."""

import re
from pathlib import Path

import pytest

from havok.errors import NotFoundError
from havok.localcluster.binaries import toolchain
from havok.localcluster.binaries.table import TABLE, Binary, Group, select

MODULES = {
    "kubernetes": "k8s.io/kubernetes",
    "etcd": "go.etcd.io/etcd/server/v3",
    "coredns": "github.com/coredns/coredns",
    "metrics-server": "sigs.k8s.io/metrics-server",
}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_version_of_a_group_is_the_one_that_is_pinned(name: str) -> None:
    group = next(binary.group for binary in TABLE.values() if binary.group.name == name)
    pinned = re.search(rf"^\t?{re.escape(MODULES[name])} v(\S+)", group.files()["go.mod"].decode(), re.M)
    assert pinned is not None
    assert group.version == pinned[1]


def test_the_version_of_our_own_program_is_in_its_source() -> None:
    pause = TABLE["pause"].group
    assert f'version = "{pause.version}"'.encode() in pause.files()["main.go"]


@pytest.mark.parametrize("binary", TABLE.values(), ids=lambda binary: binary.name)
def test_every_package_is_a_tool_of_its_module(binary: Binary) -> None:
    text = binary.group.files()["go.mod"].decode()
    assert re.search(rf"^(tool |\t|module ){re.escape(binary.package)}$", text, re.M)


def test_staging_modules_have_the_version_of_their_kubernetes() -> None:
    text = TABLE["kubelet"].group.files()["go.mod"].decode()
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (k8s\.io/\S+) v(\S+)$", text, re.M)
    assert len(replaced) == 33
    assert {version for _, _, version in replaced} == {"0" + TABLE["kubelet"].group.version[1:]}


def test_the_toolchain_that_is_fetched_can_build_every_group() -> None:
    fetched = toolchain.parse(toolchain.pinned())
    assert fetched is not None
    assert all(fetched >= toolchain.minimum(binary.group) for binary in TABLE.values())


def test_a_key_changes_with_any_pin_any_flag_and_the_processor(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a\n")
    (tmp_path / "README").write_text("not a source")
    group = Group(name="a", version="1.0.0", pins=tmp_path, disk=1)
    flagged = Group(name="a", version="1.0.0", pins=tmp_path, disk=1, variables="-X a.b=c")
    keys = {group.key("amd64"), group.key("arm64"), flagged.key("amd64")}
    (tmp_path / "README").write_text("still not a source")
    assert group.key("amd64") in keys
    (tmp_path / "go.sum").write_text("")
    keys.add(group.key("amd64"))
    (tmp_path / "main.go").write_text("package main\n")
    keys.add(group.key("amd64"))
    assert len(keys) == 5
    assert all(re.fullmatch("[0-9a-f]{12}", key) for key in keys)


def test_only_kubernetes_itself_is_on_its_release_site() -> None:
    assert TABLE["kubelet"].release_path("arm64") == (
        f"release/v{TABLE['kubelet'].group.version}/bin/linux/arm64/kubelet"
    )
    assert TABLE["etcd"].release_path() is None


def test_names_come_in_build_order_and_an_unknown_one_gets_the_nearest() -> None:
    assert [binary.name for binary in select(["kubelet", "etcd", "kube-apiserver"])] == [
        "etcd", "kube-apiserver", "kubelet",
    ]  # fmt: skip
    with pytest.raises(NotFoundError) as caught:
        select(["kube-api-server"])
    assert caught.value.context["nearest"] == "kube-apiserver"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27rc1 linux/arm64", (1, 27, 0)),
        ("go version devel +4e1d3f2 linux/amd64", None),
        ("1.26", (1, 26, 0)),
    ],
)
def test_a_go_version_is_understood(text: str, version: toolchain.Version | None) -> None:
    assert toolchain.parse(text) == version
