"""The first thing a person runs: what it says, asks and installs when Debian packages are missing.

dpkg-query and apt-get are stand-ins that record how they are called; everything else is the real script.
"""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


class Machine:
    """A folder with the script, and a PATH whose dpkg-query knows every package but `lacking`."""

    def __init__(self, folder: Path, lacking: str) -> None:
        self.folder = folder
        self.calls = folder / "apt-calls"
        self.policy = folder / "policy-rc.d"
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "setup", folder / "scripts" / "setup")
        tools = folder / "tools"
        tools.mkdir()
        self._tool("dpkg-query", f'for last; do :; done; [ "$last" = {lacking} ] || echo -n installed')
        self._tool("apt-get", f'echo "$* policy=$(test -x {self.policy} && echo yes)" >>{self.calls}; exit 9')
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}", "HOME": str(folder),
            "SETUP_POLICY_FILE": str(self.policy),
        }  # fmt: skip

    def _tool(self, name: str, body: str) -> None:
        file = self.folder / "tools" / name
        file.write_text(f"#!/bin/bash\n{body}\n")
        file.chmod(0o755)

    def setup(self, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "scripts/setup"], cwd=self.folder, env={**self.environment, **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, "skopeo")


def test_without_a_terminal_it_asks_nothing_and_ends_with_the_line_to_run(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 2
    assert "apt-get install --yes --no-install-recommends skopeo\n" in done.stderr
    assert "setup.packages.missing" in done.stderr
    assert not machine.calls.exists()


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"YES": "1"}])
@pytest.mark.skipif(os.geteuid() != 0, reason="installing needs root")
def test_in_ci_or_with_yes_it_installs_and_no_service_starts(
    machine: Machine, variables: dict[str, str]
) -> None:
    done = machine.setup(**variables)
    assert done.returncode == 9  # what our apt-get answers: the failure is passed on
    assert machine.calls.read_text().startswith("update")
    assert "policy=yes" in machine.calls.read_text()
    assert not machine.policy.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="installing needs root")
def test_a_persons_own_policy_stays(machine: Machine) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 0\n")
    machine.setup(YES="1")
    assert machine.policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_on_a_terminal_it_names_the_packages_and_takes_no_for_an_answer(machine: Machine) -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        ["bash", "scripts/setup"], cwd=machine.folder, env=machine.environment,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    try:
        seen = b""
        while b"[y/N]" not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, b"n\n")
        assert child.wait(timeout=30) == 2
    finally:
        child.kill()
        os.close(ours)
    assert b"skopeo" in seen
    assert not machine.calls.exists()
