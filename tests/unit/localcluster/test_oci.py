"""Images made by us are what containerd and skopeo read, the same bytes each time, and run."""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import havok
from havok.errors import HavokError
from havok.localcluster.binaries import architecture
from havok.localcluster.oci import Config, Entry, binary_image, build_image, tree

NAME = "havok.local/tiny:1.2.3"
CONFIG = Config(
    entrypoint=("/bin/tiny",), cmd=("serve",), env={"B": "2", "A": "1"}, user="65534", ports=(53, 8080),
    labels={"z": "1", "a": "2"}, workdir="/srv", stop_signal="SIGINT",
)  # fmt: skip


def skopeo(*arguments: str) -> Any:
    program = shutil.which("skopeo")
    if program is None:
        pytest.fail("skopeo is not installed: apt install skopeo", pytrace=False)
    return json.loads(subprocess.run([program, *arguments], check=True, capture_output=True).stdout)


def blobs(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        files = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def layer(path: Path, index: int = 0) -> tarfile.TarFile:
    files = blobs(path)
    manifest = json.loads(files[_blob(json.loads(files["index.json"])["manifests"][0])])
    return tarfile.open(fileobj=io.BytesIO(gzip.decompress(files[_blob(manifest["layers"][index])])))


def _blob(descriptor: dict[str, Any]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def test_skopeo_reads_what_was_asked_for(tmp_path: Path) -> None:
    layers = [[Entry("bin/tiny", b"x", 0o755)], [Entry("etc/a", b"y")]]
    digest = build_image(tmp_path / "i.tar", name=NAME, layers=layers, config=CONFIG)
    seen = skopeo("inspect", f"oci-archive:{tmp_path}/i.tar:1.2.3")
    assert seen["Digest"] == digest
    assert seen["Architecture"] == architecture()
    assert len(seen["Layers"]) == 2
    config = skopeo("inspect", "--config", f"oci-archive:{tmp_path}/i.tar")
    assert config["config"] == {
        "User": "65534",
        "ExposedPorts": {"53/tcp": {}, "8080/tcp": {}},
        "Env": ["B=2", "A=1"],
        "Entrypoint": ["/bin/tiny"],
        "Cmd": ["serve"],
        "WorkingDir": "/srv",
        "Labels": {"a": "2", "z": "1"},
        "StopSignal": "SIGINT",
    }
    copied = tmp_path / "copied"
    subprocess.run(["skopeo", "copy", "-q", f"oci-archive:{tmp_path}/i.tar", f"dir:{copied}"], check=True)


def test_every_digest_and_size_is_that_of_its_bytes(tmp_path: Path) -> None:
    build_image(tmp_path / "i.tar", name=NAME, layers=[[Entry("a", os.urandom(100_000))]], config=CONFIG)
    files = blobs(tmp_path / "i.tar")
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert name == "blobs/sha256/" + hashlib.sha256(data).hexdigest()
    index = json.loads(files["index.json"])["manifests"][0]
    manifest = json.loads(files[_blob(index)])
    for descriptor in (index, manifest["config"], *manifest["layers"]):
        assert descriptor["size"] == len(files[_blob(descriptor)])
    config = json.loads(files[_blob(manifest["config"])])
    plain = gzip.decompress(files[_blob(manifest["layers"][0])])
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(plain).hexdigest()]
    assert index["annotations"] == {
        "io.containerd.image.name": NAME,
        "org.opencontainers.image.ref.name": "1.2.3",
    }


def test_equal_input_gives_equal_bytes_whatever_the_clock_and_the_owner(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    names = [f"f{n}" for n in range(20)]
    made = []
    for round_ in range(2):
        random.shuffle(names)
        shutil.rmtree(source)
        (source / "sub").mkdir(parents=True)
        for name in names:
            (source / "sub" / name).write_text(name)
            os.utime(source / "sub" / name, (round_ * 1000, round_ * 1000))
        path = tmp_path / f"{round_}.tar"
        build_image(path, name=NAME, layers=[tree(source, "app")], config=CONFIG)
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_folders_on_the_way_links_owners_and_modes_are_in_the_layer(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "s" / "run.sh").chmod(0o750)
    (tmp_path / "s" / "link").symlink_to("run.sh")
    entries = [
        *tree(tmp_path / "s", "opt/app"),
        Entry("/tmp", mode=0o1777),
        Entry("data", b"1", 0o600, 1000, 1001),
    ]
    build_image(tmp_path / "i.tar", name=NAME, layers=[entries], config=CONFIG)
    found = {entry.name: entry for entry in layer(tmp_path / "i.tar")}
    assert list(found) == ["opt", "opt/app", "opt/app/link", "opt/app/run.sh", "tmp", "data"]
    assert found["opt"].isdir()
    assert found["opt"].mode == 0o755
    assert found["opt/app/link"].linkname == "run.sh"
    assert found["opt/app/run.sh"].mode == 0o750
    assert found["tmp"].mode == 0o1777
    assert (found["data"].uid, found["data"].gid, found["data"].mode) == (1000, 1001, 0o600)
    assert {entry.mtime for entry in found.values()} == {0}


@given(st.dictionaries(st.text("abcü/ .-", min_size=1, max_size=150), st.binary(max_size=2000), max_size=5))
def test_any_names_and_contents_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    flat = {f"f-{index}-{name.replace('/', '_')}": data for index, (name, data) in enumerate(files.items())}
    path = tmp_path_factory.mktemp("oci") / "i.tar"
    build_image(path, name=NAME, layers=[[Entry(n, d) for n, d in flat.items()]], config=Config())
    with layer(path) as tar:
        got = {entry.name: file.read() for entry in tar if (file := tar.extractfile(entry))}
    assert got == flat


def test_a_program_becomes_an_image_that_runs_it_as_nobody(tmp_path: Path) -> None:
    program = tmp_path / "tiny"
    program.write_bytes(b"\x7fELF")
    binary_image(tmp_path / "i.tar", name=NAME, binary=program, config=Config(ports=(53,)))
    config = skopeo("inspect", "--config", f"oci-archive:{tmp_path}/i.tar")["config"]
    assert config == {"User": "65534:65534", "ExposedPorts": {"53/tcp": {}}, "Entrypoint": ["/tiny"]}
    assert [(entry.name, entry.mode) for entry in layer(tmp_path / "i.tar")] == [("tiny", 0o755)]


def test_a_file_that_is_missing_leaves_no_image_and_no_rest(tmp_path: Path) -> None:
    with pytest.raises(HavokError) as caught:
        binary_image(tmp_path / "i.tar", name=NAME, binary=tmp_path / "gone")
    assert caught.value.code == "binaries.image.failed"
    assert "gone" in caught.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    """512 MiB of zeros through a process that may grow by far less."""
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(512 * 2**20)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from havok.localcluster.oci import binary_image\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "binary_image(Path(sys.argv[1]), name='a:1', binary=Path(sys.argv[2]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(havok.__file__).parents[1])}
    command = [sys.executable, "-c", code, f"{tmp_path}/i.tar", f"{tmp_path}/zeros"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 * 1024


def test_containerd_imports_it_under_its_name(tmp_path: Path) -> None:
    """A containerd of the test's own; only its content and image stores are used."""
    if shutil.which("containerd") is None or os.geteuid() != 0:
        pytest.skip("needs root and containerd")
    program = tmp_path / "tiny"
    program.write_bytes(b"\x7fELF")
    binary_image(tmp_path / "i.tar", name=NAME, binary=program)
    socket = tmp_path / "c.sock"
    (tmp_path / "config.toml").write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    folders = ["--root", f"{tmp_path}/root", "--state", f"{tmp_path}/state", "--address", str(socket)]
    daemon = subprocess.Popen(
        ["containerd", "--config", tmp_path / "config.toml", *folders], stderr=subprocess.DEVNULL
    )
    try:
        ctr = ["ctr", "--address", str(socket), "--connect-timeout", "20s", "-n", "k8s.io"]
        while not socket.exists():
            assert daemon.poll() is None, "containerd ended"
            time.sleep(0.02)
        subprocess.run(
            [*ctr, "images", "import", "--no-unpack", tmp_path / "i.tar"], check=True, capture_output=True
        )
        listed = subprocess.run(
            [*ctr, "images", "ls", "-q"], check=True, capture_output=True, text=True
        ).stdout
        assert listed.split() == [NAME]
    finally:
        daemon.terminate()
        daemon.wait()
