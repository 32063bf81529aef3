"""`havok diff`: what changed between two revisions of an app."""

from typing import Annotated

import typer

from havok.boots import revisions
from havok.cli import options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.kinds import split_words
from havok.cli.revision import changes, history_of, pick


def diff(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME", help="option.boot")],
    first: Annotated[int | None, typer.Argument(metavar="A", help="diff.first")] = None,
    second: Annotated[int | None, typer.Argument(metavar="B", help="diff.second")] = None,
    namespace: options.Namespace = None,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    resources, names = split_words([what])

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boot = await find_boot(cluster, names[0], resources)
            history = [one for one, _ in await history_of(cluster, boot)]
            if first is None and len(history) < 2:
                console.hint("diff.one", name=boot.name)
                return
            before = pick(history, first, boot) if first is not None else history[-2]
            after = pick(history, second, boot) if second is not None else history[-1]
            found = changes(before, after)
            values = {"before": revisions.number(before), "after": revisions.number(after)}
            console.hint("diff.head" if found else "diff.same", name=boot.name, **values)
            if found:
                console.data("\n".join(one.line for one in found))

    run(work)
