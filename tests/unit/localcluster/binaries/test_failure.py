"""A failed build is explained by its cause, in both languages, with the log and its end."""

import re
from pathlib import Path

import pytest

from havok.errors import HavokError
from havok.localcluster.binaries import failure, verify
from havok.localcluster.binaries.build import Watch
from havok.text import catalogue, explain

SOURCES = Path(failure.__file__).parent


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        ("main.go:3: undefined: x", 1, "binaries.build.failed"),
        ("", -9, "binaries.build.killed"),
        ("k8s.io/x: compile: signal: killed", 1, "binaries.build.killed"),
        ("write /c/b001: no space left on device", 1, "binaries.disk.full"),
        ("verifying k8s.io/api@v1: checksum mismatch\n\nSECURITY ERROR", 1, "binaries.build.tampered"),
        ("dial tcp: lookup proxy.example: no such host", 1, "binaries.build.unreachable"),
        ("proxyconnect tcp: EOF", 1, "binaries.build.unreachable"),
    ],
)
def test_the_cause_is_read_from_the_output(tmp_path: Path, text: str, code: int, expected: str) -> None:
    log = tmp_path / "etcd.log"
    log.write_text("\n".join(f"package/{n}" for n in range(100)) + "\n" + text)
    error = failure.build_failed("etcd", log, code, tmp_path)
    assert error.code == expected
    assert error.hint
    if expected != "binaries.disk.full":
        assert str(log) in error.message
        assert text.splitlines()[-1:] == error.message.splitlines()[-1:] or not text
        assert "package/1\n" not in error.message


def test_every_error_has_its_chinese() -> None:
    codes = set()
    for path in [*SOURCES.glob("*.py"), SOURCES.parent / "oci.py"]:
        codes |= set(re.findall(r'"(binaries(?:\.[a-z_]+)+)"', path.read_text()))
    codes = {code for code in codes if not code.startswith(("binaries.phase", "binaries.progress"))}
    assert codes == set(catalogue("binaries", "zh")["errors"])


@pytest.mark.parametrize(
    "error",
    [
        failure.disk_full(Path("/c")),
        failure.disk_full(Path("/c"), needed=2**33, free=2**30),
        failure.unwritable(Path("/c"), PermissionError(13, "Permission denied")),
        failure.busy("etcd (12)"),
        failure.build_failed("etcd", Path("/nowhere"), 1, Path("/c")),
    ],
    ids=lambda error: error.code,
)
def test_the_chinese_is_filled_from_the_error(error: HavokError) -> None:
    message, hint = explain(error, "zh")
    assert message != error.message
    assert hint != error.hint
    assert "{" not in message + hint


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Kubernetes v1.37.2", "1.37.2"),
        ("Client Version: v1.37.2\nKustomize Version: v5.8.1", "1.37.2"),
        ("etcd Version: 3.7.3\nGit SHA: Not provided\nGo Version: go1.26.8", "3.7.3"),
        ("CoreDNS-1.15.0\nlinux/amd64, go1.26.8, ", "1.15.0"),
        ("v0.9.0", "0.9.0"),
        ("v1.38.0-rc.1+dirty", "1.38.0-rc.1"),
        ("go1.26.8", None),
        ("flag provided but not defined", None),
    ],
)
def test_a_program_s_version_is_found_in_what_it_says(text: str, version: str | None) -> None:
    assert verify.parse(text) == version


def test_a_running_build_is_followed_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    watch = Watch(log)
    watch.look()
    assert (watch.phase, watch.detail) == ("building", "")
    with log.open("w") as file:
        file.write("go: downloading k8s.io/api v0.37.2\ngo: downloading go.uber.org/zap v1")
        file.flush()
        watch.look()
        assert (watch.phase, watch.detail) == ("modules", "k8s.io/api v0.37.2")
        file.write(".27.1\nk8s.io/api/core/v1\n# k8s.io/broken\nfile.go:1:1: no\n")
        file.flush()
        watch.look()
    assert (watch.phase, watch.packages, watch.modules) == ("building", 1, 2)
