"""`havok describe`: an app with its pods, conditions and events on one page."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from havok.boots.health_words import judge, progress
from havok.boots.observed import Observed, Pod
from havok.cli import options
from havok.cli.condition_words import in_language
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boots, run
from havok.cli.console import Console
from havok.cli.events import event_row, events_about
from havok.cli.kinds import split_words
from havok.cli.output import Column, table
from havok.cli.watch_rollout import Watched, observe
from havok.clock import age, parse_rfc3339, utcnow
from havok.kube.views import Event

EVENTS_SHOWN = 12


class Page(msgspec.Struct, frozen=True):
    """What the page of one app is made from."""

    boot: FoundBoot
    seen: Observed
    events: Sequence[Event]


def describe(
    context: typer.Context,
    what: Annotated[list[str], typer.Argument(metavar="NAME", help="option.boots")],
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    resources, names = split_words(what)

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boots = await find_boots(cluster, names, resources)
            pages = [page(console, await _look(cluster, boot), utcnow()) for boot in boots]
            console.data("\n\n".join(pages))

    run(work)


def page(console: Console, found: Page, now: datetime) -> str:
    """The page as text."""
    boot, seen = found.boot, found.seen
    parts = [_fields(console, _facts(console, boot, seen, now))]
    env = [(one["name"], _value(console, one)) for one in boot.spec.get("env") or ()]
    parts.append(_section(console, "describe.env", _fields(console, env, translate=False)))
    conditions = boot.status.get("conditions") or ()
    parts.append(_section(console, "describe.conditions", _conditions(conditions, now, console.lang)))
    parts.append(_section(console, "describe.pods", _pods(seen.pods, now)))
    rows = [event_row(event, now) for event in found.events[-EVENTS_SHOWN:]]
    heads = (Column("LAST"), Column("TYPE"), Column("REASON"), Column("OBJECT"), Column("MESSAGE"))
    parts.append(_section(console, "describe.events", table(heads, rows) if rows else ""))
    return "\n".join(parts)


async def _look(cluster: Cluster, boot: FoundBoot) -> Page:
    created = parse_rfc3339(boot.object["metadata"]["creationTimestamp"])
    watched = Watched(boot.resource, boot.namespace, boot.name)
    seen = await observe(cluster, watched, applied_at=created)
    return Page(boot, seen, await events_about(cluster, boot.namespace, boot, seen.pods))


def _facts(console: Console, boot: FoundBoot, seen: Observed, now: datetime) -> list[tuple[str, str]]:
    spec, status, metadata = boot.spec, boot.status, boot.object["metadata"]
    verdict = judge(seen)
    healthy = verdict.state == "healthy"
    state = console.say("describe.healthy") if healthy else progress(verdict, console.lang)
    created = metadata["creationTimestamp"]
    profile = (metadata.get("annotations") or {}).get("logan/profile", "")
    facts = [
        ("name", boot.name),
        ("namespace", boot.namespace),
        ("kind", boot.resource.kind),
        ("state", state),
        ("replicas", console.say("describe.ready_of", ready=verdict.ready, wanted=verdict.wanted)),
        ("image", str(spec.get("image", ""))),
        ("version", str(spec.get("version", ""))),
        ("port", str(spec.get("port", ""))),
        ("health", str(spec.get("health", ""))),
        ("workload", str(status.get("workload") or spec.get("workload") or "")),
        ("services", str(status.get("services", ""))),
        ("revision", str(status.get("revision", ""))),
        ("profile", profile),
        ("created", f"{created} ({age(parse_rfc3339(created), now)})"),
    ]
    return [(name, value) for name, value in facts if value]


def _fields(console: Console, pairs: Iterable[tuple[str, str]], *, translate: bool = True) -> str:
    rows = [(console.say(f"describe.{name}") if translate else name, value) for name, value in pairs]
    return table((Column(""), Column("")), rows, headers=False) if rows else ""


def _section(console: Console, key: str, body: str) -> str:
    title = console.say(key)
    if not body:
        return f"\n{title} {console.say('describe.none')}"
    return f"\n{title}\n" + "\n".join(f"  {line}" for line in body.splitlines())


def _conditions(conditions: Iterable[dict[str, Any]], now: datetime, lang: str) -> str:
    heads = (Column("TYPE"), Column("STATUS"), Column("SINCE"), Column("REASON"), Column("MESSAGE"))
    rows = [
        (
            one.get("type", ""),
            one.get("status", ""),
            _age(one.get("lastTransitionTime"), now),
            one.get("reason", ""),
            in_language(one.get("message", ""), lang),
        )
        for one in conditions
    ]
    return table(heads, rows) if rows else ""


def _pods(pods: Iterable[Pod], now: datetime) -> str:
    heads = (
        Column("NAME"),
        Column("READY"),
        Column("STATUS"),
        Column("RESTARTS"),
        Column("AGE"),
        Column("IMAGE"),
    )
    rows = []
    for pod in sorted(pods, key=lambda one: one.metadata.name):
        statuses = pod.status.container_statuses or ()
        total = len(pod.spec.containers) or len(statuses)
        ready = f"{sum(one.ready for one in statuses)}/{total}"
        image = pod.spec.containers[0].image if pod.spec.containers else ""
        old = _age(pod.metadata.creation_timestamp, now)
        rows.append((pod.metadata.name, ready, pod_status(pod), str(pod.restarts), old, image))
    return table(heads, rows) if rows else ""


def pod_status(pod: Pod) -> str:
    """A pod's state in kubectl's words: Running, CrashLoopBackOff, Terminating."""
    if pod.metadata.deletion_timestamp is not None:
        return "Terminating"
    for one in (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())):
        if one.state.waiting is not None and one.state.waiting.reason:
            return one.state.waiting.reason
        if one.state.terminated is not None and one.state.terminated.exit_code:
            return one.state.terminated.reason or "Error"
    return pod.status.phase or "Unknown"


def _value(console: Console, variable: dict[str, Any]) -> str:
    reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
    if reference:
        return console.say("describe.from_secret", name=reference.get("name"), key=reference.get("key"))
    return str(variable.get("value", ""))


def _age(stamp: str | None, now: datetime) -> str:
    return age(parse_rfc3339(stamp), now) if stamp else ""
