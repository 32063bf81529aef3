"""The two samples, runnable from their sources and as images."""

import subprocess
import sys
from pathlib import Path

import pytest

from scenario.samples.service import EXAMPLES, Runnable, load_build


@pytest.fixture(scope="session")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    classes = tmp_path_factory.mktemp("javaboot-classes")
    sources = EXAMPLES / "javaboot-sample/src/sample"
    javac = load_build("javaboot-sample").tool("javac")
    subprocess.run([javac, "-d", str(classes), *map(str, sources.glob("*.java"))], check=True)
    (classes / "sample/page.html").write_bytes((sources / "page.html").read_bytes())
    return classes


@pytest.fixture(scope="session", params=["javaboot-sample", "pythonboot-sample"])
def sample(request: pytest.FixtureRequest) -> Runnable:
    """Each of the samples, from its sources."""
    name: str = request.param
    if name == "pythonboot-sample":
        return Runnable(name, (sys.executable, "-B", "-m", "sample"), EXAMPLES / name / "src")
    java = load_build(name).tool("java")
    classes: Path = request.getfixturevalue("java_classes")
    return Runnable(name, (java, "-cp", str(classes), "sample.Main"), classes)
