"""What the operator is told when it starts: flags of the command line and variables of the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from havok.boots.routing import BY_SUFFIX, apart


class OperatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything `havok.boots.operator.serve` needs to know."""

    kubeconfig: str | None = None
    """A kubeconfig file; None: $KUBECONFIG, ~/.kube/config, else the pod's own account."""
    context: str | None = None
    environment: str = "test"
    """LOGAN_ENV: which `oEnvs` hold, which namespaces are handled, the value of ${ENV}."""
    beside: tuple[str, ...] = ()
    """Further environments that the same process serves, each with a Lease and webhooks of its own."""
    namespace: str = "logan"
    """The operator's own: central config, snapshots, Lease."""
    watch_namespaces: tuple[str, ...] = ()
    """WATCH_NAMESPACE; empty: all."""
    config_file: Path | None = None
    """A file read once at start, in place of the ConfigMap."""
    config_map: str = "logan-app-operator-config"
    """CONFIGMAP_NAME: watched in `namespace`."""
    max_history: int = 10
    """MAX_HISTORY: revisions kept of each Boot."""
    ignored_env: tuple[str, ...] = ()
    """BIZ_ENVS: names that make no revision."""
    host: str = "127.0.0.1"
    """The address that metrics, health and webhook listen on."""
    metrics_port: int = 8383
    webhook_port: int = 9443
    """Where the webhook listens, if one of the two addresses below says how it is reached."""
    webhook_url: str = ""
    """``https://127.0.0.1:9443``: how the API server reaches the webhook when it is no Service."""
    webhook_service: str = ""
    """The Service in `namespace` that leads to the webhook. With neither there is no webhook: the reconciler
    fills the same defaults a moment later."""
    webhook_certificates: Path | None = None
    """A folder for our authority and its certificate; None: a Secret in `namespace`."""
    webhook_failure_policy: str = ""
    """Fail or Ignore: what a Boot's change is while no webhook answers; empty: as the environment has it."""
    operator_name: str = ""
    """OPERATOR_NAME, when we run in a pod: our metrics get the Service `<name>-metrics`."""
    identity: str = ""
    """Our name in the Lease; empty: host name and process."""
    lease_seconds: float = 15.0
    """How long a leader that went silent is waited for."""
    workers: int = 4
    """Boots of one kind that are worked on at a time."""

    def by_environment(self) -> tuple["OperatorOptions", ...]:
        """The options of each environment alone; each listens for its webhooks on the next port."""
        alone = msgspec.structs.replace(self, beside=())
        return (alone, *(alone._moved(at, name) for at, name in enumerate(self.beside, 1)))

    def _moved(self, by: int, environment: str) -> "OperatorOptions":
        port, url = self.webhook_port + by, self.webhook_url
        head, colon, given = url.rpartition(":")
        return msgspec.structs.replace(
            self,
            environment=environment,
            webhook_port=port,
            webhook_url=f"{head}{colon}{int(given) + by}" if given.isdecimal() else url,
            webhook_service=f"{self.webhook_service}-{environment}" if self.webhook_service else "",
        )

    @property
    def suffix(self) -> str:
        """What parts the cluster-wide objects of one environment from those of another."""
        return f"-{self.environment}" if self.environment in BY_SUFFIX else ""

    @property
    def has_webhook(self) -> bool:
        """Whether the API server can reach a webhook of ours."""
        return bool(self.webhook_url or self.webhook_service)

    @property
    def lease_name(self) -> str:
        return f"logan-app-operator-lock-{self.environment}"

    @property
    def webhook_configuration(self) -> str:
        return f"logan-app-webhook-mutation{self.suffix}"

    @property
    def validating_configuration(self) -> str:
        return f"logan-app-webhook-validation{self.suffix}"

    @property
    def failure_policy(self) -> str:
        """Ignore in `dev` and `auto`, where work must go on; Fail elsewhere (contract 6.1)."""
        return self.webhook_failure_policy or ("Ignore" if self.environment in BY_SUFFIX else "Fail")


def from_environment(environ: Mapping[str, str] | None = None) -> OperatorOptions:
    """The options as the variables of contract 2.1 give them; flags are laid over with `structs.replace`.

    LOGAN_ENV may list several environments. Raises UsageError `boots.environments.overlap`.
    """
    environ = os.environ if environ is None else environ
    history = environ.get("MAX_HISTORY", "")
    environments = apart(_names(environ.get("LOGAN_ENV", "")) or ("test",))
    return OperatorOptions(
        environment=environments[0],
        beside=environments[1:],
        operator_name=environ.get("OPERATOR_NAME", "") if environ.get("KUBERNETES_SERVICE_HOST") else "",
        config_map=environ.get("CONFIGMAP_NAME") or "logan-app-operator-config",
        max_history=int(history) if history.isdecimal() and int(history) > 0 else 10,
        ignored_env=_names(environ.get("BIZ_ENVS", "")),
        watch_namespaces=_names(environ.get("WATCH_NAMESPACE", "")),
        identity=environ.get("POD_NAME", ""),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
