"""`havok history`: the revisions of an app."""

from typing import Annotated, Final

import typer

from havok.boots import names, revisions
from havok.cli import options
from havok.cli.connect import Target, connected, find_boot, run
from havok.cli.kinds import split_words
from havok.cli.output import Column, objects, parse_format, table
from havok.cli.revision import changes, history_of
from havok.clock import age, parse_rfc3339, utcnow
from havok.crds import BootRevision

COLUMNS: Final = (
    Column("REVISION"), Column("PHASE"), Column("VERSION"), Column("AGE"), Column("BY"), Column("CHANGED"),
    Column("REASON"), Column("CONFIG", wide=True),
)  # fmt: skip


def history(
    context: typer.Context,
    what: Annotated[list[str], typer.Argument(metavar="NAME", help="option.boot")],
    namespace: options.Namespace = None,
    output: options.Output = "table",
    no_headers: options.NoHeaders = False,
    context_name: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
) -> None:
    console = options.console_of(context)
    form = parse_format(output)
    resources, found_names = split_words(what)

    async def work() -> None:
        async with connected(Target(namespace, context_name, kubeconfig)) as cluster:
            boot = await find_boot(cluster, found_names[0], resources)
            found = await history_of(cluster, boot)
            if not form.for_people:
                console.data(objects([whole for _, whole in found], form, single=False))
            elif found:
                entries = [one for one, _ in found]
                rows = [_row(one, before) for before, one in zip([None, *entries], entries, strict=False)]
                console.data(table(COLUMNS, rows, wide=form.kind == "wide", headers=not no_headers))
            else:
                console.hint("history.none", name=boot.name)

    run(work)


def _row(one: BootRevision, before: BootRevision | None) -> tuple[str, ...]:
    meta = one.metadata
    restored, reason = meta.annotation(names.RESTORED), meta.annotation(names.REASON)
    fields = [change.path.removeprefix("spec.") for change in changes(before, one)] if before else []
    return (
        str(revisions.number(one)),
        revisions.phase(one),
        one.spec.version,
        age(parse_rfc3339(meta.creation_timestamp), utcnow()) if meta.creation_timestamp else "",
        meta.annotation(names.CHANGED_BY),
        ", ".join(fields[:4]) + (" …" if len(fields) > 4 else ""),
        f"= {restored} {reason}".strip() if restored else reason,
        meta.annotation(names.CONFIG_HASH),
    )
