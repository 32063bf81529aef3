"""The client against a real API server."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from havok.kube import (
    Access,
    AlreadyExists,
    Client,
    Conflict,
    Credentials,
    Forbidden,
    Impersonation,
    Invalid,
    KubeError,
    NotFound,
    Unauthorized,
)
from havok.kube.resources import CLUSTERROLEBINDINGS, CLUSTERROLES, CONFIGMAPS, NAMESPACES, NODES, PODS
from havok.kube.views import ConfigMap, Namespace, PartialObject
from support.controlplane import ControlPlane


def config(name: str, namespace: str, **data: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


async def test_objects_are_made_read_changed_and_deleted(client: Client, namespace: str) -> None:
    await client.create(CONFIGMAPS, config("one", namespace, a="1"))
    await client.patch(CONFIGMAPS, "one", namespace, body={"data": {"b": "2"}})
    read = await client.get(CONFIGMAPS, "one", namespace, view=ConfigMap)
    assert read.data == {"a": "1", "b": "2"}
    await client.delete(CONFIGMAPS, "one", namespace, uid=read.metadata.uid)
    with pytest.raises(NotFound) as caught:
        await client.get(CONFIGMAPS, "one", namespace)
    assert caught.value.code == "kube.notfound"
    assert '"one" not found' in caught.value.message


async def test_models_and_structs_are_written_like_dicts(client: Client, namespace: str) -> None:
    class Model:
        def to_dict(self) -> dict[str, object]:
            return config("model", namespace, a="1")

    await client.create(CONFIGMAPS, Model())

    class Meta(msgspec.Struct):
        name: str
        labels: dict[str, str] | None = None

    class Mine(msgspec.Struct):
        metadata: Meta
        data: dict[str, str]

    await client.create(CONFIGMAPS, Mine(Meta("struct"), {"a": "2"}), namespace)
    listing = await client.list(CONFIGMAPS, namespace, view=ConfigMap)
    assert {one.metadata.name: one.data["a"] for one in listing.items} == {"model": "1", "struct": "2"}


async def test_a_long_list_comes_in_pages_and_is_whole(client: Client, namespace: str) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(25):
            group.create_task(client.create(CONFIGMAPS, config(f"c-{number:02}", namespace)))
    listing = await client.list(CONFIGMAPS, namespace, view=PartialObject, limit=7)
    assert sorted(one.metadata.name for one in listing.items) == [f"c-{number:02}" for number in range(25)]
    assert int(listing.resource_version) > 0


async def test_selectors_choose(client: Client, namespace: str) -> None:
    for name, color in (("a", "red"), ("b", "blue")):
        body = {"metadata": {"name": name, "labels": {"color": color}}}
        await client.create(CONFIGMAPS, body, namespace)
    red = await client.list(CONFIGMAPS, namespace, view=PartialObject, labels="color=red")
    named = await client.list(CONFIGMAPS, namespace, view=PartialObject, fields="metadata.name=b")
    assert [one.metadata.name for one in red.items] == ["a"]
    assert [one.metadata.name for one in named.items] == ["b"]


async def test_one_object_that_does_not_fit_the_view_loses_no_list(client: Client, namespace: str) -> None:
    class Numbers(msgspec.Struct):
        metadata: dict[str, object]
        data: dict[str, int]

    class Lax(msgspec.Struct):
        data: dict[str, str]

    await client.create(CONFIGMAPS, config("text", namespace, a="no number"))
    strict = await client.list(CONFIGMAPS, namespace, view=Numbers)
    lax = await client.list(CONFIGMAPS, namespace, view=Lax)
    assert (len(strict.items), strict.undecodable) == (0, 1)
    assert (len(lax.items), lax.undecodable) == (1, 0)


async def test_refusals_are_typed_and_say_what_is_wrong(client: Client, namespace: str) -> None:
    await client.create(CONFIGMAPS, config("taken", namespace))
    with pytest.raises(AlreadyExists) as exists:
        await client.create(CONFIGMAPS, config("taken", namespace))
    with pytest.raises(Invalid) as invalid:
        await client.create(CONFIGMAPS, config("Not_A_Name", namespace))
    stale = {"metadata": {"resourceVersion": "1"}, "data": {"a": "b"}}
    with pytest.raises(Conflict) as conflict:
        await client.patch(CONFIGMAPS, "taken", namespace, body=stale)
    with pytest.raises(Conflict):
        await client.delete(CONFIGMAPS, "taken", namespace, uid="another")
    assert exists.value.exit_code == 5
    assert invalid.value.exit_code == 2
    assert "metadata.name" in invalid.value.message
    assert "object has been modified" in conflict.value.message


async def test_dry_run_changes_nothing(client: Client, namespace: str) -> None:
    await client.create(CONFIGMAPS, config("dry", namespace), dry_run=True)
    await client.apply(CONFIGMAPS, config("dry", namespace), field_manager="test", dry_run=True)
    assert not (await client.list(CONFIGMAPS, namespace)).items


async def test_who_we_are_decides_what_we_may(client: Client, control_plane: ControlPlane) -> None:
    server, ca = control_plane.server, control_plane.authority.certificate
    stranger = Access(server=server, ca=ca, credentials=Credentials(token="nobody"))
    async with Client(stranger) as unknown:
        with pytest.raises(Unauthorized) as unauthorized:
            await unknown.list(PODS, "default")
    viewer = Access(server=server, ca=ca, credentials=Credentials(token="token-of-viewer"))
    async with Client(viewer) as known:
        with pytest.raises(Forbidden) as forbidden:
            await known.list(PODS, "default")
    assert unauthorized.value.exit_code == forbidden.value.exit_code == 4
    assert 'User "viewer" cannot list resource "pods"' in forbidden.value.message


async def test_acting_as_a_person_has_that_persons_rights(client: Client, namespace: str) -> None:
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]
    await client.apply(CLUSTERROLES, {"metadata": {"name": "nodes"}, "rules": rules}, field_manager="test")
    group = {"kind": "Group", "name": "ops", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "nodes", "apiGroup": "rbac.authorization.k8s.io"}
    binding = {"metadata": {"name": "ops-nodes"}, "subjects": [group], "roleRef": role}
    await client.apply(CLUSTERROLEBINDINGS, binding, field_manager="test")
    ann = client.acting_as(Impersonation(user="ann", groups=("ops",), extra={"example.org/Team": ("x",)}))
    await ann.list(NODES)
    with pytest.raises(Forbidden) as forbidden:
        await ann.list(PODS, namespace)
    assert 'User "ann"' in forbidden.value.message
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = await ann.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
    assert who["status"]["userInfo"]["extra"] == {"example.org/team": ["x"]}


async def test_a_token_file_is_read_again_when_the_server_refuses_it(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("outdated\n")
    credentials = Credentials(token_file=str(file))
    access = Access(
        server=control_plane.server, ca=control_plane.authority.certificate, credentials=credentials
    )
    async with Client(access) as client:
        with pytest.raises(Unauthorized):
            await client.list(PODS, "default")
        file.write_text("token-of-viewer\n")
        with pytest.raises(Forbidden):
            await client.list(PODS, "default")


async def test_trust_is_checked_unless_told_otherwise(control_plane: ControlPlane) -> None:
    good = control_plane.access()
    strange = msgspec.structs.replace(good, ca=b"")
    async with Client(strange) as client:
        with pytest.raises(KubeError) as untrusted:
            await client.version()
    async with Client(msgspec.structs.replace(strange, insecure=True)) as client:
        assert (await client.version())["major"] == "1"
    async with Client(msgspec.structs.replace(good, tls_server_name="kubernetes.default.svc")) as client:
        await client.version()
    async with Client(msgspec.structs.replace(good, tls_server_name="other.example")) as client:
        with pytest.raises(KubeError) as other:
            await client.version()
    assert (untrusted.value.code, other.value.code) == ("kube.tls.untrusted", "kube.tls.name")


async def test_kinds_can_be_asked_for(client: Client) -> None:
    assert await client.exists(NAMESPACES)
    assert not await client.exists(msgspec.structs.replace(NAMESPACES, group="none.example"))


async def test_a_stream_delivers_blocks_until_it_is_left(client: Client, namespace: str) -> None:
    path = CONFIGMAPS.path(namespace)
    async with client.stream(path, {"watch": "true"}) as blocks:
        await client.create(CONFIGMAPS, config("seen", namespace))
        assert b'"seen"' in await anext(blocks)
    with pytest.raises(NotFound):
        async with client.stream("/api/v1/nothing", {"watch": "true"}):
            pytest.fail("there is no such stream")


async def test_a_pod_without_a_node_has_an_empty_log(client: Client, namespace: str) -> None:
    spec = {"containers": [{"name": "c", "image": "none"}]}
    await client.create(PODS, {"metadata": {"name": "p"}, "spec": spec}, namespace)
    assert [block async for block in client.logs("p", namespace)] == []
    with pytest.raises(NotFound):
        _ = [block async for block in client.logs("q", namespace)]


async def test_views_read_what_the_server_sends(client: Client) -> None:
    listing = await client.list(NAMESPACES, view=Namespace)
    assert any(one.metadata.name == "default" and one.status.phase == "Active" for one in listing.items)
