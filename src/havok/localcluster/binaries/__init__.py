"""The Kubernetes binaries of a local cluster: pinned, built once, kept between clusters.

    paths = await ensure(["etcd", "kube-apiserver"], settings=settings, progress=Plain())
    path = cached("etcd")                      # None until it is there

`python -m havok.localcluster.binaries` gets all of them. Where each comes from is in `table`, the folder in
`cache`; this package knows nothing of clusters, certificates or processes that run for long.
"""

from havok.localcluster.binaries.cache import Cache
from havok.localcluster.binaries.ensure import cached, ensure
from havok.localcluster.binaries.progress import Fact, Note, Phase, Progress, Step, silent
from havok.localcluster.binaries.render import Plain, Terminal
from havok.localcluster.binaries.table import (
    COREDNS,
    ETCD,
    KUBERNETES,
    KWOK,
    METRICS_SERVER,
    PAUSE,
    TABLE,
    architecture,
)
from havok.settings import Settings

__all__ = [
    "COREDNS",
    "ETCD",
    "KUBERNETES",
    "KWOK",
    "METRICS_SERVER",
    "PAUSE",
    "TABLE",
    "Fact",
    "Note",
    "Phase",
    "Plain",
    "Progress",
    "Step",
    "Terminal",
    "architecture",
    "cached",
    "ensure",
    "purge",
    "purge_build_cache",
    "silent",
]


def purge(*, settings: Settings) -> int:
    """Remove binaries of pins that are no longer current; the bytes freed.

    Raises ConflictError `binaries.cache.busy` while somebody builds.
    """
    return Cache.of(settings).purge(TABLE)


def purge_build_cache(*, settings: Settings) -> int:
    """Remove Go's caches (6 to 10 GB after a full build), not the binaries; the bytes freed.

    They are kept by default: with them a new patch release builds in a fraction of the time.
    Raises ConflictError `binaries.cache.busy` while somebody builds.
    """
    return Cache.of(settings).purge_build_cache()
