"""The table of contract 3.11: what becomes of the env of a Boot and of the config, event by event."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from havok.boots import names
from havok.codec import Json, decode_json, encode_json
from havok.kube import Denied
from havok.kube.resources import DEPLOYMENTS
from scenario.boots.admitting import admission
from scenario.boots.contract import app, becomes, changed, deployment, put_up
from scenario.boots.stage import Cluster, Running, boots

FIRST = {"P": "${APP}:${PORT}", "Q": "1"}
SECOND = {**FIRST, "Q": "2", "NEW": "n"}
THIRD = {"P": FIRST["P"]}


@pytest.fixture(scope="module")
async def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    namespace = await cluster.new_namespace()
    async with admission(cluster, namespace, tmp_path_factory.mktemp("webhook")) as started:
        yield started


@pytest.fixture(autouse=True)
async def first_config(operator: Running) -> None:
    await in_force(operator, FIRST)


async def in_force(operator: Running, env: dict[str, str]) -> None:
    """Write the central config and wait until Boots are filled from it; each look is a request."""
    entries = [{"name": name, "value": value} for name, value in env.items()]
    text = encode_json({"java": {"app": {"env": entries}}}).decode()
    await operator.cluster.configure(operator.options.namespace, text)
    wanted = {**env, "P": "probe:8080"}
    while {one["name"]: one["value"] for one in await tried(operator)} != wanted:
        pass


async def tried(operator: Running) -> list[Json]:
    body = {"metadata": {"name": "probe"}, "spec": {"image": "a", "version": "1"}}
    client = operator.cluster.client
    try:
        made = await client.create(boots(), body, operator.options.namespace, dry_run=True)
    except Denied:  # filled from the one config and judged by the next
        return []
    found: list[Json] = made["spec"].get("env", [])
    return found


def pairs(obj: Json) -> list[tuple[str, str]]:
    """Names and values of the env of a Boot or of a workload."""
    env = app(obj).get("env", []) if obj["kind"] == "Deployment" else obj["spec"].get("env", [])
    return [(one["name"], one.get("value", "")) for one in env]


async def change(operator: Running, name: str, **spec: Any) -> Json:
    return await operator.cluster.change(operator.options.namespace, name, **spec)


async def test_created_without_env_it_has_that_of_the_config(operator: Running) -> None:
    boot = await put_up(operator, "bare")
    assert pairs(boot) == [("P", "bare:8080"), ("Q", "1")]
    assert pairs(await deployment(operator, "bare")) == pairs(boot)
    told = boot["metadata"]["annotations"]
    assert told[names.ENV_STATE] == "generated"
    assert decode_json(told[names.LAST_ENV]) == boot["spec"]["env"]
    assert told[names.LAST_IMAGE] == "harbor/sample:1.0"


async def test_created_with_a_config_name_only_the_same_value_is_accepted(operator: Running) -> None:
    same = [{"name": "Q", "value": "1"}, {"name": "OWN", "value": "${APP}"}]
    boot = await put_up(operator, "same", env=same)
    assert pairs(boot) == [("Q", "1"), ("OWN", "same"), ("P", "same:8080")]
    with pytest.raises(Denied, match='env Q is set by the central config to "1" and cannot be another'):
        await put_up(operator, "other", env=[{"name": "Q", "value": "0"}])


async def test_own_env_is_added_edited_and_removed(operator: Running) -> None:
    of_config = (await put_up(operator, "person"))["spec"]["env"]
    await change(operator, "person", env=[*of_config, {"name": "A", "value": "1"}])
    await runs(operator, "person", [("P", "person:8080"), ("Q", "1"), ("A", "1")])
    await change(operator, "person", env=[{"name": "A", "value": "${ENV}"}, *of_config])
    await runs(operator, "person", [("A", "test"), ("P", "person:8080"), ("Q", "1")])
    await change(operator, "person", env=of_config)
    await runs(operator, "person", [("P", "person:8080"), ("Q", "1")])


async def runs(operator: Running, name: str, env: list[tuple[str, str]]) -> None:
    await becomes(operator, DEPLOYMENTS, name, lambda one: pairs(one) == env)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ([{"name": "P", "value": "kept:8080"}], "env Q is set by the central config and cannot be deleted"),
        ([{"name": "P", "value": "x"}, {"name": "Q", "value": "1"}], "cannot be another"),
    ],
    ids=["deleted", "edited"],
)
async def test_env_of_the_config_is_neither_deleted_nor_edited(
    operator: Running, env: list[Json], words: str
) -> None:
    name = f"kept-{len(env)}"
    await put_up(operator, name)
    with pytest.raises(Denied, match=words):
        await change(operator, name, env=env)


@pytest.mark.parametrize(
    ("name", "trigger"),
    [
        ("version", {"version": "2.0"}),
        ("image", {"image": "harbor/other"}),
        # the person keeps what the config said before and adds one
        (
            "env",
            {"env": [{"name": "P", "value": "late-env:8080"}, {"name": "Q", "value": "1"}, {"name": "A"}]},
        ),
    ],
)
async def test_a_changed_config_waits_for_the_next_env_or_image(
    operator: Running, name: str, trigger: Json
) -> None:
    name = f"late-{name}"
    before = await put_up(operator, name)
    template = (await deployment(operator, name))["spec"]["template"]
    await in_force(operator, SECOND)
    scaled = await changed(operator, name, replicas=2)
    assert pairs(scaled) == pairs(before)
    assert (await deployment(operator, name))["spec"]["template"] == template
    boot = await changed(operator, name, **trigger)
    assert {("P", f"{name}:8080"), ("Q", "2"), ("NEW", "n")} <= set(pairs(boot))
    assert pairs(await deployment(operator, name)) == pairs(boot)


async def test_env_that_the_config_no_longer_has_stays_until_the_person_deletes_it(operator: Running) -> None:
    await put_up(operator, "left")
    await in_force(operator, THIRD)
    boot = await changed(operator, "left", version="2.0")
    assert pairs(boot) == [("P", "left:8080"), ("Q", "1")]
    boot = await changed(operator, "left", env=[{"name": "P", "value": "left:8080"}])
    assert pairs(boot) == [("P", "left:8080")]


async def test_remembered_env_is_compared_by_value_and_not_by_text(operator: Running) -> None:
    boot = await put_up(operator, "text", env=[{"name": "T", "value": "<a&b>"}])
    told = boot["metadata"]["annotations"][names.LAST_ENV]
    assert "\\u003ca\\u0026b\\u003e" in told
    loose = told.replace("\\u003c", "<").replace('":', '": ')
    body = {"metadata": {"annotations": {names.LAST_ENV: loose}}}
    client, namespace = operator.cluster.client, operator.options.namespace
    await client.patch(boots(), "text", namespace, body=body)
    await changed(operator, "text", replicas=2)
    after = await client.get(boots(), "text", namespace)
    assert after["metadata"]["annotations"][names.LAST_ENV] == loose
    assert pairs(after) == pairs(boot)
