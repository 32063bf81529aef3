"""The controller that the documentation writes, as it stands there, on the real API server."""

import asyncio
import re
from base64 import b64encode
from pathlib import Path

import pytest
import yaml

from havok.kube import Cache, Client
from havok.kube.resources import CONFIGMAPS, NAMESPACES
from havok.kube.views import ConfigMap
from support.controlplane import ControlPlane
from support.observed import Changes, running

ROOT = Path(__file__).resolve().parents[3]
PAGES = ["docs/how-to/write-a-controller.md", "docs/zh/how-to/write-a-controller.md"]


def program(page: str) -> str:
    """The one program of a page, without its last line, which would start a loop of its own."""
    (found,) = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S)
    *lines, start = found.strip().splitlines()
    assert start == "asyncio.run(main())"
    assert len([line for line in lines if line.strip()]) <= 30
    return "\n".join(lines)


def test_both_languages_have_the_same_program() -> None:
    assert program(PAGES[0]) == program(PAGES[1])


async def test_the_program_of_the_page_does_what_the_page_says(
    client: Client,
    control_plane: ControlPlane,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written(control_plane, tmp_path)))
    names: dict[str, object] = {}
    exec(compile(program(PAGES[0]), PAGES[0], "exec"), names)  # noqa: S102
    cache = Cache(client, CONFIGMAPS, view=ConfigMap, namespace=namespace)
    changes = Changes(cache)

    def contact() -> str | None:
        found = cache.get(namespace, "contact")
        return None if found is None else found.data["team"]

    async with running(cache):
        controller = asyncio.create_task(names["main"]())  # type: ignore[operator]
        try:
            await label(client, namespace, "red")
            await changes.until(lambda: contact() == "red")
            await label(client, namespace, "blue")
            await changes.until(lambda: contact() == "blue")
            await client.patch(CONFIGMAPS, "contact", namespace, body={"data": {"team": "black"}})
            await changes.until(lambda: any(new and new.data["team"] == "black" for _, new in changes.seen))
            await changes.until(lambda: contact() == "blue")
            await client.delete(CONFIGMAPS, "contact", namespace)
            await changes.until(lambda: any(new is None for _, new in changes.seen))
            await changes.until(lambda: contact() == "blue")
        finally:
            controller.cancel()
            await asyncio.gather(controller, return_exceptions=True)


def written(plane: ControlPlane, folder: Path) -> Path:
    """A kubeconfig of the administrator."""
    access = plane.access()
    cluster = {"server": access.server, "certificate-authority-data": b64encode(access.ca).decode()}
    pair = access.credentials
    user = {
        "client-certificate-data": b64encode(pair.certificate).decode(),
        "client-key-data": b64encode(pair.key).decode(),
    }
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


async def label(client: Client, namespace: str, team: str) -> None:
    await client.patch(NAMESPACES, namespace, body={"metadata": {"labels": {"example.org/team": team}}})
