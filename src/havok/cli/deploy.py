"""`havok deploy`: have the cluster store the Boots, then wait until they are healthy and say for what.

Server-side apply as field manager `havok-cli`. Everything is read and checked before the first write.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from havok.boots.health_words import Verdict
from havok.cli import duration, manifest, options
from havok.cli.connect import Cluster, Target, connected, list_boots, run
from havok.cli.console import Console
from havok.cli.failure import report
from havok.cli.kinds import BOOTS, resources_for
from havok.cli.manifest import Manifest
from havok.cli.output import objects, parse_format
from havok.cli.preview import preview
from havok.cli.rollout import RolloutError
from havok.cli.watch_rollout import Watched, follow
from havok.clock import utcnow
from havok.errors import HavokError, NotFoundError, UsageError
from havok.kube import NotFound
from havok.kube.resources import NAMESPACES

FIELD_MANAGER: Final = "havok-cli"


class Flags(msgspec.Struct, frozen=True):
    """What the flags say about the Boot; None: not given."""

    name: str | None = None
    kind: str | None = None
    spec: Mapping[str, Any] = {}


class Applied(msgspec.Struct, frozen=True):
    """A Boot that the API server has taken."""

    watched: Watched
    object: dict[str, Any]
    outcome: str
    at: datetime
    before: dict[str, Any] | None = None
    """What lived under its name."""


def deploy(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE|FOLDER", help="deploy.files")] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--filename", "-f", metavar="FILE", help="deploy.files")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="deploy.name")] = None,
    image: Annotated[str | None, typer.Option("--image", metavar="PATH", help="deploy.image")] = None,
    version: Annotated[str | None, typer.Option("--version", metavar="TAG", help="deploy.version")] = None,
    kind: Annotated[str | None, typer.Option("--kind", "-k", metavar="KIND", help="deploy.kind")] = None,
    replicas: Annotated[int | None, typer.Option("--replicas", metavar="N", help="deploy.replicas")] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="N", help="deploy.port")] = None,
    namespace: options.Namespace = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="deploy.no_wait")] = False,
    timeout: Annotated[str, typer.Option("--timeout", metavar="TIME", help="option.timeout")] = "10m",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="deploy.dry_run")] = False,
    output: options.Output = "table",
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml", "name", "jsonpath"))
    patience = duration.seconds(timeout)
    spec = {"image": image, "version": version, "replicas": replicas, "port": port}
    given = {field: value for field, value in spec.items() if value is not None}
    wanted = gather([*(files or ()), *(file or ())], Flags(name=name, kind=kind, spec=given))
    applied: list[Applied] = []

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            for one in wanted:
                applied.append(await apply(cluster, one, namespace, dry_run=dry_run))
                key = "deploy.would" if dry_run else "deploy.applied"
                outcome = console.say(f"deploy.outcome.{applied[-1].outcome}")
                console.hint(key, boot=one.label, outcome=outcome)
                if dry_run:
                    await _show_preview(console, cluster, applied[-1])
            if not form.for_people:
                console.data(objects([one.object for one in applied], form, single=len(applied) == 1))
                console.flush()
            if not (no_wait or dry_run):
                await wait(console, cluster, applied, timeout=patience)

    try:
        run(work)
    except KeyboardInterrupt:
        if applied and not dry_run:
            where = f" -n {namespace}" if namespace else ""
            boots = ", ".join(one.watched.label for one in applied)
            console.hint("deploy.left", boots=boots, namespace=where)
        raise


def gather(paths: list[Path], flags: Flags) -> list[Manifest]:
    """The Boots to deploy: of the files, ./boot.yaml where none is named, or of the flags alone."""
    whole = flags.name is not None and "image" in flags.spec and "version" in flags.spec
    if not paths and whole:
        return [_from_flags(flags)]
    found = manifest.read_all(paths or [manifest.DEFAULT], schemas=schemas())
    if flags.name is not None:
        found = [one for one in found if one.name == flags.name] or _no_such(flags.name, found)
    if flags.spec and len(found) > 1:
        raise UsageError(
            "cli.deploy.flags",
            f"flags for one Boot were given, and the files have {len(found)}",
            "say which with --name",
            count=len(found),
        )
    return [manifest.with_spec(one, flags.spec) for one in found] if flags.spec else found


def schemas() -> dict[str, Any]:
    """kind → schema of its CustomResourceDefinition."""
    from havok.crds import manifests

    return {
        one["spec"]["names"]["kind"]: one["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for one in manifests()
    }


async def apply(cluster: Cluster, one: Manifest, namespace: str | None, *, dry_run: bool) -> Applied:
    """Store one Boot. Raises HavokError of `havok.kube`, NotFoundError `cli.namespace.missing`."""
    own = one.object["metadata"].get("namespace")
    if own and namespace and own != namespace:
        raise UsageError(
            "cli.deploy.namespace",
            f"{one.source}: {one.label} belongs to namespace {own}, and -n {namespace} was given",
            "leave one of the two out",
            source=one.source, boot=one.label, own=own, namespace=namespace,
        )  # fmt: skip
    where = own or cluster.namespace
    body = {**one.object, "metadata": {**one.object["metadata"], "namespace": where}}
    at = utcnow()
    before = await _before(cluster, one, where)
    try:
        after = await cluster.client.apply(one.resource, body, field_manager=FIELD_MANAGER, dry_run=dry_run)
    except NotFound as error:
        raise await _not_found(cluster, where, error) from error
    if before is None:
        outcome = "created"
    else:
        same = before["metadata"].get("generation") == after["metadata"].get("generation")
        outcome = "unchanged" if same and _labels(before) == _labels(after) else "changed"
    return Applied(Watched(one.resource, where, one.name), after, outcome, at, before)


async def _show_preview(console: Console, cluster: Cluster, one: Applied) -> None:
    """Tell on standard error what would differ, so that -o json stays a program's."""
    seen = await preview(cluster, one.watched.resource.kind, one.before, one.object)
    for line in seen.boot:
        console.note(f"  {line}")
    if seen.rendered:
        console.hint("deploy.rendered")
    for line in seen.rendered or ():
        console.note(f"  {line}")
    if seen.rendered is None and one.before is not None:
        console.hint("deploy.not_rendered")


