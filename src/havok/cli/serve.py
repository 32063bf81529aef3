"""`havok serve ROLE`: run a part of Havok in the foreground, for containers and service managers."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from havok import log
from havok.cli import options
from havok.cli.commands import nearest
from havok.errors import UsageError
from havok.settings import Settings

ROLES = ("operator",)
POLICIES = ("Fail", "Ignore")

Host = Annotated[str | None, typer.Option("--host", metavar="ADDRESS", help="serve.host")]
OwnNamespace = Annotated[
    str | None, typer.Option("--namespace", "-n", metavar="NAME", help="serve.namespace")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="serve.config")]
MetricsPort = Annotated[int | None, typer.Option("--metrics-port", metavar="PORT", help="serve.metrics_port")]
WebhookPort = Annotated[int | None, typer.Option("--webhook-port", metavar="PORT", help="serve.webhook_port")]
WebhookUrl = Annotated[str | None, typer.Option("--webhook-url", metavar="URL", help="serve.webhook_url")]
WebhookService = Annotated[
    str | None, typer.Option("--webhook-service", metavar="NAME", help="serve.webhook_service")
]
Certificates = Annotated[
    Path | None, typer.Option("--webhook-certificates", metavar="DIR", help="serve.webhook_certificates")
]

FailurePolicy = Annotated[
    str | None,
    typer.Option("--webhook-failure-policy", metavar="POLICY", help="serve.webhook_failure_policy"),
]


def serve(
    context: typer.Context,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="serve.role")],
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    namespace: OwnNamespace = None,
    config: Config = None,
    host: Host = None,
    metrics_port: MetricsPort = None,
    webhook_port: WebhookPort = None,
    webhook_url: WebhookUrl = None,
    webhook_service: WebhookService = None,
    webhook_certificates: Certificates = None,
    webhook_failure_policy: FailurePolicy = None,
) -> None:
    if role not in ROLES:
        near = nearest(role, list(ROLES))
        raise UsageError(
            "cli.serve.role",
            f"havok has no part called {role}",
            f"did you mean {near}?" if near else f"choose from {', '.join(ROLES)}",
            role=role, nearest=near or ", ".join(ROLES),
        )  # fmt: skip
    log.configure(Settings.load().get("log.level", str))
    if webhook_failure_policy not in (None, *POLICIES):
        raise UsageError(
            "cli.serve.policy",
            f"{webhook_failure_policy} is no failure policy of a webhook",
            f"choose {' or '.join(POLICIES)}",
            policy=webhook_failure_policy, policies=" / ".join(POLICIES),
        )  # fmt: skip
    _operator({
        "kubeconfig": kubeconfig, "context": context_name, "namespace": namespace, "config_file": config,
        "host": host, "metrics_port": metrics_port, "webhook_port": webhook_port,
        "webhook_url": webhook_url, "webhook_service": webhook_service,
        "webhook_certificates": webhook_certificates,
        "webhook_failure_policy": webhook_failure_policy,
    })  # fmt: skip


def _operator(flags: dict[str, Any]) -> None:
    from havok.boots.operator import serve as serve_operator
    from havok.boots.options import from_environment
    from havok.cli.config_source import place

    where = place(flags["namespace"])
    flags |= {"namespace": where.namespace, "config_map": where.config_map}
    given = {name: value for name, value in flags.items() if value is not None}
    asyncio.run(serve_operator(msgspec.structs.replace(from_environment(), **given)))
