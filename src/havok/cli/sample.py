"""`havok sample`: build a sample, put it into the local cluster and wait until it answers."""

from typing import Annotated

import typer

from havok.cli.cluster import Name
from havok.cli.commands import nearest
from havok.cli.options import console_of
from havok.errors import UsageError
from havok.settings import Settings


def sample(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="sample.kind")] = "java",
    version: Annotated[str, typer.Option("--version", metavar="TAG", help="sample.version")] = "1.0",
    name: Name = "default",
) -> None:
    from havok.cli.deploy import deploy
    from havok.localcluster import cluster, samples

    console = console_of(context)
    settings = Settings.load()
    if kind not in samples.NAMES:
        known = nearest(kind, list(samples.NAMES)) or ", ".join(samples.NAMES)
        raise UsageError(
            "cli.sample.kind", f"there is no sample called {kind}", f"try {known}", kind=kind, known=known
        )
    kubeconfig = cluster.kubeconfig_path(name, settings=settings)
    console.hint("sample.building", name=samples.NAMES[kind])
    archive = samples.build(kind, version, settings=settings)
    cluster.push_image(name, archive, settings=settings)
    deploy(context, [samples.manifest(kind)], version=version, kubeconfig=str(kubeconfig))
    console.hint("sample.next", kubeconfig=kubeconfig)
