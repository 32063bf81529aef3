"""What `havok image push` is given: real layouts and archives, and much that only looks like them."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from havok.errors import HavokError, NotFoundError, UsageError
from havok.localcluster import images, oci


@pytest.fixture(scope="session")
def oci_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real image of one file."""
    path = tmp_path_factory.mktemp("oci") / "image.tar"
    entry = oci.Entry("hello", b"hello\n", mode=0o755)
    oci.build_image(path, name="team/hello:1.2", layers=[[entry]], config=oci.Config(entrypoint=("/hello",)))
    return path


@pytest.fixture
def oci_folder(oci_tar: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "layout"
    with tarfile.open(oci_tar) as archive:
        archive.extractall(folder, filter="data")
    return folder


def write_tar(path: Path, members: dict[str, Any]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def docker_tar(path: Path, tags: list[str] | None) -> Path:
    """What `docker save` writes, without the layers."""
    manifest = [{"Config": "c.json", "RepoTags": tags, "Layers": []}]
    return write_tar(path, {"manifest.json": manifest, "c.json": {}})


def test_an_oci_archive(oci_tar: Path) -> None:
    assert images.archive_kind(oci_tar) == "oci-archive"
    assert images.named_in(oci_tar, "oci-archive") == "team/hello:1.2"


def test_an_oci_layout(oci_folder: Path) -> None:
    assert images.archive_kind(oci_folder) == "oci"
    assert images.named_in(oci_folder, "oci") == "team/hello:1.2"


def test_a_docker_archive(tmp_path: Path) -> None:
    path = docker_tar(tmp_path / "saved.tar", ["team/hello:1.2"])
    assert images.archive_kind(path) == "docker-archive"
    assert images.named_in(path, "docker-archive") == "team/hello:1.2"


def test_an_archive_of_docker_25_is_both_and_read_as_oci(tmp_path: Path) -> None:
    manifest = [{"RepoTags": ["team/hello:1.2"]}]
    notes = {
        "io.containerd.image.name": "docker.io/team/hello:1.2",
        "org.opencontainers.image.ref.name": "1.2",
    }
    index = {"manifests": [{"annotations": notes}]}
    members = {"oci-layout": {}, "index.json": index, "manifest.json": manifest}
    path = write_tar(tmp_path / "saved.tar", members)
    assert images.archive_kind(path) == "oci-archive"
    assert images.named_in(path, "oci-archive") == "team/hello:1.2"


def test_names_that_begin_with_a_dot(tmp_path: Path) -> None:
    """`tar -C folder -cf x.tar .` writes ./index.json."""
    index = {"manifests": [{"annotations": {"org.opencontainers.image.ref.name": "hello:1"}}]}
    path = write_tar(tmp_path / "x.tar", {"./oci-layout": {}, "./index.json": index})
    assert images.archive_kind(path) == "oci-archive"
    assert images.named_in(path, "oci-archive") == "hello:1"


@pytest.mark.parametrize(("tag", "expected"), [
    ("hello:1", "hello:1"),
    ("team/hello:1", "team/hello:1"),
    ("registry.example.com/team/hello:1", "team/hello:1"),
    ("localhost/hello:1", "hello:1"),
    ("localhost:5000/hello:1", "hello:1"),
    ("docker.io/library/hello:1", "library/hello:1"),
])  # fmt: skip
def test_the_registry_of_another_is_left_out(tmp_path: Path, tag: str, expected: str) -> None:
    assert images.named_in(docker_tar(tmp_path / "x.tar", [tag]), "docker-archive") == expected


@pytest.mark.parametrize("tags", [None, [], ["hello"], [""], ["localhost:5000/hello"]])
def test_an_image_without_a_name_asks_for_one(tmp_path: Path, tags: list[str] | None) -> None:
    with pytest.raises(UsageError) as caught:
        images.named_in(docker_tar(tmp_path / "x.tar", tags), "docker-archive")
    assert caught.value.code == "image.reference.missing"
    assert "--as" in caught.value.hint


@pytest.mark.parametrize("reference", ["1.2", ""])
def test_an_oci_layout_that_names_only_a_tag(tmp_path: Path, reference: str) -> None:
    index = {"manifests": [{"annotations": {"org.opencontainers.image.ref.name": reference}}]}
    path = write_tar(tmp_path / "x.tar", {"oci-layout": {}, "index.json": index})
    with pytest.raises(UsageError) as caught:
        images.named_in(path, "oci-archive")
    assert caught.value.code == "image.reference.missing"


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        images.archive_kind(tmp_path / "none.tar")
    assert caught.value.code == "image.file.missing"


@pytest.mark.parametrize("data", [b"", b"junk", b"\x1f\x8b junk", b"\0" * 10_240])
def test_files_that_are_no_archives(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        images.archive_kind(path)
    assert caught.value.code == "image.file.unknown"
    assert caught.value.hint


def test_an_archive_that_was_cut_off(oci_tar: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.tar"
    path.write_bytes(oci_tar.read_bytes()[:700])
    with pytest.raises(UsageError) as caught:
        images.archive_kind(path)
    assert caught.value.code == "image.file.unknown"


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"index\.json"):
        images.archive_kind(write_tar(tmp_path / "x.tar", {"README": b"hello"}))


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        images.archive_kind(tmp_path)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"5", {"manifests": 5}, {"manifests": []}, {"manifests": [5]}]
)
def test_an_index_that_is_no_index(tmp_path: Path, content: Any) -> None:
    path = write_tar(tmp_path / "x.tar", {"oci-layout": {}, "index.json": content})
    with pytest.raises(HavokError):
        images.named_in(path, "oci-archive")


@pytest.mark.parametrize("content", [b"{", b"{}", b"5", [5], [], [{"RepoTags": 5}], [{"RepoTags": [5]}]])
def test_a_manifest_that_is_no_manifest(tmp_path: Path, content: Any) -> None:
    path = write_tar(tmp_path / "x.tar", {"manifest.json": content})
    with pytest.raises(HavokError):
        images.named_in(path, "docker-archive")
