"""`havok top`: what the pods of apps use now, from the cluster's metrics server."""

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Final

import typer

from havok.boots.quantity import amount
from havok.cli import options
from havok.cli.connect import Cluster, Target, connected, find_boots, run
from havok.cli.kinds import BOOTS, split_words
from havok.cli.output import Column, objects, parse_format, table
from havok.errors import HavokError
from havok.kube import NotFound, Unavailable
from havok.kube.resources import POD_METRICS

HEADS: Final = (Column("NAMESPACE"), Column("BOOT"), Column("POD"), Column("CPU"), Column("MEMORY"))


def top(
    context: typer.Context,
    what: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="option.boots")] = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    output: options.Output = "table",
    no_headers: options.NoHeaders = False,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    form = parse_format(output, allowed=("table", "json", "yaml", "jsonpath"))
    resources, names = split_words(what) if what else (BOOTS, [])

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boots = await find_boots(cluster, names, resources)
            labels = [boot.selector for boot in boots] or ["app=havok,bootName"]
            where = None if all_namespaces else cluster.namespace
            items = [item for one in labels for item in await measured(cluster, where, one)]
            if not form.for_people:
                console.data(objects(items, form, single=False))
            elif items:
                console.data(_table(items, namespaces=all_namespaces, headers=not no_headers))
            else:
                console.hint("top.none")

    run(work)


async def measured(cluster: Cluster, namespace: str | None, labels: str) -> list[dict[str, Any]]:
    """The PodMetrics of pods with these labels. Raises HavokError `cli.top.unavailable`."""
    try:
        listing = await cluster.client.list(POD_METRICS, namespace, view=dict, labels=labels)
    except (NotFound, Unavailable) as error:
        raise HavokError(
            "cli.top.unavailable",
            "this cluster does not measure its pods: the metrics server is missing or not ready",
            "on a local cluster it answers a minute after `havok up`; elsewhere install metrics-server",
        ) from error
    items: list[dict[str, Any]] = listing.items
    return items


def _table(items: Iterable[dict[str, Any]], *, namespaces: bool, headers: bool) -> str:
    rows = sorted(usage_row(item) for item in items)
    first = 0 if namespaces else 1
    return table(HEADS[first:], [row[first:] for row in rows], headers=headers)


def usage_row(item: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """NAMESPACE, BOOT, POD, CPU, MEMORY of one PodMetrics, its containers added up."""
    metadata = item["metadata"]
    sums = {"cpu": Decimal(0), "memory": Decimal(0)}
    for container in item.get("containers") or ():
        for name in sums:
            sums[name] += amount((container.get("usage") or {}).get(name, 0)) or 0
    boot = (metadata.get("labels") or {}).get("bootName", "")
    return metadata["namespace"], boot, metadata["name"], cores(sums["cpu"]), mebibytes(sums["memory"])


def cores(value: Decimal) -> str:
    """CPU as kubectl top shows it: `250m`, rounded up, so that what runs never reads 0."""
    return f"{math.ceil(value * 1000)}m"


def mebibytes(value: Decimal) -> str:
    """Memory in whole Mi, rounded up."""
    return f"{math.ceil(value / 2**20)}Mi"
