"""The mutating webhook as a running server, and its entry in the cluster.

What it answers is decided by `mutation`; this module chooses the config to fill from, serves, and keeps the
MutatingWebhookConfiguration right, with our own authority in it. Answering never changes anything, so a dry
run leaves no trace.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from havok.boots.central import Central
from havok.boots.config import Platform
from havok.boots.mutation import Incoming, patch, refusal
from havok.boots.names import FIELD_MANAGER, PROFILE
from havok.boots.options import OperatorOptions
from havok.boots.routing import handles
from havok.clock import rfc3339, utcnow
from havok.codec import Json
from havok.crds import BOOT_KINDS, GROUP, VERSION, BootKind, boot_kind
from havok.kube import Client, NotFound
from havok.kube.apply import reconcile_object
from havok.kube.resources import MUTATING_WEBHOOKS
from havok.kube.webhook import AdmissionRequest, AdmissionResponse, WebhookServer
from havok.kube.webhook_certificates import FolderStore, SecretStore, WebhookCertificates
from havok.log import get_logger

PATH: Final = "/boot-mutator"
TIMEOUT_SECONDS: Final = 10

log = get_logger("boots.admission")


class Admission:
    """`run` it beside the reconcilers, in every replica."""

    def __init__(
        self,
        options: OperatorOptions,
        client: Client,
        central: Central,
        *,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._options = options
        self._client = client
        self._central = central
        self._now = now
        self._installed = not options.has_webhook

    def not_ready(self) -> str:
        """Why Boots are not answered yet; empty when they are."""
        return "" if self._installed else "the webhook is not installed yet"

    async def run(self) -> None:
        """Serve until cancelled; without an address for the webhook, only wait."""
        if not self._options.has_webhook:
            await asyncio.Event().wait()
        options = self._options
        store = (
            FolderStore(options.webhook_certificates)
            if options.webhook_certificates
            else SecretStore(self._client, options.namespace, f"logan-app-operator-webhook{options.suffix}")
        )
        certificates = WebhookCertificates(store, _hosts(options), now=self._now)
        certificates.on_trust(self._install)
        server = WebhookServer(options.host, options.webhook_port, certificates=certificates)
        server.route(PATH, self.review)
        await server.run()

    async def review(self, request: AdmissionRequest) -> AdmissionResponse:
        """Fill a Boot that is about to be created or changed."""
        kind, new = boot_kind(request.kind.kind), Incoming.read(request.object)
        if kind is None or new is None or not handles(self._options.environment, request.namespace):
            return AdmissionResponse()
        if words := refusal(new.spec):
            return AdmissionResponse(allowed=False, message=words, code=422, reason="Invalid")
        old = Incoming.read(request.old_object)
        platform = await self._platform(new, old, request.old_object)
        if platform is None:
            return AdmissionResponse(warnings=(self._broken(),))
        operations = patch(kind, request.name, new, old, platform, rfc3339(self._now()))
        return AdmissionResponse(patch=tuple(operations), warnings=_warnings(kind, new, platform))

    async def _platform(
        self, new: Incoming, old: Incoming | None, old_object: Json | None
    ) -> Platform | None:
        """The pinned config while nothing deploys, so that scaling does not bring a newer one in."""
        status = (old_object or {}).get("status") or {}
        if old is not None and old.hash == new.hash and status.get("workload"):
            pinned = await self._central.pinned(str(status.get("configHash", "")))
            if pinned is not None:
                return pinned
        return self._central.platform

    def _broken(self) -> str:
        reason = self._central.broken.message if self._central.broken else "there is none yet"
        return f"central config is broken, {reason}; nothing was filled in"

    async def _install(self, authority: bytes) -> None:
        """Make the configuration what it should be; costs one read when it is."""
        wanted = configuration(self._options, authority)
        try:
            live = await self._client.get(MUTATING_WEBHOOKS, wanted["metadata"]["name"])
        except NotFound:
            live = None
        outcome = await reconcile_object(
            self._client, MUTATING_WEBHOOKS, wanted, live, field_manager=FIELD_MANAGER
        )
        if outcome.action != "unchanged":
            log.info("webhook_installed", name=wanted["metadata"]["name"], action=outcome.action)
        self._installed = True


def configuration(options: OperatorOptions, authority: bytes) -> Json:
    """The MutatingWebhookConfiguration (contract 6.1)."""
    reach: Json = {"caBundle": msgspec.to_builtins(authority)}
    if options.webhook_service:
        reach["service"] = {
            "name": options.webhook_service, "namespace": options.namespace, "path": PATH, "port": 443,
        }  # fmt: skip
    else:
        reach["url"] = options.webhook_url.rstrip("/") + PATH
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": ["CREATE", "UPDATE"],
        "resources": [kind.plural for kind in BOOT_KINDS],
        "scope": "Namespaced",
    }
    webhook = {
        "name": "mutation.app.logancloud.com",
        "admissionReviewVersions": ["v1"],
        "clientConfig": reach,
        "failurePolicy": options.webhook_failure_policy,
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]},
        "reinvocationPolicy": "IfNeeded",
        "rules": [rule],
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
    }
    return {
        "apiVersion": MUTATING_WEBHOOKS.api_version,
        "kind": MUTATING_WEBHOOKS.kind,
        "metadata": {"name": options.webhook_configuration},
        "webhooks": [webhook],
    }


def _hosts(options: OperatorOptions) -> list[str]:
    """What the API server calls us."""
    if options.webhook_service:
        return [f"{options.webhook_service}.{options.namespace}.svc"]
    return [urlsplit(options.webhook_url).hostname or options.host]


def _warnings(kind: BootKind, new: Incoming, platform: Platform) -> tuple[str, ...]:
    profile = new.annotations.get(PROFILE, "")
    if not profile or profile in platform.profiles:
        return ()
    return (f"profile {profile} is not in the central config; the defaults of {kind.boot_type} hold",)
