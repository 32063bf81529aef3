"""Talking to Kubernetes: client, watch, cache, work queue, controller, apply, lease, webhook.

Names are loaded when first used: `import havok.kube` costs nothing, and a command that talks to no cluster
never loads aiohttp.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from havok.kube.apply import Outcome, apply_status, reconcile_object, take_over
    from havok.kube.cache import Cache
    from havok.kube.client import Client
    from havok.kube.controller import Controller, Request, Result, TerminalError
    from havok.kube.errors import (
        AlreadyExists,
        Conflict,
        Denied,
        Forbidden,
        Gone,
        Invalid,
        KubeError,
        LeadLost,
        NotFound,
        TimedOut,
        TooManyRequests,
        Unauthorized,
        Unavailable,
        Undecodable,
        Unreachable,
    )
    from havok.kube.events import EventRecorder, reference
    from havok.kube.fencing import Fenced, fenced_patch
    from havok.kube.kubeconfig import Access, Credentials, Impersonation, in_cluster, load_access
    from havok.kube.lease import LeaderElection
    from havok.kube.resources import Resource
    from havok.kube.transport import Limits
    from havok.kube.webhook import AdmissionRequest, AdmissionResponse, WebhookServer
    from havok.kube.webhook_certificates import FolderStore, SecretStore, WebhookCertificates, install_ca
    from havok.kube.wire import Listing
    from havok.kube.workqueue import WorkQueue

_HOMES = {
    "Outcome": "apply",
    "apply_status": "apply",
    "reconcile_object": "apply",
    "take_over": "apply",
    "Cache": "cache",
    "Client": "client",
    "Controller": "controller",
    "Request": "controller",
    "Result": "controller",
    "TerminalError": "controller",
    "AlreadyExists": "errors",
    "Conflict": "errors",
    "Denied": "errors",
    "Forbidden": "errors",
    "Gone": "errors",
    "Invalid": "errors",
    "KubeError": "errors",
    "LeadLost": "errors",
    "NotFound": "errors",
    "TimedOut": "errors",
    "TooManyRequests": "errors",
    "Unauthorized": "errors",
    "Unavailable": "errors",
    "Undecodable": "errors",
    "Unreachable": "errors",
    "EventRecorder": "events",
    "reference": "events",
    "Fenced": "fencing",
    "fenced_patch": "fencing",
    "Access": "kubeconfig",
    "Credentials": "kubeconfig",
    "Impersonation": "kubeconfig",
    "in_cluster": "kubeconfig",
    "load_access": "kubeconfig",
    "LeaderElection": "lease",
    "Resource": "resources",
    "Limits": "transport",
    "AdmissionRequest": "webhook",
    "AdmissionResponse": "webhook",
    "WebhookServer": "webhook",
    "FolderStore": "webhook_certificates",
    "SecretStore": "webhook_certificates",
    "WebhookCertificates": "webhook_certificates",
    "install_ca": "webhook_certificates",
    "Listing": "wire",
    "WorkQueue": "workqueue",
}

__all__ = [
    "Access",
    "AdmissionRequest",
    "AdmissionResponse",
    "AlreadyExists",
    "Cache",
    "Client",
    "Conflict",
    "Controller",
    "Credentials",
    "Denied",
    "EventRecorder",
    "Fenced",
    "FolderStore",
    "Forbidden",
    "Gone",
    "Impersonation",
    "Invalid",
    "KubeError",
    "LeadLost",
    "LeaderElection",
    "Limits",
    "Listing",
    "NotFound",
    "Outcome",
    "Request",
    "Resource",
    "Result",
    "SecretStore",
    "TerminalError",
    "TimedOut",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Undecodable",
    "Unreachable",
    "WebhookCertificates",
    "WebhookServer",
    "WorkQueue",
    "apply_status",
    "fenced_patch",
    "in_cluster",
    "install_ca",
    "load_access",
    "reconcile_object",
    "reference",
    "take_over",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
