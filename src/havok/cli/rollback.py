"""`havok rollback`: have the operator restore an earlier revision of an app, and follow it.

The same as the annotation `app.logancloud.com/rollback-to`: the operator does the work, and keeps replicas.
"""

import asyncio
from typing import Annotated, Final

import msgspec
import typer

from havok.boots import names, revisions
from havok.boots.spec_diff import Difference, differences
from havok.cli import duration, options
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boot, run
from havok.cli.deploy import Applied, wait
from havok.cli.kinds import split_words
from havok.cli.revision import good, history_of, not_paused, pick
from havok.cli.watch_rollout import Watched
from havok.clock import utcnow
from havok.crds import Boot, BootRevision
from havok.errors import ConflictError, TimedOutError

PATIENCE: Final = 30.0
"""Seconds in which an operator that runs takes a rollback up."""
PERIOD: Final = 0.2


def rollback(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    revision: Annotated[int | None, typer.Argument(metavar="REVISION", help="rollback.revision")] = None,
    keep_config: Annotated[bool, typer.Option("--keep-config", help="rollback.keep_config")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="rollback.reason")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="rollback.dry_run")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="deploy.no_wait")] = False,
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="option.timeout")] = "10m",
    yes: options.Yes = False,
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    patience = duration.seconds(timeout)
    resources, found_names = split_words([what])

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boot = await find_boot(cluster, found_names[0], resources)
            history = [one for one, _ in await history_of(cluster, boot)]
            wanted = pick(history, revision, boot) if revision is not None else good(history, boot)
            number = revisions.number(wanted)
            changes = _changes(boot, wanted, keep_config=keep_config)
            if changes:
                console.data("\n".join(change.line for change in changes))
                console.flush()
            if dry_run or not changes:
                key = "rollback.would" if changes else "rollback.same"
                console.hint(key, name=boot.name, revision=number)
                return
            question = console.say("rollback.ask", name=boot.name, revision=number)
            if not yes and not console.confirm(question, flag="--yes"):
                console.hint("rollback.kept")
                raise typer.Exit(1)
            if not no_wait:
                not_paused(boot)
            at = utcnow()
            await _ask(cluster, boot, number, keep_config=keep_config, reason=reason)
            if no_wait:
                console.hint("rollback.asked", name=boot.name, revision=number)
                return
            after = await _taken_up(cluster, boot)
            console.hint("rollback.restored", name=boot.name, revision=number)
            watched = Watched(boot.resource, boot.namespace, boot.name)
            await wait(console, cluster, [Applied(watched, after, "changed", at)], timeout=patience)

    run(work)


def _changes(boot: FoundBoot, wanted: BootRevision, *, keep_config: bool) -> list[Difference]:
    """What the rollback changes, as the operator will do it."""
    now = msgspec.convert(boot.object, Boot)
    ignored = [name for name in wanted.metadata.annotation(names.IGNORED_ENV).split(",") if name]
    restored = revisions.restore(now.spec, wanted, ignored)
    before, after = ({"spec": msgspec.to_builtins(spec)} for spec in (now.spec, restored))
    config = wanted.metadata.annotations.get(names.CONFIG_HASH)
    if config is not None and not keep_config:
        before["config"], after["config"] = now.status.config_hash, config
    before["profile"] = now.metadata.annotation(names.PROFILE)
    after["profile"] = wanted.metadata.annotation(names.PROFILE)
    return differences(before, after)


async def _ask(cluster: Cluster, boot: FoundBoot, number: int, *, keep_config: bool, reason: str) -> None:
    annotations = {
        names.ROLLBACK_TO: str(number),
        names.ROLLBACK_KEEP_CONFIG: "true" if keep_config else None,
        names.ROLLBACK_REASON: reason or None,
    }
    version = boot.object["metadata"]["resourceVersion"]
    body = {"metadata": {"resourceVersion": version, "annotations": annotations}}
    await cluster.client.patch(
        boot.resource, boot.name, boot.namespace, body=body, field_manager="havok-cli"
    )  # fmt: skip


async def _taken_up(cluster: Cluster, boot: FoundBoot) -> dict[str, object]:
    """The Boot after the operator restored it. Raises ConflictError `cli.rollback.refused`."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await cluster.client.get(boot.resource, boot.name, boot.namespace)
                if names.ROLLBACK_TO not in (found["metadata"].get("annotations") or {}):
                    return found
                for one in (found.get("status") or {}).get("conditions") or ():
                    if (one["status"], one["reason"]) == ("True", "RollbackImpossible"):
                        raise _refused(boot.name, str(one["message"]))
                await asyncio.sleep(PERIOD)
    except TimeoutError:
        raise TimedOutError(
            "cli.rollback.unseen",
            f"no operator has taken the rollback of {boot.name} up in {PATIENCE:.0f} s",
            "is the operator running? `havok status` tells of a local cluster; the request is stored",
            name=boot.name, seconds=f"{PATIENCE:.0f}",
        ) from None  # fmt: skip


def _refused(name: str, reason: str) -> ConflictError:
    return ConflictError(
        "cli.rollback.refused",
        f"{name} was not rolled back: {reason}",
        f"`havok history {name}` shows what is kept",
        name=name, reason=reason,
    )  # fmt: skip
