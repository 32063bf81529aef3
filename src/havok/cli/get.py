"""`havok get`: list apps, show one, or follow their changes."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import typer

from havok.cli import boot_table, options
from havok.cli.connect import Cluster, FoundBoot, Target, connected, find_boots, list_boots, run
from havok.cli.console import Console
from havok.cli.kinds import resources_for, words
from havok.cli.output import Format, Table, objects, one_line, parse_format
from havok.clock import utcnow
from havok.errors import UsageError
from havok.kube.resources import Resource


def get(
    context: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="BOOTS|KIND NAME", help="get.what")] = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    selector: options.Selector = "",
    output: options.Output = "table",
    no_headers: options.NoHeaders = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="get.watch")] = False,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    view = View(console, parse_format(output), headers=not no_headers, namespaces=all_namespaces)
    resources, names = split(what or ["boots"])
    if names and all_namespaces:
        raise UsageError(
            "cli.get.name_everywhere",
            "a name belongs to one namespace, and all namespaces were asked for",
            "give -n NAMESPACE, or leave the name out",
        )

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            where = None if all_namespaces else cluster.namespace
            if watch:
                await view.follow(cluster, resources, where, names=names, labels=selector)
            elif names:
                boots = await find_boots(cluster, names, resources)
                view.show(boots, single=len(names) == 1)
            else:
                boots = await list_boots(cluster, resources, namespace=where, labels=selector)
                view.show(boots, single=False)
                if not boots and view.form.for_people:
                    console.hint("get.none_anywhere" if where is None else "get.none", namespace=where)

    run(work)


def split(arguments: list[str]) -> tuple[tuple[Resource, ...], list[str]]:
    """(kinds, names) of `boots`, `javaboot pay shop`, `boot/pay`. The first word is a kind."""
    first, *names = arguments
    if "/" in first:
        kind, _, name = first.partition("/")
        return resources_for(kind), [name, *names]
    if first.lower() not in words() and not names:
        return resources_for(first), []
    return resources_for(first), names


class View:
    """How one invocation of `get` prints Boots."""

    def __init__(self, console: Console, form: Format, *, headers: bool, namespaces: bool) -> None:
        self.console, self.form, self.namespaces = console, form, namespaces
        heads = boot_table.columns(namespaces=namespaces)
        self._table = Table(heads, wide=form.kind == "wide", headers=headers)

    def show(self, boots: list[FoundBoot], *, single: bool) -> None:
        """Print them all at once."""
        if not self.form.for_people:
            self.console.data(objects([boot.object for boot in boots], self.form, single=single))
        elif boots:
            now = utcnow()
            self.console.data(self._table.render(self._row(boot, now) for boot in boots))

    def _row(self, boot: FoundBoot, now: datetime) -> tuple[str, ...]:
        return boot_table.row(boot.resource.kind, boot.object, now, namespaces=self.namespaces)

    async def follow(
        self,
        cluster: Cluster,
        resources: tuple[Resource, ...],
        where: str | None,
        *,
        names: list[str],
        labels: str,
    ) -> None:
        """Print what is there, then every change as a line (JSON: one object a line), until interrupted."""
        from havok.kube.cache import Cache

        await list_boots(cluster, resources, namespace=where)
        changes: asyncio.Queue[FoundBoot] = asyncio.Queue()
        caches = [
            (one, Cache(cluster.client, one, view=dict, namespace=where, labels=labels)) for one in resources
        ]
        for resource, cache in caches:
            cache.subscribe(_feed(changes, resource, names, self._gone))
        async with asyncio.TaskGroup() as group:
            for _, cache in caches:
                group.create_task(cache.run())
            while True:
                boots = [await changes.get()]
                await asyncio.sleep(0)
                while not changes.empty():
                    boots.append(changes.get_nowait())
                self._print_changes(boots)

    def _gone(self, label: str) -> None:
        self.console.hint("delete.deleted", boot=label)

    def _print_changes(self, boots: list[FoundBoot]) -> None:
        ordered = sorted(boots, key=lambda boot: (boot.namespace, boot.name))
        if self.form.kind == "json":
            self.console.data("\n".join(one_line(boot.object) for boot in ordered))
        else:
            self.show(ordered, single=False)
        self.console.flush()


def _feed(
    changes: asyncio.Queue[FoundBoot], resource: Resource, names: list[str], gone: Callable[[str], None]
) -> Callable[[dict[str, Any] | None, dict[str, Any] | None], None]:
    def changed(old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        if names and name not in names:
            return
        if new is None:
            gone(f"{resource.kind.lower()}/{name}")
        else:
            body = {"apiVersion": resource.api_version, "kind": resource.kind, **new}
            changes.put_nowait(FoundBoot(resource, body))

    return changed
