"""Builds the image of the Python sample: Debian's Python 3.11 with most of its library, and the service.

The library goes in as byte code, the service as source and byte code. Left out is what a service in a
container has no use for: tests, editors, installers, terminals, databases of the file system. HTTPS is in.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from havok.errors import HavokError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import image  # noqa: E402

PYTHON = Path("/usr/bin/python3.11")
LIBRARY = Path("/usr/lib/python3.11")
NOT_NEEDED = (
    "test", "idlelib", "tkinter", "ensurepip", "lib2to3", "distutils", "turtledemo", "turtle.py",
    "pydoc_data", "dist-packages", "site-packages", "config-3.11-*", "__pycache__", "curses", "dbm",
    "sqlite3", "venv", "sitecustomize.py", "EXTERNALLY-MANAGED", "*.a", "*.o",
)  # fmt: skip
EXTENSIONS_NOT_NEEDED = (
    "*test*.so", "xx*.so", "_curses*.so", "_dbm*.so", "_sqlite3*.so", "nis*.so", "readline*.so",
    "_crypt.*.so", "ossaudiodev*.so", "audioop*.so", "_tkinter*.so",
)  # fmt: skip
OPTIONS = ("-S", "-u", "-m", "sample")


def sample() -> image.Sample:
    """The sample, ready to be built."""
    return image.Sample("pythonboot-sample", HERE, fill=fill, inputs=inputs, toolchain=toolchain)


def fill(stage: Path) -> tuple[Sequence[image.Root], image.Program]:
    """Python with its libraries below, the service above."""
    runtime = image.base(stage / "runtime")
    runtime.add(interpreter())
    runtime.add_tree(LIBRARY, str(LIBRARY).lstrip("/"), leave_out=(*NOT_NEEDED, *EXTENSIONS_NOT_NEEDED))
    library = runtime.folder / str(LIBRARY).lstrip("/")
    compile_tree(library, LIBRARY, "-b")
    for source in [*library.rglob("*.py")]:
        source.unlink()
    runtime.add_libraries()
    app = image.Root(stage / "app")
    app.add_tree(HERE / "src/sample", "app/sample", leave_out=["__pycache__"])
    compile_tree(app.folder / "app", Path("/app"))
    command = (str(PYTHON), *OPTIONS)
    return (runtime, app), image.Program(command, {"PYTHONDONTWRITEBYTECODE": "1"})


def compile_tree(folder: Path, final: Path, *options: str) -> None:
    """Byte code that is trusted whatever the date of its source; it names files by their final path."""
    unchecked = ("--invalidation-mode", "unchecked-hash")
    image.run(
        [
            str(PYTHON),
            "-m",
            "compileall",
            "-q",
            *unchecked,
            *options,
            "-s",
            str(folder),
            "-p",
            str(final),
            str(folder),
        ]
    )


def interpreter() -> Path:
    """Debian's Python, not another that is first on PATH. Raises HavokError `sample.python.missing`."""
    if PYTHON.is_file() and (LIBRARY / "http/server.py").is_file():
        return PYTHON
    raise HavokError(
        "sample.python.missing",
        "the Python 3.11 of Debian is not installed with its library",
        "run: apt-get install --no-install-recommends python3.11",
    )


def inputs() -> Iterable[Path]:
    """The sources, and this script."""
    sources = (path for path in HERE.glob("src/sample/*") if path.is_file())
    return [*sorted(sources), Path(__file__)]


def toolchain() -> str:
    """The interpreter's exact build, and the C library's version."""
    built = interpreter().stat()
    return f"{built.st_size} {built.st_mtime_ns}" + image.run(["ldd", "--version"])


if __name__ == "__main__":
    sys.exit(image.main(sample()))
