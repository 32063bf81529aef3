"""What a Boot leaves open, row by row (contract 1.2, 3.6, 3.7): persisted in its spec, and what then runs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.codec import Json
from scenario.boots.contract import app, becomes, changed, deployment, pod, put_up, stand
from scenario.boots.stage import Cluster, Running, boots

CONFIG = """
base:
  settings: {prometheusScrape: false}
  app: {port: 9000, replicas: 3, health: /up, subDomain: shop}
whole: {app: {resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 100m, memory: 256Mi}}}}
half: {app: {resources: {limits: {memory: 1Gi}}}}
pinned: {app: {nodeSelector: {disk: ssd, zone: a}}}
"""


@pytest.fixture(scope="module")
async def operator(cluster: Cluster) -> AsyncIterator[Running]:
    async with stand(cluster, CONFIG) as started:
        yield started


OPEN = {"port": 9000, "replicas": 3, "health": "/up", "prometheus": "false", "subDomain": "shop"}
FIELDS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("open", "base", {}, OPEN),
    ("zero", "base", {"replicas": 0, "health": ""}, {**OPEN, "replicas": 0, "health": ""}),
    ("own", "base", {"port": 81, "prometheus": "true"}, {**OPEN, "port": 81, "prometheus": "true"}),
    ("empty", "base", {"prometheus": "", "subDomain": ""}, OPEN),
    ("builtin", "", {}, {"port": 8080, "replicas": 1, "health": "/health", "prometheus": "true"}),
    ("type", "python", {}, {"port": 8080, "replicas": 1, "health": "/health", "prometheus": "true"}),
    ("typo", "bass", {}, {"port": 8080, "replicas": 1, "health": "/health", "prometheus": "true"}),
]


@pytest.mark.parametrize(("name", "profile", "own", "filled"), FIELDS, ids=[row[0] for row in FIELDS])
async def test_open_fields_are_filled_from_the_config(
    operator: Running, name: str, profile: str, own: dict[str, Any], filled: dict[str, Any]
) -> None:
    boot = await put_up(operator, f"field-{name}", profile=profile, **own)
    assert boot["spec"] == {"image": "harbor/sample", "version": "1.0", **filled}


WHOLE = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "256Mi"}}
RESOURCES: list[tuple[str, str, Json | None, Json]] = [
    ("none", "whole", None, WHOLE),
    ("parts", "whole", {"requests": {"cpu": "50m"}}, {
        **WHOLE, "requests": {"cpu": "50m", "memory": "256Mi"}}),
    ("zero", "whole", {"limits": {"cpu": "0", "memory": "2Gi"}}, {
        **WHOLE, "limits": {"cpu": "1", "memory": "2Gi"}}),
    ("capped", "whole", {"limits": {"memory": "128Mi"}}, {
        "limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}}),
    ("own-request", "whole", {"requests": {"cpu": "2", "memory": "8Gi"}}, {
        "limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}),
    ("gpu", "whole", {"limits": {"nvidia.com/gpu": "2"}}, {
        **WHOLE, "limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "2"}}),
    ("half", "half", {"requests": {"cpu": "10m"}}, {"limits": {"memory": "1Gi"}, "requests": {"cpu": "10m"}}),
    ("half-gpu", "half", {"limits": {"cpu": "2"}}, {"limits": {"cpu": "2", "memory": "1Gi"}}),
    ("nothing", "", {"limits": {"cpu": "500m"}}, {"limits": {"cpu": "500m"}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "profile", "own", "wanted"), RESOURCES, ids=[row[0] for row in RESOURCES])
async def test_resources_are_filled_part_by_part(
    operator: Running, name: str, profile: str, own: Json | None, wanted: Json
) -> None:
    name = f"amount-{name}"
    spec: dict[str, Any] = {"resources": own} if own else {}
    boot = await put_up(operator, name, profile=profile, **spec)
    live = await deployment(operator, name)
    for part in ("limits", "requests"):
        said, runs = boot["spec"]["resources"].get(part, {}), app(live)["resources"].get(part, {})
        assert {key: str(value) for key, value in said.items()} == wanted.get(part, {})
        assert said.keys() == runs.keys()


async def test_a_node_selector_of_the_config_is_forced_and_stays(operator: Running) -> None:
    empty = await put_up(operator, "nodes-empty", profile="pinned")
    assert empty["spec"]["nodeSelector"] == {"disk": "ssd", "zone": "a"}
    own = await put_up(operator, "nodes-own", profile="pinned", nodeSelector={"disk": "hdd", "own": "x"})
    assert own["spec"]["nodeSelector"] == {"disk": "ssd", "zone": "a", "own": "x"}
    assert pod(await deployment(operator, "nodes-own"))["nodeSelector"] == own["spec"]["nodeSelector"]
    again = await changed(operator, "nodes-own", nodeSelector={"disk": "tape", "own": None})
    assert again["spec"]["nodeSelector"] == {"disk": "ssd", "zone": "a"}

    await operator.cluster.configure(operator.options.namespace, CONFIG.replace(", zone: a", ""))
    await becomes(
        operator, boots(), "nodes-own",
        lambda boot: any(
            (one["type"], one["status"]) == ("ConfigCurrent", "False") for one in boot["status"]["conditions"]
        ),
    )  # fmt: skip
    kept = await changed(operator, "nodes-own", version="2.0")
    assert kept["spec"]["nodeSelector"] == {"disk": "ssd", "zone": "a"}
    gone = await changed(operator, "nodes-own", version="3.0", nodeSelector={"zone": None})
    assert gone["spec"]["nodeSelector"] == {"disk": "ssd"}
