"""The kubeconfig format: its fields, how one file is read, and how several are merged.

It must not know what the fields are used for; `kubeconfig` does.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from havok.codec import decode_go_yaml
from havok.errors import HavokError, UsageError

T = TypeVar("T")


class Field(msgspec.Struct, frozen=True, rename="kebab"):
    """kubeconfig fields are kebab-case, save some that are camelCase."""


class Cluster(Field, frozen=True):
    """Where an API server is."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: list[Any] = []


class ExecEnv(msgspec.Struct, frozen=True):
    """A variable for the plugin."""

    name: str = ""
    value: str = ""


class Exec(msgspec.Struct, frozen=True, rename="camel"):
    """An exec plugin."""

    command: str = ""
    api_version: str = ""
    args: list[str] = []
    env: list[ExecEnv] = []
    interactive_mode: str = ""
    provide_cluster_info: bool = False
    install_hint: str = ""


class User(Field, frozen=True):
    """Who somebody is."""

    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec: Exec | None = None
    auth_provider: dict[str, Any] | None = None
    as_user: str = msgspec.field(name="as", default="")
    as_uid: str = ""
    as_groups: list[str] = []
    as_extra: dict[str, list[str]] = msgspec.field(name="as-user-extra", default_factory=dict)


class Context(Field, frozen=True):
    """A cluster, a user and a namespace under one name."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class NamedCluster(msgspec.Struct, frozen=True):
    """An entry of the list."""

    name: str = ""
    cluster: Cluster = Cluster()


class NamedUser(msgspec.Struct, frozen=True):
    """An entry of the list."""

    name: str = ""
    user: User = User()


class NamedContext(msgspec.Struct, frozen=True):
    """An entry of the list."""

    name: str = ""
    context: Context = Context()


class File(Field, frozen=True):
    """One file as it is."""

    kind: str = "Config"
    api_version: str = msgspec.field(name="apiVersion", default="v1")
    current_context: str = ""
    clusters: list[NamedCluster] = []
    users: list[NamedUser] = []
    contexts: list[NamedContext] = []


class Placed(msgspec.Struct, Generic[T], frozen=True):
    """An entry and the file it stands in, which relative paths refer to."""

    value: T
    path: Path


class Kubeconfig(msgspec.Struct, frozen=True):
    """Several files as one."""

    current_context: str
    clusters: dict[str, Placed[Cluster]]
    users: dict[str, Placed[User]]
    contexts: dict[str, Placed[Context]]


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """The files to look at, in order: those of ``$KUBECONFIG``, else ``~/.kube/config``."""
    if listed := environ.get("KUBECONFIG"):
        return [Path(part).expanduser() for part in listed.split(":") if part]
    home = environ.get("HOME") or str(Path.home())
    return [Path(home) / ".kube" / "config"]


def read(path: Path) -> tuple[Path, File] | None:
    """One file; None: it is not there. Raises UsageError `kube.config.malformed`, `.unreadable`."""
    path = path.absolute()
    try:
        document = decode_go_yaml(path.read_bytes(), source=str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            "kube.config.unreadable",
            f"the kubeconfig {path} cannot be read: {reason}",
            "check its owner and mode; it should be yours, mode 0600",
            path=str(path), reason=reason,
        ) from error  # fmt: skip
    except HavokError as error:
        raise malformed(path, error.message) from error
    try:
        config = msgspec.convert({} if document is None else _without_nulls(document), File)
    except msgspec.ValidationError as error:
        raise malformed(path, str(error)) from error
    _check(path, config)
    return path, config


def decoded(text: str) -> bytes:
    """The bytes of a ``…-data`` field. Raises ValueError."""
    return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)


def _check(path: Path, config: File) -> None:
    """What kubectl asks of a whole file, whichever of its entries is used."""
    if config.kind != "Config":
        raise malformed(path, f"it is a {config.kind}, not a kubeconfig")
    if config.api_version != "v1":
        raise malformed(path, f"it has apiVersion {config.api_version}, and only v1 exists")
    for kind, entries in (("cluster", config.clusters), ("user", config.users), ("context", config.contexts)):
        names = [one.name for one in entries]
        for name in names:
            if names.count(name) > 1:
                raise malformed(path, f"it has two {kind}s of the name {name or '(none)'}")
    for cluster in config.clusters:
        _check_data(path, cluster.cluster, "certificate_authority_data")
    for user in config.users:
        _check_data(path, user.user, "client_certificate_data", "client_key_data")


def _check_data(path: Path, entry: Cluster | User, *fields: str) -> None:
    for field in fields:
        try:
            decoded(getattr(entry, field))
        except (binascii.Error, ValueError) as error:
            raise malformed(path, f"{field.replace('_', '-')} is not base64") from error


def merge(files: Iterable[tuple[Path, File]]) -> Kubeconfig:
    """All files as one: for each name, and for the current context, the first file that has it wins."""
    current = ""
    clusters: dict[str, Placed[Cluster]] = {}
    users: dict[str, Placed[User]] = {}
    contexts: dict[str, Placed[Context]] = {}
    for path, config in files:
        current = current or config.current_context
        for cluster in config.clusters:
            clusters.setdefault(cluster.name, Placed(cluster.cluster, path))
        for user in config.users:
            users.setdefault(user.name, Placed(user.user, path))
        for context in config.contexts:
            contexts.setdefault(context.name, Placed(context.context, path))
    return Kubeconfig(current, clusters, users, contexts)


def malformed(path: Path, reason: str) -> UsageError:
    """The error of a file that is not what a kubeconfig must be."""
    return UsageError(
        "kube.config.malformed",
        f"the kubeconfig {path} is malformed: {reason}",
        "correct the file; `kubectl config view` shows how it is read",
        path=str(path), reason=reason,
    )  # fmt: skip


def _without_nulls(value: Any) -> Any:
    """A null is the same as nothing, at any depth; files written by programs are full of them."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
