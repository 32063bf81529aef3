"""The local cluster as commands see it: names in, facts out. Each function is one command of the CLI."""

from pathlib import Path

from havok.localcluster import doctor as doctor_
from havok.localcluster import images, merge, nodes, state
from havok.localcluster.down import down
from havok.localcluster.nodes import NodeInfo, wants_real
from havok.localcluster.nodes import bring_up as up
from havok.localcluster.status import ComponentStatus, status
from havok.localcluster.up import ClusterInfo, Report, Stage
from havok.settings import Settings

__all__ = [
    "ClusterInfo",
    "ComponentStatus",
    "NodeInfo",
    "Report",
    "Stage",
    "doctor",
    "down",
    "kubeconfig_path",
    "kubeconfig_text",
    "merge_kubeconfig",
    "names",
    "nodes",
    "operator_log_path",
    "push_image",
    "status",
    "up",
    "wants_real",
]


def names(*, settings: Settings) -> list[str]:
    """Every local cluster of this machine, running or not."""
    return state.names(_home(settings))


def kubeconfig_text(name: str, *, settings: Settings) -> str:
    """The admin kubeconfig, everything inside it. Holds a secret. Raises NotFoundError `cluster.unknown`."""
    return kubeconfig_path(name, settings=settings).read_text()


def kubeconfig_path(name: str, *, settings: Settings) -> Path:
    """The file of `kubeconfig_text`, 0600. Raises NotFoundError `cluster.unknown`."""
    return state.load(_home(settings), name).layout(_home(settings)).kubeconfig()


def merge_kubeconfig(name: str, *, settings: Settings) -> merge.Merged:
    """Put the cluster into the person's kubeconfig (see `merge.into`)."""
    return merge.into(merge.person_file(), kubeconfig_text(name, settings=settings))


def doctor(name: str, *, settings: Settings) -> list[doctor_.Finding]:
    """What this machine lacks for the cluster."""
    return doctor_.examine(settings, name)


def push_image(name: str, source: Path, reference: str = "", *, settings: Settings) -> str:
    """Push an image into the cluster's registry; what a pod calls it (see `images.push`)."""
    known = state.load(_home(settings), name)
    return images.push(known, known.layout(_home(settings)), source, reference)


def operator_log_path(name: str, *, settings: Settings | None = None) -> Path:
    """Where the operator beside the cluster writes its log."""
    home = _home(settings or Settings.load())
    return state.load(home, name).layout(home).log("operator")


def _home(settings: Settings) -> Path:
    return Path(settings.get("cluster.home", str))
