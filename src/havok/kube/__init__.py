"""Talking to Kubernetes: client, watch, cache, work queue, controller, apply, lease, webhook.

Names are loaded when first used: `import havok.kube` costs nothing, and a command that talks to no cluster
never loads aiohttp.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from havok.kube.client import Client
    from havok.kube.errors import (
        AlreadyExists,
        Conflict,
        Denied,
        Forbidden,
        Gone,
        Invalid,
        KubeError,
        NotFound,
        TimedOut,
        TooManyRequests,
        Unauthorized,
        Unavailable,
        Undecodable,
        Unreachable,
    )
    from havok.kube.kubeconfig import Access, Credentials, Impersonation, in_cluster, load_access
    from havok.kube.resources import Resource
    from havok.kube.transport import Limits
    from havok.kube.wire import Listing

_HOMES = {
    "client": ("Client",),
    "errors": (
        "AlreadyExists", "Conflict", "Denied", "Forbidden", "Gone", "Invalid", "KubeError", "NotFound",
        "TimedOut", "TooManyRequests", "Unauthorized", "Unavailable", "Undecodable", "Unreachable",
    ),
    "kubeconfig": ("Access", "Credentials", "Impersonation", "in_cluster", "load_access"),
    "resources": ("Resource",),
    "transport": ("Limits",),
    "wire": ("Listing",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Access",
    "AlreadyExists",
    "Client",
    "Conflict",
    "Credentials",
    "Denied",
    "Forbidden",
    "Gone",
    "Impersonation",
    "Invalid",
    "KubeError",
    "Limits",
    "Listing",
    "NotFound",
    "Resource",
    "TimedOut",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Undecodable",
    "Unreachable",
    "in_cluster",
    "load_access",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
