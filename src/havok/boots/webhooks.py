"""How the API server is told of our webhooks: the wiring of contract 6.1, with our authority in it.

Two configurations for each environment. An environment's webhooks are asked about its own namespaces alone,
so that one operator that is down never stands in the way of another's apps. `install` costs a read of each
when nothing changed.
"""

from typing import Final
from urllib.parse import urlsplit

import msgspec

from havok.boots.names import FIELD_MANAGER
from havok.boots.options import OperatorOptions
from havok.boots.routing import BY_SUFFIX
from havok.codec import Json
from havok.crds import BOOT_KINDS, GROUP, VERSION
from havok.kube import Client, NotFound
from havok.kube.apply import reconcile_object
from havok.kube.resources import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from havok.log import get_logger

MUTATOR: Final = "/boot-mutator"
VALIDATOR: Final = "/boot-validator"
CONFIG_VALIDATOR: Final = "/boot-configmaps"
TIMEOUT_SECONDS: Final = 10
"""Of one request; the API server then goes by the failure policy."""
NOT_CONTROL_PLANE: Final[Json] = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}
OPERATOR_NAMESPACE: Final[Json] = {"matchExpressions": [{"key": "logan-operator", "operator": "Exists"}]}

log = get_logger("boots.webhooks")


async def install(client: Client, options: OperatorOptions, authority: bytes) -> None:
    """Make both configurations what they should be. Raises KubeError."""
    for resource, wanted in (
        (MUTATING_WEBHOOKS, mutating(options, authority)),
        (VALIDATING_WEBHOOKS, validating(options, authority)),
    ):
        name = wanted["metadata"]["name"]
        try:
            live = await client.get(resource, name)
        except NotFound:
            live = None
        outcome = await reconcile_object(client, resource, wanted, live, field_manager=FIELD_MANAGER)
        if outcome.action != "unchanged":
            log.info("webhook_installed", name=name, action=outcome.action)


def mutating(options: OperatorOptions, authority: bytes) -> Json:
    """The MutatingWebhookConfiguration."""
    boots = _boots(options, authority, "mutation.app.logancloud.com", MUTATOR)
    return {
        "apiVersion": MUTATING_WEBHOOKS.api_version,
        "kind": MUTATING_WEBHOOKS.kind,
        "metadata": {"name": options.webhook_configuration},
        "webhooks": [{**boots, "reinvocationPolicy": "IfNeeded"}],
    }


def validating(options: OperatorOptions, authority: bytes) -> Json:
    """The ValidatingWebhookConfiguration."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    config = {
        **_webhook(options, authority, "config.validation.app.logancloud.com", CONFIG_VALIDATOR),
        "failurePolicy": "Ignore",
        "namespaceSelector": OPERATOR_NAMESPACE,
        "rules": [{**rule, "operations": ["CREATE", "UPDATE", "DELETE"], "scope": "Namespaced"}],
        "matchConditions": [
            {
                "name": "the-central-config",
                "expression": f"request.name == '{options.config_map}'"
                f" && request.namespace == '{options.namespace}'",
            }
        ],
    }
    return {
        "apiVersion": VALIDATING_WEBHOOKS.api_version,
        "kind": VALIDATING_WEBHOOKS.kind,
        "metadata": {"name": options.validating_configuration},
        "webhooks": [_boots(options, authority, "validation.app.logancloud.com", VALIDATOR), config],
    }


def hosts(options: OperatorOptions) -> list[str]:
    """What the API server calls us."""
    if options.webhook_service:
        return [f"{options.webhook_service}.{options.namespace}.svc"]
    return [urlsplit(options.webhook_url).hostname or options.host]


def _boots(options: OperatorOptions, authority: bytes, name: str, path: str) -> Json:
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": [VERSION],
        "operations": ["CREATE", "UPDATE"],
        "resources": [kind.plural for kind in BOOT_KINDS],
        "scope": "Namespaced",
    }
    return {
        **_webhook(options, authority, name, path),
        "failurePolicy": options.failure_policy,
        "namespaceSelector": NOT_CONTROL_PLANE,
        "rules": [rule],
        "matchConditions": [{"name": "own-namespaces", "expression": _own_namespaces(options.environment)}],
    }


def _own_namespaces(environment: str) -> str:
    """`routing.handles` in CEL."""
    if environment in BY_SUFFIX:
        return f"request.namespace.endsWith('-{environment}')"
    return f"!request.namespace.matches('-({'|'.join(BY_SUFFIX)})$')"


def _webhook(options: OperatorOptions, authority: bytes, name: str, path: str) -> Json:
    reach: Json = {"caBundle": msgspec.to_builtins(authority)}
    if options.webhook_service:
        reach["service"] = {
            "name": options.webhook_service, "namespace": options.namespace, "path": path, "port": 443,
        }  # fmt: skip
    else:
        reach["url"] = options.webhook_url.rstrip("/") + path
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": reach,
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
    }
