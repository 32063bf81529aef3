"""Builds the image of the Java sample: a runtime cut to its needs, and the service with its class archive.

Needs Debian's JDK 17 (javac, jlink) and its C library; downloads nothing. The archive (class data sharing)
is made from the classes that a real run loads: it halves the start and saves 10 MB of memory.
"""

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, cast

from havok.errors import HavokError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import image  # noqa: E402

JVMS = Path("/usr/lib/jvm")
MODULES = "java.base,jdk.httpserver,jdk.management"
NOT_NEEDED = ("keytool", "jexec", "jrt-fs.jar", "classlist", "libjsig.so")
JAR = "javaboot-sample.jar"
ARCHIVE = "javaboot-sample.jsa"
OPTIONS = ("-XX:+UseSerialGC", "-XX:MaxRAMPercentage=70", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
TRAINING = ("/", "/health", "/prometheus", "/slow?ms=1", "/error", "/nowhere")


def sample() -> image.Sample:
    """The sample, ready to be built."""
    return image.Sample("javaboot-sample", HERE, fill=fill, inputs=inputs, toolchain=toolchain)


def fill(stage: Path) -> tuple[Sequence[image.Root], image.Program]:
    """The runtime with its libraries below, the service with its archive above."""
    runtime = image.base(stage / "runtime")
    link(runtime)
    runtime.add_libraries()
    runtime.settle()
    app = image.Root(stage / "app")
    compile_service(app, stage / "classes")
    app.settle()  # before the archive is made: it remembers the date of the jar
    archive(runtime.folder / "opt/java/bin/java", app.folder / "app", stage / "classes.list")
    command = ("/opt/java/bin/java", *OPTIONS, f"-XX:SharedArchiveFile={ARCHIVE}", "-jar", JAR)
    return (runtime, app), image.Program(command)


def link(runtime: image.Root) -> None:
    """Cut a runtime of MODULES out of the JDK."""
    linked = runtime.folder / "opt/java"
    linked.parent.mkdir(parents=True)
    cut = ("--strip-debug", "--compress=2", "--no-header-files", "--no-man-pages")
    image.run([tool("jlink"), "--add-modules", MODULES, *cut, "--output", str(linked)])
    for path in [*linked.rglob("*")]:
        if path.name in NOT_NEEDED:
            path.unlink()


def compile_service(app: image.Root, classes: Path) -> None:
    """Compile the sources and put them, with the page, in the jar."""
    sources = [str(path) for path in inputs() if path.suffix == ".java"]
    image.run([tool("javac"), "--release", "17", "-Xlint:all", "-Werror", "-d", str(classes), *sources])
    page = HERE / "src/sample/page.html"
    (classes / "sample/page.html").write_bytes(page.read_bytes())
    (app.folder / "app").mkdir()
    described = ["--create", "--file", str(app.folder / "app" / JAR), "--main-class", "sample.Main"]
    image.run([tool("jar"), *described, "--date", "2020-01-01T00:00:00Z", "-C", str(classes), "."])


def archive(java: Path, folder: Path, class_list: Path) -> None:
    """Run the service once, note what it loads, and write those classes in the form the JVM maps at start."""
    train([str(java), *OPTIONS, f"-XX:DumpLoadedClassList={class_list}", "-jar", JAR], folder)
    shared = [
        "-Xshare:dump",
        f"-XX:SharedClassListFile={class_list}",
        f"-XX:SharedArchiveFile={folder / ARCHIVE}",
    ]
    # G1 alone can write archived objects, and narrow pointers need a small heap; any collector reads them.
    done = subprocess.run(
        [str(java), "-XX:+UseG1GC", "-Xmx128m", *shared, "-cp", JAR],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise HavokError(
            "sample.archive.failed",
            f"the class archive was not written: {done.stdout[-800:]}",
            "make sure that 256 MiB of memory are free, then run the same command again",
            reason=done.stdout[-800:],
        )


def train(command: Sequence[str], folder: Path) -> None:
    """Start the service on loopback, ask for every page, and stop it."""
    variables = {"HOST": "127.0.0.1", "PORT": "0"}
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as process:
        lines = cast("IO[str]", process.stdout)
        try:
            listening = next((line for line in lines if line.startswith("listening on ")), "")
            if not listening:
                code = process.wait()
                raise HavokError(
                    "sample.start.failed",
                    f"the service did not start: exit {code}",
                    "make sure that 256 MiB of memory are free, then run the same command again",
                    code=code,
                )
            address = listening.removeprefix("listening on ").partition(",")[0]
            for path in TRAINING:
                for accept in ("text/html", "application/json"):
                    ask(f"http://{address}{path}", accept)
        finally:
            process.terminate()
            lines.read()


def ask(url: str, accept: str) -> None:
    """One request; what it answers does not matter."""
    request = urllib.request.Request(url, headers={"Accept": accept})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()


def tool(name: str) -> str:
    """The path of a tool of JDK 17: from Debian's place for it, whatever `java` on PATH is.

    Raises HavokError `sample.jdk.missing` or `sample.binutils.missing`.
    """
    if shutil.which("objcopy") is None:  # jlink strips the runtime with it
        raise HavokError(
            "sample.binutils.missing",
            "jlink needs objcopy, which is not installed",
            "run: apt-get install --no-install-recommends binutils",
        )
    for jdk in sorted(JVMS.glob("java-1.17.0-openjdk-*")):
        if (jdk / "jmods/java.base.jmod").is_file() and (jdk / "bin" / name).is_file():
            return str(jdk / "bin" / name)
    raise HavokError(
        "sample.jdk.missing",
        f"the JDK 17 of Debian, with {name}, is not installed",
        "run: apt-get install --no-install-recommends openjdk-17-jdk-headless",
        name=name,
    )


def inputs() -> Iterable[Path]:
    """The sources, and this script."""
    return [*sorted(HERE.glob("src/sample/*")), Path(__file__)]


def toolchain() -> str:
    """The JDK's exact build, and the C library's version."""
    release = Path(tool("javac")).parents[1] / "release"
    return release.read_text() + image.run(["ldd", "--version"])


if __name__ == "__main__":
    sys.exit(image.main(sample()))
