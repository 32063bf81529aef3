"""The images of the samples: built offline, small, without a shell, and whole."""

import os
import shutil
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from havok.codec import decode_yaml
from havok.errors import HavokError
from scenario.samples.container import MEMORY_BYTES, Image, bundle, inspect
from scenario.samples.service import EXAMPLES, PATIENCE_SECONDS, Service, load_build, running

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="running a container needs root")
MOST_BYTES = {"javaboot-sample": 30_000_000, "pythonboot-sample": 16_000_000}
IMPORTS = (
    "asyncio bz2 ctypes decimal hashlib http.client logging.config lzma multiprocessing ssl uuid zoneinfo"
)


def build(folder: Path, output: Path, *more: str) -> str:
    """Run a build script as a person does; what it says."""
    command = [sys.executable, str(folder / "build.py"), "--output", str(output), *more]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module", params=sorted(MOST_BYTES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def image(name: str, tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp(name)
    archive = folder / "image.tar"
    build(EXAMPLES / name, archive, "--version", "3.2")
    return inspect(archive, folder / "blobs")


@pytest.fixture(scope="module")
def unpacked(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp(f"{name}-bundle")


def test_a_build_says_what_it_made_and_does_nothing_the_second_time(image: Image, name: str) -> None:
    before = image.archive.stat()
    said = build(EXAMPLES / name, image.archive, "--version", "3.2")
    assert said.endswith("MB, up to date\n")
    assert image.archive.stat() == before


def test_a_changed_source_makes_a_new_image(tmp_path: Path) -> None:
    folder = tmp_path / "examples/pythonboot-sample"
    shutil.copytree(EXAMPLES / "pythonboot-sample", folder, ignore=shutil.ignore_patterns("build"))
    shutil.copy(EXAMPLES / "image.py", tmp_path / "examples")
    output = tmp_path / "image.tar"
    assert "built in" in build(folder, output)
    first = output.read_bytes()
    (folder / "src/sample/page.html").write_text("changed")
    assert "built in" in build(folder, output)
    assert "built in" in build(folder, output, "--version", "1.1")
    assert output.read_bytes() != first


def test_a_damaged_image_is_built_again(tmp_path: Path) -> None:
    output = tmp_path / "image.tar"
    build(EXAMPLES / "pythonboot-sample", output)
    whole = output.read_bytes()
    output.write_bytes(whole[:1000])
    assert "built in" in build(EXAMPLES / "pythonboot-sample", output)
    assert output.read_bytes() == whole


def test_the_image_says_how_it_is_run(image: Image, name: str) -> None:
    config = image.config["config"]
    assert config["User"] == "65534:65534"
    assert config["WorkingDir"] == "/app"
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert {f"APP_NAME={name}", "APP_VERSION=3.2", "HOST=0.0.0.0", "PORT=8080"} <= set(config["Env"])
    assert image.config["os"] == "linux"


def test_the_service_is_the_last_layer_and_the_whole_is_small(image: Image, name: str) -> None:
    assert len(image.layers) == 2
    runtime, service = image.layer_bytes
    assert service < runtime / 3
    assert runtime + service < MOST_BYTES[name]


def test_there_is_no_shell_and_nothing_that_nobody_may_change(image: Image) -> None:
    names = [Path(member.name).name for member in image.members()]
    assert not {"sh", "bash", "dash", "busybox", "apt", "keytool"} & set(names)
    changeable = [
        member.name
        for member in image.members()
        if member.uid or member.gid or (member.mode & 0o022 and not member.issym())
    ]
    assert changeable == ["tmp"]


def test_six_lines_describe_the_boot_that_runs_the_image(image: Image, name: str) -> None:
    text = (EXAMPLES / name / "boot.yaml").read_text("utf-8")
    (boot,) = decode_yaml(text)
    kind = {"javaboot-sample": "JavaBoot", "pythonboot-sample": "PythonBoot"}[name]
    assert len(text.splitlines()) == 6
    assert (boot["apiVersion"], boot["kind"]) == ("app.logancloud.com/v1", kind)
    assert boot["metadata"] == {"name": f"demo-{kind.lower()}"}
    assert boot["spec"] == {"image": f"harbor/{name}", "version": "1.0"}
    with tarfile.open(image.archive) as archive:
        index = archive.extractfile("index.json")
        assert index is not None
        assert f'"{boot["spec"]["image"]}:3.2"' in index.read().decode()


@AS_ROOT
def test_the_container_answers_within_a_second_and_ends_well(image: Image, unpacked: Path) -> None:
    taken: list[float] = []
    while len(taken) < 3 and min(taken, default=9) >= 1:  # the machine may be busy; the image is not to blame
        started = time.monotonic()
        with contained(image, unpacked) as service:
            assert service.ask("/health").status == 200
            taken.append(time.monotonic() - started)
            service.terminate()
            assert service.exit_code() == 0
            assert service.output.whole().endswith("\nstopped\n")
    assert min(taken) < 1


@AS_ROOT
def test_every_page_works_inside_the_container_and_its_limits_are_known(image: Image, unpacked: Path) -> None:
    with contained(image, unpacked) as service:
        assert f"{MEMORY_BYTES // 2**20} MiB memory" in "".join(service.output.lines)
        statuses = {
            path: service.ask(path).status for path in ("/", "/prometheus", "/slow?ms=1", "/error", "/no")
        }
        assert list(statuses.values()) == [200, 200, 200, 500, 404]
        assert service.metric("http_requests_total") >= 4
        assert service.ask("/", accept="text/html").status == 200


@AS_ROOT
def test_the_class_archive_of_the_java_image_is_used(image: Image, name: str, unpacked: Path) -> None:
    if name == "javaboot-sample":
        with contained(image, unpacked, JDK_JAVA_OPTIONS="-Xshare:on") as service:  # no archive, no start
            assert "class data shared" in "".join(service.output.lines)


@AS_ROOT
def test_the_libraries_of_the_python_image_are_whole(image: Image, name: str, unpacked: Path) -> None:
    if name == "pythonboot-sample":
        program = f"import {IMPORTS.replace(' ', ', ')}; print(ssl.OPENSSL_VERSION)"
        with bundle(image, unpacked, container_name(), "/usr/bin/python3.11", "-S", "-c", program) as command:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS
            )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("OpenSSL 3")


def test_a_machine_without_the_jdk_is_told_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = load_build("javaboot-sample")
    monkeypatch.setattr(script, "JVMS", tmp_path)
    with pytest.raises(HavokError) as caught:
        script.tool("jlink")
    assert caught.value.code == "sample.jdk.missing"
    assert "openjdk-17-jdk-headless" in caught.value.hint


@contextmanager
def contained(image: Image, folder: Path, **environment: str) -> Iterator[Service]:
    """The image running as a container on a free port of loopback."""
    variables = {"HOST": "127.0.0.1", "PORT": "0", **environment}
    with (
        bundle(image, folder, container_name(), **variables) as command,
        running(command, folder=folder, PATH=os.environ["PATH"]) as service,
    ):
        yield service


def container_name() -> str:
    """One that no other container of this machine has."""
    return f"havok-sample-test-{uuid.uuid4().hex[:8]}"
