"""The five kinds of Boots: one table with everything in which they differ.

Contract sections 1.1, 3.3 and 3.5. A new kind is a new row; no other code asks for a kind by name.
"""

from typing import Final

import msgspec

from havok.kube.resources import Resource

GROUP: Final = "app.logancloud.com"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"


class BootKind(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    kind: str
    """``JavaBoot``; also the `kind` label of metrics."""
    boot_type: str
    """Pod label `bootType`, short name of the CRD and key of the central config."""
    app_key: str
    """``javaBoot``, what a revision carries as `appKey`."""
    summary: str
    """What `kubectl explain` says of the kind."""
    max_unavailable: str | None = None
    """Of a rolling update; None leaves the API server's own default, 25%."""
    failure_threshold: int = 10
    """How often a probe may fail in a row."""

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def plural(self) -> str:
        return f"{self.singular}s"

    @property
    def resource(self) -> Resource:
        """Where the API server keeps Boots of this kind."""
        return Resource(group=GROUP, version=VERSION, plural=self.plural, kind=self.kind)


BOOT_KINDS: Final = (
    BootKind(
        kind="JavaBoot", boot_type="java", app_key="javaBoot", summary="A Java app.", max_unavailable="1%"
    ),
    BootKind(kind="PhpBoot", boot_type="php", app_key="phpBoot", summary="A PHP app."),
    BootKind(
        kind="PythonBoot", boot_type="python", app_key="pythonBoot", summary="A Python app.",
        failure_threshold=15,
    ),
    BootKind(kind="NodeJSBoot", boot_type="nodejs", app_key="nodejsBoot", summary="A Node.js app."),
    BootKind(kind="WebBoot", boot_type="web", app_key="webBoot", summary="A web front end."),
)  # fmt: skip

BOOT_REVISIONS: Final = Resource(group=GROUP, version=VERSION, plural="bootrevisions", kind="BootRevision")

_BY_KIND: Final = {row.kind: row for row in BOOT_KINDS}


def boot_kind(kind: str) -> BootKind | None:
    """The row of a `kind` as it stands in manifests; None for anything else."""
    return _BY_KIND.get(kind)
