"""What a change of the central config reaches, and what is told of it to each Boot."""

from typing import Any

import pytest

from havok.boots import config
from havok.boots.config_news import news
from havok.boots.reach import Reached, environment_of, reached
from havok.crds import Boot, BootSpec
from havok.crds.spec import PersistentVolumeClaimMount
from havok.kube.views import ObjectMeta
from unit.boots.apps import key

OLD = """
java: {app: {replicas: 2}}
vip: {app: {container: {volumeMounts: [{name: logs, mountPath: /logs}]},
            podSpec: {volumes: [{name: logs, emptyDir: {}}]}}}
python: {}
"""


def boot(name: str = "shop", profile: str = "", **spec: Any) -> Boot:
    annotations = {"logan/profile": profile} if profile else {}
    meta = ObjectMeta(name=name, namespace="demo", uid="u", annotations=annotations)
    return Boot(metadata=meta, spec=BootSpec(image="i", version="1", replicas=1, **spec))


def change(one: Boot, new: str, kind: str = "JavaBoot") -> list[Reached]:
    boots = [(key(kind, one.metadata.name), one)]
    return reached(boots, config.parse(OLD, "test"), config.parse(new, "test"))


def test_only_a_boot_whose_objects_would_differ_is_reached() -> None:
    assert change(boot(), OLD.replace("replicas: 2", "replicas: 5")) == []
    new = OLD.replace("java: {", "java: {settings: {registry: r}, ")
    (found,) = change(boot(), new)
    assert (found.label, found.flaw) == ("demo/javaboot/shop", "")
    assert change(boot(), new, "PythonBoot") == []
    assert change(boot(profile="vip"), new) == []


@pytest.mark.parametrize(
    ("new", "profile", "flaw"),
    [
        (OLD.replace("vip:", "vips:"), "vip", "its profile vip is no longer there"),
        (OLD.replace("name: logs, emptyDir", "name: log, emptyDir"), "vip",
         "container app mounts logs, and no volume has that name"),
        ("java: {sideCarContainers: [{name: app, image: a}]}", "", "two containers are called app"),
        ("java: {app: {podSpec: {volumes: [{name: data, emptyDir: {}}]}}}", "",
         "two volumes are called data"),
        ("java: {app: {container: {volumeMounts: [{name: data, mountPath: /data}]}}}", "",
         "container app mounts two volumes at /data"),
    ],
)  # fmt: skip
def test_what_would_not_work_any_more_is_said(new: str, profile: str, flaw: str) -> None:
    claim = PersistentVolumeClaimMount(name="data", mount_path="/data")
    (found,) = change(boot(profile=profile, pvc=(claim,)), new)
    assert found.flaw == flaw


def test_the_environment_follows_the_namespace() -> None:
    assert [environment_of(name, "prod") for name in ("a-dev", "a-auto", "a")] == ["dev", "auto", "prod"]


def test_only_newer_config_of_the_boots_own_block_waits() -> None:
    java, old = key().kind, config.parse("java: {app: {port: 1}}", "test")
    newer = config.parse("java: {app: {port: 2}}", "test")
    other = config.parse("java: {app: {port: 1}}\npython: {app: {port: 3}}", "test")

    def reason(running: config.Platform | None, newest: config.Platform | None, trouble: str = "") -> str:
        return news(java, {}, running=running, newest=newest, trouble=trouble).reason

    assert reason(old, newer) == "NewerConfigWaits"
    assert reason(old, old) == reason(None, newer) == reason(old, other) == "Newest"
    assert reason(old, old, "line 1: odd") == "NewestConfigBroken"
    assert reason(None, None, "line 1: odd") == "ConfigBroken"
    assert news(java, {}, running=old, newest=other, trouble="") == news(
        java, {}, running=old, newest=old, trouble=""
    )
