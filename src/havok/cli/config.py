"""`havok config show | diff | check | set`: the central config, from any machine with a kubeconfig."""

import os
from typing import Annotated

import typer

from havok.boots import config as boots_config
from havok.boots.config import Platform
from havok.boots.config_text import ConfigError
from havok.cli import options
from havok.cli.command import group
from havok.cli.config_reach import Report, report
from havok.cli.config_source import Source, place, read_text, unified
from havok.cli.connect import Target, connected, run
from havok.cli.console import Console
from havok.cli.output import parse_format
from havok.codec import encode_json, encode_yaml
from havok.errors import UsageError

File = Annotated[str, typer.Argument(metavar="FILE", help="config.file")]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", metavar="NAME", help="config.namespace")]
Map = Annotated[str | None, typer.Option("--config-map", metavar="NAME", help="config.map")]
Environment = Annotated[str, typer.Option("--environment", "-e", metavar="NAME", help="config.environment")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="config.dry_run")]
Strict = Annotated[bool, typer.Option("--strict", help="config.strict")]
Offline = Annotated[bool, typer.Option("--offline", help="config.offline")]


def show(
    context: typer.Context,
    namespace: Namespace = None,
    config_map: Map = None,
    output: options.Output = "table",
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    form, where = parse_format(output, allowed=("table", "json", "yaml")), place(namespace, config_map)

    async def work() -> None:
        async with connected(Target(where.namespace, context_name, kubeconfig)) as cluster:
            found = await Source(cluster.client, where).read()
        digest = boots_config.digest_of(found.text)
        if form.kind == "table":
            console.data(found.text)
            console.hint("config.version", where=found.where, hash=digest)
            _tell_broken(console, found.text)
            return
        said = {"configMap": found.where, "hash": digest, "text": found.text}
        console.data(encode_json(said, indent=2).decode() if form.kind == "json" else encode_yaml(said))

    run(work)


def check(
    context: typer.Context,
    file: File,
    strict: Strict = False,
    offline: Offline = False,
    environment: Environment = "",
    namespace: Namespace = None,
    config_map: Map = None,
    output: options.Output = "table",
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    form = parse_format(output, allowed=("table", "json"))
    text, environment = read_text(console, file), _environment(environment)
    where = place(namespace, config_map)
    platform = _parse(console, text, environment, strict=strict)
    if offline:
        console.hint("config.fine", file=file)
        return

    async def work() -> Report:
        async with connected(Target(where.namespace, context_name, kubeconfig)) as cluster:
            old = await Source(cluster.client, where).read(or_empty=True)
            return await report(cluster, old.text, text, environment)

    found = run(work)
    if form.kind == "json":
        console.data(encode_json({**found.as_json(), "warnings": platform.warnings}, indent=2).decode())
    else:
        console.data("\n".join(found.lines(console)))
    found.raise_if_invalid()


def diff(
    context: typer.Context,
    file: File,
    environment: Environment = "",
    namespace: Namespace = None,
    config_map: Map = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    text, environment = read_text(console, file), _environment(environment)
    where = place(namespace, config_map)
    _parse(console, text, environment, strict=False)

    async def work() -> None:
        async with connected(Target(where.namespace, context_name, kubeconfig)) as cluster:
            old = await Source(cluster.client, where).read(or_empty=True)
            if old.text == text:
                console.hint("config.same", where=old.where)
                return
            console.data(unified(console, old, text, file))
            found = await report(cluster, old.text, text, environment)
            console.data("\n".join(found.lines(console)))

    run(work)


def set_(
    context: typer.Context,
    file: File,
    dry_run: DryRun = False,
    yes: options.Yes = False,
    environment: Environment = "",
    namespace: Namespace = None,
    config_map: Map = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    text, environment = read_text(console, file), _environment(environment)
    where = place(namespace, config_map)
    _parse(console, text, environment, strict=True)

    async def work() -> None:
        async with connected(Target(where.namespace, context_name, kubeconfig)) as cluster:
            source = Source(cluster.client, where)
            old = await source.read(or_empty=True)
            if old.text == text:
                console.hint("config.same", where=old.where)
                return
            found = await report(cluster, old.text, text, environment)
            for line in found.lines(console):
                console.note(line)
            if found.invalid and not yes and not dry_run:
                question = console.say("config.question", count=len(found.invalid))
                if not console.confirm(question, flag="--yes"):
                    found.raise_if_invalid()
            await source.write(old, text, dry_run=dry_run)
        key = "config.would_be_set" if dry_run else "config.set"
        console.hint(key, where=old.where, hash=boots_config.digest_of(text))

    run(work)


def _tell_broken(console: Console, text: str) -> None:
    """What is wrong with the text that is there; the operator then goes by an older one."""
    try:
        boots_config.parse(text, _environment(""))
    except ConfigError as error:
        console.hint("config.broken", reason=error.message)


def _environment(given: str) -> str:
    return given or os.environ.get("LOGAN_ENV") or "test"


def _parse(console: Console, text: str, environment: str, *, strict: bool) -> Platform:
    """The platform; what has no effect is told, or refused when `strict`.

    Raises ConfigError, UsageError `cli.config.ineffective`.
    """
    platform = boots_config.parse(text, environment)
    for warning in platform.warnings:
        console.note(f"{console.paint('!', 'yellow')} {warning}")
    if strict and platform.warnings:
        raise UsageError(
            "cli.config.ineffective",
            f"{len(platform.warnings)} places of the config do not do what they seem to; the first: "
            f"{platform.warnings[0]}",
            "correct them, or check without --strict",
            count=len(platform.warnings), first=platform.warnings[0],
        )  # fmt: skip
    return platform


app = group("config", {"show": show, "diff": diff, "check": check, "set": set_})
