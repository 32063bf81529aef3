"""Facts about a machine become findings, and each finding that is not ok has its fix."""

import os
from pathlib import Path

import pytest

from havok import text
from havok.errors import HavokError
from havok.localcluster import doctor
from havok.localcluster.doctor import GIB, Finding
from havok.settings import Settings


def meminfo(available: float) -> str:
    kib = int(available * GIB / 1024)
    return f"MemTotal: 32000000 kB\nMemFree: 1 kB\nMemAvailable:   {kib} kB\nHugePages: 0\n"


@pytest.mark.parametrize(("free", "level"), [(0.2, "error"), (1.5, "warning"), (8, "ok")])
def test_memory(free: float, level: str) -> None:
    finding = doctor.memory(meminfo(free))
    assert (finding.level, finding.values["free"]) == (level, f"{free:.1f} GiB")


@pytest.mark.parametrize(("free", "level"), [(1, "error"), (5, "warning"), (50, "ok")])
def test_disk(free: int, level: str) -> None:
    finding = doctor.disk(Path("/var/lib/havok"), free * GIB)
    assert (finding.level, finding.values["path"]) == (level, "/var/lib/havok")


@pytest.mark.parametrize(("output", "level", "version"), [
    ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1", "ok", "1.6.20~ds1"),
    ("containerd containerd.io v2.1.4 75cb2b7193e4e490e9fbdc236c0e811ccaba3376", "ok", "2.1.4"),
    ("containerd github.com/containerd/containerd v1.7.24 88bf19b2105c", "ok", "1.7.24"),
    ("containerd github.com/containerd/containerd 1.5.9", "error", "1.5.9"),
    ("containerd github.com/containerd/containerd 1.4.13~ds1 1.4.13~ds1-1~deb11u4", "error", "1.4.13~ds1"),
    ("", "error", "?"),
    ("bash: containerd: command not found", "error", "?"),
])  # fmt: skip
def test_containerd(output: str, level: str, version: str) -> None:
    finding = doctor.containerd_version(output)
    assert (finding.level, finding.values["version"]) == (level, version)


def test_missing_packages_are_named_in_one_line_to_run() -> None:
    (finding,) = doctor.packages(["runc", "skopeo"])
    assert finding.level == "error"
    assert finding.fix == "apt-get install --yes --no-install-recommends runc skopeo"


def test_every_command_a_cluster_uses_has_its_package() -> None:
    assert set(doctor.TOOLS.values()) <= set(doctor.PACKAGES)


def test_a_machine_without_any_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_which", lambda tool: None)
    missing = doctor.missing_packages()
    assert len(missing) == len(set(missing))
    assert {"containerd", "runc", "iptables", "skopeo", "docker-registry"} <= set(missing)
    with pytest.raises(HavokError) as caught:
        doctor.check_requirements()
    assert caught.value.code == "cluster.packages.missing"
    assert caught.value.hint.startswith("apt-get install")


def all_findings() -> list[Finding]:
    ok = [doctor.memory(meminfo(9)), doctor.disk(Path("/x"), 99 * GIB), doctor.containerd_version("c 1.7.0")]
    bad = [doctor.memory(meminfo(0)), doctor.disk(Path("/x"), 0), doctor.containerd_version("")]
    return [*ok, *bad, *doctor.packages([]), *doctor.packages(["runc"])]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("finding", all_findings(), ids=lambda finding: f"{finding.check}-{finding.level}")
def test_every_finding_is_said_in_words(finding: Finding, lang: str) -> None:
    kind = "ok" if finding.level == "ok" else "problem"
    assert text.say(f"cluster.doctor.{finding.check}.{kind}", lang, **finding.values)
    assert bool(finding.fix) is (finding.level != "ok")


def test_this_machine_is_examined_whole(tmp_path: Path) -> None:
    settings = Settings.load(environ={}, flags={"cluster.home": str(tmp_path / "none")})
    findings = doctor.examine(settings, "t")
    checks = [finding.check for finding in findings]
    if os.geteuid() != 0:
        assert checks == ["platform"]
        return
    assert checks == ["platform", "packages", "containerd", *["kernel"] * checks.count("kernel"), "memory",
                      "disk", "port", "addresses", "cgroups"]  # fmt: skip
    for finding in findings:
        kind = "ok" if finding.level == "ok" else "problem"
        assert text.say(f"cluster.doctor.{finding.check}.{kind}", "en", **finding.values)


def test_memory_counts_every_node_that_is_yet_to_start() -> None:
    assert doctor.memory(meminfo(3), 3).level == "ok"
    refused = doctor.memory(meminfo(3), 12)
    assert (refused.level, "12 nodes" in refused.fix) == ("error", True)


def test_nodes_that_do_not_fit_are_refused_with_how_many_do() -> None:
    doctor.check_memory(3, meminfo(2))
    doctor.check_memory(0, meminfo(0))
    with pytest.raises(HavokError, match="memory") as refused:
        doctor.check_memory(30, meminfo(2))
    assert refused.value.code == "cluster.memory.short"
    assert refused.value.context["most"] == 5
