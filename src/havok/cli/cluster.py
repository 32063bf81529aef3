"""`havok up | down | status | kubeconfig | image | doctor`: a real Kubernetes on this machine."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from havok import text
from havok.cli.command import group
from havok.cli.console import Console
from havok.cli.options import Output, Yes, console_of
from havok.cli.output import parse_format
from havok.settings import Settings

if TYPE_CHECKING:
    from havok.localcluster.cluster import ClusterInfo, ComponentStatus, Report
    from havok.localcluster.doctor import Finding

Name = Annotated[str, typer.Option("--name", metavar="NAME", help="cluster.name")]
MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}
STATE_STYLE = {"running": "green", "starting": "yellow", "waiting": "yellow"}


def up(
    context: typer.Context,
    name: Name = "default",
    yes: Yes = False,
    nodes: Annotated[int | None, typer.Option("--nodes", metavar="N", help="cluster.nodes")] = None,
    kwok_nodes: Annotated[
        int | None, typer.Option("--kwok-nodes", metavar="N", help="cluster.kwok_nodes")
    ] = None,
    bin_dir: Annotated[str | None, typer.Option("--bin-dir", metavar="DIR", help="cluster.bin_dir")] = None,
    api_port: Annotated[
        int | None, typer.Option("--api-port", metavar="PORT", help="cluster.api_port")
    ] = None,
    output: Output = "table",
) -> None:
    from havok.localcluster import cluster, doctor, platform

    console = console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml"))
    settings = Settings.load(flags={"cluster.bin_dir": bin_dir, "cluster.api_port": api_port})
    platform.check()
    real = cluster.wants_real(name, nodes, settings=settings)
    if real and (missing := doctor.missing_packages()):
        _install(console, missing, yes=yes)
    with progress(console) as report:
        info = cluster.up(name, nodes, settings=settings, report=report, kwok=kwok_nodes)
    if form.kind == "table":
        _welcome(console, info)
    else:
        structured(console, info, form.kind)


def down(
    context: typer.Context,
    name: Name = "default",
    purge: Annotated[bool, typer.Option("--purge", help="cluster.purge")] = False,
    build_cache: Annotated[bool, typer.Option("--build-cache", help="cluster.build_cache")] = False,
    yes: Yes = False,
) -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    settings = Settings.load()
    if purge and not yes and name in cluster.names(settings=settings):
        question = _say(console, "down.ask", name=name)
        if not console.confirm(question, flag="--yes"):
            console.note(_say(console, "down.kept"))
            return
    with progress(console) as report:
        changed = cluster.down(name, settings=settings, report=report, purge=purge)
    key = ("down.purged" if purge else "down.done") if changed else "down.nothing"
    console.note(_say(console, key, name=name))
    if build_cache:
        from havok.localcluster import binaries

        freed = binaries.purge_build_cache(settings=settings)
        console.note(_say(console, "down.freed", size=f"{freed / (1 << 30):.1f} GiB"))


def status(context: typer.Context, name: Name = "default", output: Output = "table") -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml"))
    rows = cluster.status(name, settings=Settings.load())
    if form.kind != "table":
        structured(console, rows, form.kind)
    else:
        for row in rows:
            console.data(_status_line(console, row))
    if any(row.state not in ("running", "starting", "off", "simulated") for row in rows):
        console.note(_say(console, "status.heal", name=name))
        raise typer.Exit(7)


def kubeconfig(
    context: typer.Context,
    name: Name = "default",
    merge: Annotated[bool, typer.Option("--merge", help="cluster.merge")] = False,
    path: Annotated[bool, typer.Option("--path", help="cluster.path")] = False,
) -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    settings = Settings.load()
    if path:
        console.data(str(cluster.kubeconfig_path(name, settings=settings)))
        return
    if not merge:
        console.data(cluster.kubeconfig_text(name, settings=settings))
        return
    merged = cluster.merge_kubeconfig(name, settings=settings)
    key = "kubeconfig.merged" if merged.changed else "kubeconfig.unchanged"
    console.note(_say(console, key, context=merged.context, file=merged.file))
    if merged.changed and merged.backup:
        console.note(_say(console, "kubeconfig.backup", backup=merged.backup))
    if merged.current_context != merged.context:
        console.note(_say(console, "kubeconfig.use", context=merged.context))


def doctor(context: typer.Context, name: Name = "default", output: Output = "table") -> None:
    from havok.localcluster import cluster

    console = console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml"))
    findings = cluster.doctor(name, settings=Settings.load())
    if form.kind != "table":
        structured(console, findings, form.kind)
    else:
        for finding in findings:
            console.data(_finding_line(console, finding))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def push(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="cluster.image_file")],
    reference: Annotated[str, typer.Option("--as", metavar="NAME:TAG", help="cluster.image_as")] = "",
    name: Name = "default",
) -> None:
    from havok.localcluster import cluster
    from havok.localcluster.layout import REGISTRY_HOST

    console = console_of(context)
    pushed = cluster.push_image(name, source, reference, settings=Settings.load())
    console.data(pushed)
    repository, _, tag = pushed.removeprefix(f"{REGISTRY_HOST}/").rpartition(":")
    console.note(_say(console, "image.boot", registry=REGISTRY_HOST, image=repository, version=tag))


image = group("image", {"push": push})


def _install(console: Console, missing: list[str], *, yes: bool) -> None:
    """Name the packages and ask; where nobody can be asked, install when told so, else refuse."""
    from havok.localcluster import doctor, packages

    words = " ".join(missing)
    agreed = yes or console.environ.get("CI") == "true"
    if not agreed and console.interactive:
        agreed = console.confirm(_say(console, "up.packages", packages=words), flag="--yes")
    if not agreed:
        doctor.check_requirements()
    console.note(_say(console, "up.installing", packages=words))
    packages.install(missing)


@contextmanager
def progress(console: Console) -> "Iterator[Report]":
    """Stages as lines, building as the build's own display."""
    from havok.localcluster.binaries import Fact, Plain, Terminal
    from havok.localcluster.cluster import Stage

    fancy = console.animated(console.stderr) and console.stderr is sys.stderr
    build: Plain | Terminal = Terminal() if fancy else Plain(console.stderr)

    def report(fact: Stage | Fact) -> None:
        if isinstance(fact, Stage):
            line = _say(console, f"stage.{fact.key}", **fact.values)
            console.note(f"{console.paint(f'{fact.elapsed:5.1f} s', 'dim')}  {line}")
        else:
            build(fact)

    if isinstance(build, Terminal):
        with build:
            yield report
    else:
        yield report


