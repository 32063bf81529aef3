"""`python -m havok.localcluster.binaries [NAME …]`: get the binaries, all of them by default.

Progress goes to stderr; stdout gets one line for each: its name, a tab, its path.
"""

import argparse
import asyncio
import sys

from havok.errors import HavokError
from havok.localcluster import binaries
from havok.localcluster.binaries.render import Plain, Terminal
from havok.settings import Settings
from havok.text import explain, say


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, that of the error, or 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m havok.localcluster.binaries", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: " + " ".join(binaries.TABLE))
    parser.add_argument("--bin-dir", help="a folder of ready binaries (cluster.bin_dir)")
    options = parser.parse_args(arguments)
    try:
        _get(options.names or list(binaries.TABLE), Settings.load(flags={"cluster.bin_dir": options.bin_dir}))
    except HavokError as error:
        message, hint = explain(error)
        sys.stderr.write(f"{message} [{error.code}]\n" + (f"{hint}\n" if hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write(say("binaries.progress.interrupted") + "\n")
        return 130
    return 0


def _get(names: list[str], settings: Settings) -> None:
    if sys.stderr.isatty():
        with Terminal() as progress:
            paths = asyncio.run(binaries.ensure(names, settings=settings, progress=progress))
    else:
        paths = asyncio.run(binaries.ensure(names, settings=settings, progress=Plain()))
    for name, path in paths.items():
        sys.stdout.write(f"{name}\t{path}\n")


if __name__ == "__main__":
    sys.exit(main())
