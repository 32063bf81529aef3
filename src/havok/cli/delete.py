"""`havok delete`: delete apps; Kubernetes removes what was made for them."""

from typing import Annotated

import typer

from havok.cli import options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.kinds import split_words
from havok.errors import NotFoundError
from havok.kube import NotFound


def delete(
    context: typer.Context,
    what: Annotated[list[str], typer.Argument(metavar="NAME", help="option.boots")],
    namespace: options.Namespace = None,
    yes: options.Yes = False,
    ignore_missing: Annotated[bool, typer.Option("--ignore-not-found", help="delete.ignore")] = False,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    resources, names = split_words(what)

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boots = []
            for name in dict.fromkeys(names):
                try:
                    boots.append(await find_boot(cluster, name, resources))
                except NotFoundError as error:
                    if not ignore_missing or error.code != "cli.boot.missing":
                        raise
            labels = {id(boot): f"{boot.resource.kind.lower()}/{boot.name}" for boot in boots}
            question = console.say(
                "delete.ask", boots=", ".join(labels.values()), namespace=cluster.namespace
            )
            if boots and not yes and not console.confirm(question, flag="--yes"):
                console.hint("delete.kept")
                raise typer.Exit(1)
            for boot in boots:
                uid = boot.object["metadata"]["uid"]
                try:
                    await cluster.client.delete(boot.resource, boot.name, cluster.namespace, uid=uid)
                except NotFound:
                    continue
                console.hint("delete.deleted", boot=labels[id(boot)])

    run(work)
