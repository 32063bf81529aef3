"""From the chosen entries of a kubeconfig to an `Access`, by kubectl's rules.

What kubectl takes is taken, what it refuses is refused (tests hold us to the real one). Invariant: nothing is
opened and nothing is run here; a mistake is named by file and field, never by value.
"""

import os
import unicodedata
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from havok.kube import kubeconfig_file as file
from havok.kube.access import Access, Credentials, ExecPlugin, Impersonation
from havok.kube.kubeconfig_file import malformed

PLUGIN_GROUP: Final = "client.authentication.k8s.io"
CLUSTER_EXTENSION: Final = f"{PLUGIN_GROUP}/exec"
MODES: Final = ("Never", "IfAvailable", "Always")


def access_of(
    cluster: "file.Placed[file.Cluster]",
    user: "file.Placed[file.User] | None",
    *,
    namespace: str,
    context_name: str,
) -> Access:
    """The access that a context means. Raises UsageError `kube.config.malformed`."""
    value, where = cluster.value, cluster.path
    _check_cluster(value, where)
    server = server_url(value.server, where)
    # Never a secret over a connection that anybody can read; kubectl holds it so too.
    known = user if user and server.startswith("https:") else None
    return Access(
        server=server,
        ca=file.decoded(value.certificate_authority_data),
        ca_file=_near(where, value.certificate_authority),
        insecure=value.insecure_skip_tls_verify,
        tls_server_name=value.tls_server_name,
        proxy=value.proxy_url,
        credentials=_credentials(known.value, known.path, value) if known else Credentials(),
        impersonate=_impersonation(user.value, user.path) if user else None,
        namespace=namespace,
        context_name=context_name,
        source=str(where),
    )


def server_url(server: str, where: Path) -> str:
    """A URL that paths can be put behind. Raises UsageError `kube.config.malformed`."""
    if not server:
        raise malformed(where, "a cluster has no server")
    if any(character.isspace() or not character.isprintable() for character in server):
        raise malformed(where, "the server of a cluster has a blank in it")
    try:
        parts = urlsplit(server if "://" in server else f"http://{server}")
        port = parts.port
    except ValueError as error:
        raise malformed(where, f"the server of a cluster is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise malformed(where, "the server of a cluster is no URL like https://host:6443")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_cluster(cluster: "file.Cluster", where: Path) -> None:
    if cluster.certificate_authority and cluster.certificate_authority_data:
        raise malformed(
            where, "a cluster has both certificate-authority and certificate-authority-data"
        )  # fmt: skip
    has_authority = cluster.certificate_authority or cluster.certificate_authority_data
    if cluster.insecure_skip_tls_verify and has_authority:
        raise malformed(where, "a cluster has both a certificate authority and insecure-skip-tls-verify")


def _credentials(user: "file.User", where: Path, cluster: "file.Cluster") -> Credentials:
    _check_user(user, where)
    certificate = user.client_certificate or user.client_certificate_data
    given = Credentials(
        token=_header_value(user.token, where, "token"),
        token_file=_near(where, user.token_file),
        username=user.username,
        password=user.password,
        certificate=file.decoded(user.client_certificate_data),
        certificate_file=_near(where, user.client_certificate),
        key=file.decoded(user.client_key_data) if certificate else b"",
        key_file=_near(where, user.client_key) if certificate else "",
    )
    if user.exec is None:
        return given
    plugin = _plugin(user.exec, where, cluster)
    # A plugin is asked only where nothing else tells who we are.
    if given != Credentials():
        return given
    return Credentials(plugin=plugin)


def _check_user(user: "file.User", where: Path) -> None:
    if user.auth_provider is not None:
        raise malformed(
            where, "a user has an auth-provider, which Kubernetes gave up in 1.26; use an exec plugin instead"
        )
    for kind in ("certificate", "key"):
        if getattr(user, f"client_{kind}") and getattr(user, f"client_{kind}_data"):
            raise malformed(where, f"a user has both client-{kind} and client-{kind}-data")
    if (user.client_certificate or user.client_certificate_data) and not (
        user.client_key or user.client_key_data
    ):
        raise malformed(where, "a user has a client certificate without its key")
    if user.token and (user.username or user.password):
        raise malformed(where, "a user has both a token and a name with a password")


def _plugin(plugin: "file.Exec", where: Path, cluster: "file.Cluster") -> ExecPlugin:
    if not plugin.command:
        raise malformed(where, "a user has an exec plugin without a command")
    group, _, version = plugin.api_version.partition("/")
    if group != PLUGIN_GROUP or version not in ("v1", "v1beta1"):
        raise malformed(
            where,
            f"exec plugin {plugin.command} has apiVersion {plugin.api_version or '(none)'};"
            f" only {PLUGIN_GROUP}/v1 and v1beta1 work",
        )
    mode = plugin.interactive_mode or ("IfAvailable" if version == "v1beta1" else "")
    if mode not in MODES:
        raise malformed(
            where,
            f"exec plugin {plugin.command} has interactiveMode {mode or '(none)'};"
            f" {PLUGIN_GROUP}/v1 asks for one of {', '.join(MODES)}",
        )
    if not all(one.name for one in plugin.env):
        raise malformed(where, f"exec plugin {plugin.command} has a variable without a name")
    return ExecPlugin(
        command=_near(where, plugin.command) if "/" in plugin.command else plugin.command,
        args=tuple(plugin.args),
        env={one.name: one.value for one in plugin.env},
        api_version=plugin.api_version,
        interactive_mode=mode,
        provide_cluster_info=plugin.provide_cluster_info,
        cluster_config=_extension(cluster),
        install_hint=_printable(plugin.install_hint),
    )


def _extension(cluster: "file.Cluster") -> object:
    for one in cluster.extensions:
        if isinstance(one, dict) and one.get("name") == CLUSTER_EXTENSION:
            return one.get("extension")
    return None


def _impersonation(user: "file.User", where: Path) -> Impersonation | None:
    if not user.as_user:
        if user.as_uid or user.as_groups or user.as_extra:
            raise malformed(where, "a user acts with as-uid, as-groups or as-user-extra and without as")
        return None
    extra = {key: tuple(values) for key, values in user.as_extra.items()}
    return Impersonation(user=user.as_user, groups=tuple(user.as_groups), uid=user.as_uid, extra=extra)


def _header_value(text: str, where: Path, field: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise malformed(where, f"the {field} of a user has a line end or another control character in it")
    return text


def _printable(text: str) -> str:
    """`text` without what could put a terminal into a strange state."""
    kept = (one for one in text if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cf"))
    return "".join(kept)


def _near(where: Path, name: str) -> str:
    """A path of the file, relative to the folder of the file that says it."""
    return os.path.join(where.parent, name) if name else ""  # noqa: PTH118  keeps what is absolute as it is