def _welcome(console: Console, info: "ClusterInfo") -> None:
    suffix = "" if info.name == "default" else f" --name {info.name}"
    console.note(console.paint(_say(console, "up.ready", name=info.name, seconds=info.seconds), "green"))
    if info.simulated:
        console.note(_say(console, "up.simulated", api=info.api_url, context=info.context, suffix=suffix))
        return
    console.note(_say(
        console, "up.next", api=info.api_url, registry=info.registry, context=info.context, suffix=suffix,
    ))  # fmt: skip


def _status_line(console: Console, row: "ComponentStatus") -> str:
    state = _say(console, f"state.{row.state}")
    state = console.paint(state, STATE_STYLE.get(row.state, "red"), stream=console.stdout)
    extra = []
    if row.restarts:
        extra.append(_say(console, "status.restarts", count=row.restarts))
    if row.detail and (row.restarts or row.state != "running"):
        extra.append(row.detail)
    if row.pid and console.verbose:
        extra.append(f"pid {row.pid}")
    return f"{row.name:<28} {state}" + (f"  ({', '.join(extra)})" if extra else "")


def _finding_line(console: Console, finding: "Finding") -> str:
    mark, style = MARKS[finding.level]
    key = "ok" if finding.level == "ok" else "problem"
    words = _say(console, f"doctor.{finding.check}.{key}", **finding.values)
    line = f"{console.paint(mark, style, stream=console.stdout)} {words}"
    return f"{line}\n    → {finding.fix}" if finding.fix else line


def structured(console: Console, value: object, kind: str) -> None:
    from havok.codec import encode_json, encode_yaml

    console.data(encode_json(value, indent=2).decode() if kind == "json" else encode_yaml(value))


def _say(console: Console, key: str, /, **values: object) -> str:
    return text.say(f"cluster.{key}", console.lang, **values)