async def wait(console: Console, cluster: Cluster, applied: list[Applied], *, timeout: float) -> None:
    """Follow every roll-out side by side to its end. Raises the last failure, having printed the others."""
    failures: list[HavokError] = []
    with console.waiting() as line:

        async def one(boot: Applied) -> None:
            label = boot.watched.label

            def show(text: str) -> None:
                line.show(console.say("deploy.waiting", boot=label, text=text), about=label)

            try:
                verdict = await follow(
                    cluster, boot.watched, applied_at=boot.at, timeout=timeout, say=show, lang=console.lang
                )
            except HavokError as error:
                failures.append(error)
            else:
                line.clear()
                _healthy(console, cluster, boot, verdict)
            line.drop(label)

        async with asyncio.TaskGroup() as group:
            for boot in applied:
                group.create_task(one(boot))
    for error in failures[:-1]:
        _last_words(console, error)
        report(console, error)
    if failures:
        _last_words(console, failures[-1])
        raise failures[-1]


def _healthy(console: Console, cluster: Cluster, boot: Applied, verdict: Verdict) -> None:
    watched = boot.watched
    console.hint(
        "deploy.ready", boot=console.paint(watched.label, "green"),
        ready=verdict.ready, wanted=verdict.wanted,
        version=boot.object["spec"].get("version", "?"), seconds=int((utcnow() - boot.at).total_seconds()),
    )  # fmt: skip
    usual = cluster.client.access.namespace or "default"
    where = "" if watched.namespace == usual else f" -n {watched.namespace}"
    console.hint("deploy.next", name=watched.name, namespace=where)


def _last_words(console: Console, error: HavokError) -> None:
    if isinstance(error, RolloutError) and error.log:
        console.hint("deploy.log", pod=error.note.values.get("pod", ""))
        for text in error.log:
            console.note(f"  | {text}")


def _from_flags(flags: Flags) -> Manifest:
    if flags.kind is None:
        raise UsageError(
            "cli.deploy.kind",
            "no file is given, and --kind is missing",
            "add --kind java (or php, python, nodejs, web)",
        )
    resources = resources_for(flags.kind)
    plain = manifest.from_flags(
        kind=resources[0], name=str(flags.name), image=flags.spec["image"], version=flags.spec["version"]
    )
    return manifest.with_spec(plain, flags.spec)


def _no_such(name: str, found: list[Manifest]) -> list[Manifest]:
    names = ", ".join(one.name for one in found)
    raise NotFoundError(
        "cli.deploy.name",
        f"the files have no Boot called {name}",
        f"they have: {names}",
        name=name, names=names,
    )  # fmt: skip


async def _before(cluster: Cluster, one: Manifest, where: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = await cluster.client.get(one.resource, one.name, where, view=dict)
    except NotFound:
        return None
    return found


async def _not_found(cluster: Cluster, where: str, error: HavokError) -> HavokError:
    """Why an apply found nothing to write to: no such kind, or no such namespace."""
    await list_boots(cluster, BOOTS, namespace=where)
    try:
        await cluster.client.get(NAMESPACES, where, view=dict)
    except NotFound:
        return NotFoundError(
            "cli.namespace.missing",
            f"there is no namespace {where}",
            f"make it with `kubectl create namespace {where}`, or name another with -n",
            namespace=where,
        )
    return error


def _labels(body: Mapping[str, Any]) -> tuple[Any, Any]:
    metadata = body["metadata"]
    return metadata.get("labels"), metadata.get("annotations")
