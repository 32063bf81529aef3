"""From kubeconfig files, or from the files in a pod, to an `Access`: where the API server is and who we are.

Order: the path given, ``$KUBECONFIG`` (a list of files, merged: the first to name a thing wins), the file
``~/.kube/config``, the service account in a pod. Invariant: only files are read here, nothing is run and
nothing is asked over the network; that is `auth`'s part. Every mistake of a file is named by file and field,
never by value, since values are secrets.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from havok.codec import decode_yaml
from havok.errors import HavokError, NotFoundError
from havok.kube import kubeconfig_file as file

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Impersonation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to act as; the API server checks that our own user may."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, tuple[str, ...]] = {}


class ExecPlugin(msgspec.Struct, frozen=True, kw_only=True):
    """A program that prints credentials (client.authentication.k8s.io v1 or v1beta1)."""

    command: str
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    api_version: str = "client.authentication.k8s.io/v1"
    interactive_mode: str = "IfAvailable"
    provide_cluster_info: bool = False
    install_hint: str = ""

    def __repr__(self) -> str:
        return f"ExecPlugin({self.command!r})"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are. Several may be set; a file wins over inline text, and a certificate goes with any."""

    token: str = ""
    token_file: str = ""
    username: str = ""
    password: str = ""
    certificate: bytes = b""
    key: bytes = b""
    certificate_file: str = ""
    key_file: str = ""
    plugin: ExecPlugin | None = None

    def __repr__(self) -> str:
        present = [name for name in self.__struct_fields__ if getattr(self, name)]
        return f"Credentials({', '.join(present)})"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster as one user sees it. `ca` is PEM; without it and `ca_file` the system's roots count."""

    server: str
    ca: bytes = b""
    ca_file: str = ""
    insecure: bool = False
    tls_server_name: str = ""
    proxy: str = ""
    credentials: Credentials = Credentials()
    impersonate: Impersonation | None = None
    namespace: str = "default"
    context_name: str = ""
    source: str = ""

    def __repr__(self) -> str:
        return f"Access({self.context_name!r}, {self.server!r}, {self.credentials!r})"


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
    found = [one for one in paths if one.is_file() and one.stat().st_size]
    if not found:
        if not path and environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
            return in_cluster(environ=environ)
        raise NotFoundError(
            "kube.config.missing",
            f"there is no kubeconfig: looked at {', '.join(map(str, paths))}",
            "`havok up` makes a local cluster, and `havok kubeconfig --merge` puts it into ~/.kube/config;"
            " for another cluster name its file with --kubeconfig or $KUBECONFIG",
            looked=", ".join(map(str, paths)),
        )
    return _resolve(file.merge(file.read(one, decode_yaml) for one in found), context, found[0])


def context_names(path: str | None = None, *, environ: Mapping[str, str] | None = None) -> list[str]:
    """The contexts that can be chosen, sorted; empty when there is no kubeconfig. Raises as `load_access`."""
    environ = os.environ if environ is None else environ
    paths = [Path(path).expanduser()] if path else file.candidates(environ)
    return sorted(file.merge(file.read(one, decode_yaml) for one in paths if one.is_file()).contexts)


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
    namespace = context.value.namespace or "default"
    return _access(cluster, user, namespace=namespace, context_name=name)


def _access(
    cluster: "file.Placed[file.Cluster]", user: "file.Placed[file.User] | None", **rest: Any
) -> Access:
    value, where = cluster.value, cluster.path
    if value.insecure_skip_tls_verify and (value.certificate_authority or value.certificate_authority_data):
        raise file.malformed(where, "a cluster has both a certificate authority and insecure-skip-tls-verify")
    if not value.server:
        raise file.malformed(where, "a cluster has no server")
    return Access(
        server=_url(value.server, tls=bool(value.certificate_authority or value.certificate_authority_data)),
        ca=_inline(value.certificate_authority_data, where, "certificate-authority-data"),
        ca_file="" if value.certificate_authority_data else _near(where, value.certificate_authority),
        insecure=value.insecure_skip_tls_verify,
        tls_server_name=value.tls_server_name,
        proxy=value.proxy_url,
        credentials=_credentials(user.value, user.path) if user else Credentials(),
        impersonate=_impersonation(user.value) if user else None,
        source=str(where),
        **rest,
    )


def _credentials(user: "file.User", where: Path) -> Credentials:
    if user.auth_provider is not None and not (user.token or user.exec):
        raise file.malformed(
            where, "a user has an auth-provider, which Kubernetes gave up in 1.26; use an exec plugin instead"
        )
    has_certificate = bool(user.client_certificate_data or user.client_certificate)
    if has_certificate != bool(user.client_key_data or user.client_key):
        raise file.malformed(where, "a user has a client certificate without its key, or a key alone")
    return Credentials(
        token=user.token,
        token_file=_near(where, user.token_file),
        username=user.username,
        password=user.password,
        certificate=_inline(user.client_certificate_data, where, "client-certificate-data"),
        key=_inline(user.client_key_data, where, "client-key-data"),
        certificate_file="" if user.client_certificate_data else _near(where, user.client_certificate),
        key_file="" if user.client_key_data else _near(where, user.client_key),
        plugin=_plugin(user.exec, where) if user.exec else None,
    )


def _plugin(plugin: "file.Exec", where: Path) -> ExecPlugin:
    group, _, version = plugin.api_version.partition("/")
    if group != "client.authentication.k8s.io" or version not in ("v1", "v1beta1"):
        raise file.malformed(
            where,
            f"exec plugin {plugin.command} has apiVersion {plugin.api_version or '(none)'};"
            " only client.authentication.k8s.io/v1 and v1beta1 work",
        )
    command = plugin.command
    if "/" in command:
        command = _near(where, command)
    return ExecPlugin(
        command=command,
        args=tuple(plugin.args),
        env={one.name: one.value for one in plugin.env},
        api_version=plugin.api_version,
        interactive_mode=plugin.interactive_mode,
        provide_cluster_info=plugin.provide_cluster_info,
        install_hint=plugin.install_hint,
    )


def _impersonation(user: "file.User") -> Impersonation | None:
    if not user.as_user:
        return None
    extra = {key: tuple(values) for key, values in user.as_extra.items()}
    return Impersonation(user=user.as_user, groups=tuple(user.as_groups), uid=user.as_uid, extra=extra)


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


def _url(server: str, *, tls: bool) -> str:
    if "://" not in server:
        server = f"{'https' if tls else 'http'}://{server}"
    return server.rstrip("/")


def _inline(text: str, where: Path, field: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise file.malformed(where, f"{field} is not base64") from error


def _near(where: Path, name: str) -> str:
    """A path of the file, relative to the folder of the file that says it."""
    return str(where.parent / Path(name).expanduser()) if name else ""
