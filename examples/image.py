"""What the builds of the samples share: a root file system out of files of this machine, made into an image.

Nothing is downloaded: programs and libraries are Debian's, as they lie on this machine. Every file belongs to
root, has one of two modes and one date, so that a layer made of the same things is the same layer. The
samples themselves know nothing of this module.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from havok.errors import HavokError
from havok.localcluster import oci

EPOCH = 0  # the date that every file gets in an image
NONROOT = 65_534
PORT = 8080
LIBRARY = re.compile(r"^\s*(?:(\S+) => )?(/\S+|not found)", re.MULTILINE)

ETC = {
    "etc/passwd": f"nonroot:x:{NONROOT}:{NONROOT}:nonroot:/tmp:/sbin/nologin\n",
    "etc/group": f"nonroot:x:{NONROOT}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True)
class Program:
    """What the image runs: the command, and the variables of its own beside those that every sample has."""

    entrypoint: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Root:
    """A folder that becomes one layer of an image; `target` is a path inside it, without a leading slash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, target: str, text: str) -> None:
        """A text file."""
        path = self._place(target)
        path.write_text(text, "utf-8")

    def add(self, source: Path, target: str = "") -> None:
        """A file of this machine, by default at the same path; what a link points to, not the link."""
        shutil.copy(source, self._place(target or str(source).lstrip("/")))

    def add_tree(self, source: Path, target: str, *, leave_out: Iterable[str] = ()) -> None:
        """A folder of this machine, without what the shell patterns name."""
        ignore = shutil.ignore_patterns(*leave_out)
        shutil.copytree(source, self._place(target), ignore=ignore, dirs_exist_ok=True)

    def add_libraries(self) -> None:
        """The shared libraries that the programs and libraries in this layer need, asked of the loader.

        Raises HavokError `sample.library.missing`.
        """
        programs = [path for path in self.files() if is_elf(path)]
        own = {path.name for path in programs}
        for program in programs:
            for name, library in libraries(program):
                if name in own:
                    continue
                if library is None:
                    raise HavokError(
                        "sample.library.missing",
                        f"{program} needs {name}, which is not on this machine",
                        "install the Debian package that has it: `apt-file search` finds it by its name",
                        program=str(program), name=name,
                    )  # fmt: skip
                if not library.is_relative_to(self.folder):
                    self.add(library)

    def files(self) -> list[Path]:
        """Every file, in a stable order."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def settle(self) -> None:
        """Give everything its date and mode; after this nothing is added."""
        for path in [self.folder, *self.folder.rglob("*")]:
            executable = path.is_dir() or path.stat().st_mode & 0o111
            path.chmod(0o755 if executable else 0o644)
            os.utime(path, (EPOCH, EPOCH))
        if (self.folder / "tmp").is_dir():
            (self.folder / "tmp").chmod(0o1777)

    def _place(self, target: str) -> Path:
        path = self.folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def base(folder: Path) -> Root:
    """The start of a first layer: the names of users, and where names of hosts are looked up."""
    root = Root(folder)
    for target, text in ETC.items():
        root.write(target, text)
    (root.folder / "tmp").mkdir()
    return root


def libraries(program: Path) -> list[tuple[str, Path | None]]:
    """(name, path or None when not found) of all shared libraries that `program` needs, the loader too."""
    listed = run(["ldd", str(program)], allow={0, 1})
    return [
        (name or Path(path).name, None if path == "not found" else Path(path))
        for name, path in LIBRARY.findall(listed)
    ]


def is_elf(path: Path) -> bool:
    """Whether the file is a program or a shared library."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def run(command: Sequence[str], *, allow: Iterable[int] = (0,)) -> str:
    """Standard output of a command. Raises HavokError `sample.command.failed` with its last words."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"}
    )
    if done.returncode not in allow:
        words = (done.stderr or done.stdout).strip()[-800:]
        line = " ".join(command[:4])
        raise HavokError(
            "sample.command.failed",
            f"`{line} …` failed: {words}",
            "mend what it says, then run the same command again",
            line=line, reason=words,
        )  # fmt: skip
    return done.stdout


def fingerprint(files: Iterable[Path], *facts: str) -> str:
    """One hash of the contents of `files` and of everything else that the image depends on."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for fact in facts:
        total.update(f"{fact}\0".encode())
    return total.hexdigest()


@dataclass(frozen=True)
class Sample:
    """One sample: how its layers are made, and out of what.

    `fill(stage)` makes the layers in folders of `stage` and returns them, the one that changes least
    first, with the program. When a file of `inputs` or the text of `toolchain` changes, so does the image.
    """

    name: str
    folder: Path
    fill: Callable[[Path], tuple[Sequence[Root], Program]]
    inputs: Callable[[], Iterable[Path]]
    toolchain: Callable[[], str]

    def build(self, output: Path, version: str) -> bool:
        """Make the image `output`, an OCI layout in a tar; False when it is there and nothing changed."""
        ours = [Path(__file__), Path(oci.__file__), *self.inputs()]
        state = fingerprint(ours, self.name, version, self.toolchain())
        stamp = output.with_name(output.name + ".inputs")
        if output.is_file() and stamp.is_file() and stamp.read_text() == f"{state} {digest(output)}\n":
            return False
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as stage:
            layers, program = self.fill(Path(stage))
            for layer in layers:
                layer.settle()
            self._write(output, version, layers, program)
        stamp.write_text(f"{state} {digest(output)}\n")
        return True

    def _write(self, output: Path, version: str, layers: Sequence[Root], program: Program) -> None:
        variables = {"APP_NAME": self.name, "APP_VERSION": version, "HOST": "0.0.0.0", "PORT": str(PORT)}  # noqa: S104
        config = oci.Config(
            entrypoint=tuple(program.entrypoint),
            env={**variables, **program.environment},
            user=f"{NONROOT}:{NONROOT}",
            ports=(PORT,),
            workdir="/app",
        )
        entries = [oci.tree(layer.folder) for layer in layers]
        oci.build_image(output, name=f"harbor/{self.name}:{version}", layers=entries, config=config)


def digest(file: Path) -> str:
    """The SHA-256 of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def main(sample: Sample) -> int:
    """The command line of a build script; the exit code."""
    parser = argparse.ArgumentParser(description=f"Build the image of {sample.name}, offline.")
    parser.add_argument("--version", default="1.0", help="the tag and APP_VERSION (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, help="the OCI layout tar to write (default: build/ beside this script)"
    )
    arguments = parser.parse_args()
    output = arguments.output or sample.folder / "build" / f"{sample.name}-{arguments.version}.oci.tar"
    started = time.monotonic()
    try:
        built = sample.build(output, arguments.version)
    except HavokError as error:
        print(error, error.hint, sep="\n", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"the image was not written: {error}; name another place with --output", file=sys.stderr)
        return 1
    took = f"built in {time.monotonic() - started:.1f} s" if built else "up to date"
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB, {took}")
    return 0
