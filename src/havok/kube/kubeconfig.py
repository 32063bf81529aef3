"""From kubeconfig files, or from the files in a pod, to an `Access`: where the API server is and who we are.

Order: the path given, ``$KUBECONFIG`` (a list of files, merged: the first to name a thing wins), the file
``~/.kube/config``, the service account in a pod. Invariant: only files are read here, nothing is run and
nothing is asked over the network; that is `auth`'s part. Every mistake of a file is named by file and field,
never by value, since values are secrets.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from havok.errors import HavokError, NotFoundError
from havok.kube import kubeconfig_file as file
from havok.kube.access import Access, Credentials, ExecPlugin, Impersonation
from havok.kube.kubeconfig_rules import access_of

__all__ = [
    "Access",
    "Credentials",
    "ExecPlugin",
    "Impersonation",
    "context_names",
    "in_cluster",
    "load_access",
]

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load_access(
    path: str | None = None, context: str | None = None, *, environ: Mapping[str, str] | None = None
) -> Access:
    """The cluster and user to use. `path` is one file; `context` a name other than the current one.

    Raises NotFoundError `kube.config.missing` or `kube.config.file.missing` (nothing there),
    `kube.config.context.missing`; UsageError `kube.config.malformed`.
    """
    environ = os.environ if environ is None else environ
    paths = [Path(path).expanduser()] if path else file.candidates(environ)
    if path and not paths[0].exists():
        raise NotFoundError(
            "kube.config.file.missing",
            f"the kubeconfig {paths[0]} does not exist",
            "check the path, or leave it out to use $KUBECONFIG or ~/.kube/config",
            path=str(paths[0]),
        )
    files = [found for one in paths if (found := file.read(one))]
    config = file.merge(files)
    if not files or not (config.contexts or config.clusters or config.users):
        if not path and environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
            return in_cluster(environ=environ)
        raise _nothing(paths)
    return _resolve(config, context, files[0][0])


def context_names(path: str | None = None, *, environ: Mapping[str, str] | None = None) -> list[str]:
    """The contexts that can be chosen, sorted; empty when there is no kubeconfig. Raises as `load_access`."""
    environ = os.environ if environ is None else environ
    paths = [Path(path).expanduser()] if path else file.candidates(environ)
    return sorted(file.merge(found for one in paths if (found := file.read(one))).contexts)


def in_cluster(*, environ: Mapping[str, str] | None = None, folder: Path = SERVICE_ACCOUNT) -> Access:
    """The service account of the pod we run in. Raises HavokError `kube.incluster.absent`."""
    environ = os.environ if environ is None else environ
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = folder / "token"
    if not host or not token.is_file():
        raise HavokError(
            "kube.incluster.absent",
            f"this is not a pod with a service account: KUBERNETES_SERVICE_HOST or {token} is missing",
            "run it in a pod with automountServiceAccountToken, or give a kubeconfig",
            path=str(token),
        )
    namespace = folder / "namespace"
    return Access(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_file=str(folder / "ca.crt"),
        credentials=Credentials(token_file=str(token)),
        namespace=namespace.read_text().strip() if namespace.is_file() else "default",
        context_name="in-cluster",
        source=str(folder),
    )


def _resolve(config: "file.Kubeconfig", wanted: str | None, first: Path) -> Access:
    name = wanted or config.current_context
    context = config.contexts.get(name)
    if context is None and not name and "" in config.clusters:
        # A file that names nothing at all; kubectl takes the nameless entries then.
        context = file.Placed(file.Context(), first)
    if context is None:
        raise _no_context(config, name, first)
    cluster = config.clusters.get(context.value.cluster)
    if cluster is None:
        raise file.malformed(
            context.path, f"context {name} names cluster {context.value.cluster}, which is not in it"
        )
    user = config.users.get(context.value.user)
    if user is None and context.value.user:
        raise file.malformed(
            context.path, f"context {name} names user {context.value.user}, which is not in it"
        )
    return access_of(cluster, user, namespace=context.value.namespace or "default", context_name=name)


def _nothing(paths: list[Path]) -> HavokError:
    looked = ", ".join(map(str, paths)) or "nothing, since $KUBECONFIG names no file"
    return NotFoundError(
        "kube.config.missing",
        f"there is no kubeconfig: looked at {looked}",
        "`havok up` makes a local cluster, and `havok kubeconfig --merge` puts it into ~/.kube/config;"
        " for another cluster name its file with --kubeconfig or $KUBECONFIG",
        looked=looked,
    )


def _no_context(config: "file.Kubeconfig", name: str, first: Path) -> HavokError:
    known = ", ".join(sorted(config.contexts)) or "none"
    if not name:
        return NotFoundError(
            "kube.config.context.none",
            f"the kubeconfig {first} has no current context",
            f"choose one with --context; it has: {known}",
            path=str(first), known=known,
        )  # fmt: skip
    return NotFoundError(
        "kube.config.context.missing",
        f"the kubeconfig {first} has no context {name}",
        f"it has: {known}",
        path=str(first), name=name, known=known,
    )  # fmt: skip
