"""A supervisor for tests, as a program of its own: ``python supervised.py FOLDER`` runs components.json.

An entry has a name, a command, and optionally needs (names), gate and ready (files that must exist) and
patience (seconds). A component whose `broken_wiring` is true cannot be connected to the rest.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from havok import log
from havok.localcluster.supervise import Component, Supervisor


def component(folder: Path, entry: dict[str, Any]) -> Component:
    def exists(key: str) -> Any:
        return (folder / entry[key]).exists if key in entry else None

    def fail(pid: int) -> None:
        raise OSError("no cable")

    return Component(
        name=entry["name"],
        command=tuple(entry["command"]),
        log=folder / f"{entry['name']}.log",
        needs=tuple(entry.get("needs", ())),
        gate=exists("gate"),
        ready=exists("ready"),
        patience=entry.get("patience", 5.0),
        started=fail if entry.get("broken_wiring") else None,
        environment={"NAME": entry["name"]},
    )


def main(folder: Path) -> None:
    log.configure()

    def plan() -> list[Component]:
        return [component(folder, each) for each in json.loads((folder / "components.json").read_text())]

    environment = {**os.environ, "FOLDER": str(folder)}
    status = folder / "status.json"
    Supervisor(plan(), run=folder / "run", status=status, environment=environment, plan=plan).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
