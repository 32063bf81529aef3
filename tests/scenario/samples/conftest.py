"""The two samples, runnable from their sources and as images."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scenario.samples.service import Runnable

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def load_build(name: str) -> ModuleType:
    """The build script of a sample as a module."""
    spec = importlib.util.spec_from_file_location(f"build_{name}", EXAMPLES / name / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
