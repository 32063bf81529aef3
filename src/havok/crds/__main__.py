"""``python -m havok.crds [FOLDER]`` writes one YAML file for each definition (deploy/crds when not named)."""

import sys
from pathlib import Path

from havok.codec import encode_yaml
from havok.crds.manifest import manifests

HEADER = "# Written by `python -m havok.crds` from src/havok/crds; do not edit.\n"


def files() -> dict[str, str]:
    """File name to content."""
    return {
        f"{manifest['metadata']['name']}.yaml": HEADER + encode_yaml(manifest) for manifest in manifests()
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "deploy/crds"))
