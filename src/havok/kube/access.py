"""Where an API server is and who we are: what everything else here starts from.

Only data. Invariant: printing any of it shows no secret.
"""

from typing import Any

import msgspec


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
    cluster_config: Any = None
    """What the cluster's extension ``client.authentication.k8s.io/exec`` holds; handed on as it is."""
    install_hint: str = ""

    def __repr__(self) -> str:
        return f"ExecPlugin({self.command!r})"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are. A token's file wins over the token as long as it can be read; certificates go with any."""

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
