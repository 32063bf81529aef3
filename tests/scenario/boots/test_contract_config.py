"""The central config row by row (contract 2.2 to 2.7): each row is a profile, and a Boot that has it.

What is persisted is read from the answer to a dry-run create, what is rendered from the workload. The config
lies in a ConfigMap of another name than the usual one (2.1, CONFIGMAP_NAME).
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from havok.boots import config, names
from havok.codec import Json
from havok.kube import Denied, Invalid
from havok.kube.resources import CONFIGMAPS
from scenario.boots.admitting import admission
from scenario.boots.contract import app, changed, deployment, pod, put_up
from scenario.boots.stage import Cluster, Running, boots
from scenario.cli.shell import Done, Shell, write_kubeconfig
from support.binaries import binary
from support.controlplane import ControlPlane

MAP = "ours"
CONFIG = """
java: {app: {port: 9000, nodeSelector: {of: java}}}
web: {}
overridden:
  app: {port: 1, replicas: 3, health: /h, subDomain: base, nodeSelector: {disk: ssd, zone: a},
        resources: {limits: {cpu: 1, memory: 1Gi}}, env: [{name: A, value: "1"}, {name: B, value: "2"}],
        podSpec: {tolerations: [{key: a}, {key: b}], dnsPolicy: Default, securityContext: {runAsUser: 1}}}
  oEnvs:
    app:
      test: {port: 2, replicas: 5, health: /t, subDomain: own, nodeSelector: {zone: b, more: c},
             resources: {limits: {cpu: 2}}, env: [{name: C, value: "3"}, {name: A, value: "9"}],
             podSpec: {tolerations: [{key: c}], securityContext: {runAsGroup: 2}}}
      prod: {port: 3}
zeros:
  app: {port: 5, replicas: 3, health: /h, podSpec: {tolerations: [{key: a}]}}
  oEnvs: {app: {test: {port: 0, replicas: 0, health: "", podSpec: {tolerations: []}}}}
low: {app: {port: -1, replicas: -2, health: ""}}
apart: {app: {replicas: 2}}
otherEnv: {app: {port: 7}, oEnvs: {app: {prod: {port: 8}}}}
CASES: {APP: {Port: 6, prot: 8}, SidecarServices: [{name: a, port: 1}]}
doubled: {app: {port: 1, port: 11}}
settingsEnv:
  settings: {registry: block.example, prometheusScrape: true, appHealthPort: 1}
  app: {settings: {registry: app.example}}
  oEnvs: {app: {test: {settings: {registry: env.example, prometheusScrape: false}}}}
settingsBlock:
  settings: {registry: block.example}
  app: {settings: {registry: app.example, appHealthPort: 7}}
settingsApp: {app: {settings: {registry: app.example, prometheusScrape: false}}}
quirk:
  app: {settings: {prometheusScrape: true}}
  oEnvs: {app: {test: {settings: {prometheusScrape: false}}}}
injected:
  settings: {registry: "r:5000"}
  sideCarContainers: [{name: side, image: "${REGISTRY}/side", ports: [{containerPort: 90, name: side}],
                       env: [{name: A, value: "1"}, {name: B, value: "${APP}"}]}]
  app: {podSpec: {initContainers: [{name: first, image: "${REGISTRY}/first", env: [{name: I, value: x}]}]}}
  oEnvs: {side: {test: {image: no, env: [{name: A, value: "${ENV}"}, {name: N, value: new}]}},
          first: {test: {env: [{name: I, value: "${APP}:${PORT}"}]}}}
bare: {sideCarContainers: [{name: side, image: "${REGISTRY}/side"}]}
variables:
  app:
    env: [{name: ALL, value: "${APP}-${ENV}-${PORT}"}, {name: KEPT, value: "$${APP} ${app} ${REGISTRY}"}]
    container: {args: ["${APP}"], volumeMounts: [{name: "${APP}-d", mountPath: "/d"}]}
    podSpec: {volumes: [{name: "${APP}-d", emptyDir: {}},
                        {name: claim, persistentVolumeClaim: {claimName: "${APP}-${ENV}"}},
                        {name: text, configMap: {name: cm-fixed, items: [{key: "${APP}", path: p}]}}]}
typo: {apps: {}}
---
java: {app: {port: 1}}
"""


@pytest.fixture(scope="module")
async def operator(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    namespace = await cluster.new_namespace()
    await write(cluster, namespace, CONFIG)
    folder = tmp_path_factory.mktemp("webhook")
    async with admission(cluster, namespace, folder, config_map=MAP) as started:
        yield started


async def write(cluster: Cluster, namespace: str, text: str, *, dry_run: bool = False) -> Json:
    body = {"metadata": {"name": MAP, "namespace": namespace}, "data": {"config.yaml": text}}
    return await cluster.client.apply(CONFIGMAPS, body, field_manager="person", dry_run=dry_run, force=True)


async def filled(operator: Running, profile: str, kind: str = "JavaBoot", **own: Any) -> Json:
    """The spec of a Boot as a create would store it."""
    metadata = {"name": "probe", "annotations": {names.PROFILE: profile} if profile else {}}
    body = {"metadata": metadata, "spec": {"image": "a", "version": "1", **own}}
    client, namespace = operator.cluster.client, operator.options.namespace
    found: Json = (await client.create(boots(kind), body, namespace, dry_run=True))["spec"]
    return found


FILLED: list[tuple[str, str, Json]] = [
    ("scalars-of-the-environment-win", "overridden", {
        "port": 2, "replicas": 5, "health": "/t", "subDomain": "own"}),
    ("env-by-name-in-place-and-new-ones-last", "overridden", {"env": [
        {"name": "A", "value": "9"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]}),
    ("maps-key-by-key", "overridden", {
        "nodeSelector": {"disk": "ssd", "zone": "b", "more": "c"},
        "resources": {"limits": {"cpu": 2, "memory": "1Gi"}}}),
    ("zeros-do-not-override", "zeros", {"port": 5, "replicas": 3, "health": "/h"}),
    ("zeros-and-less-are-the-built-in", "low", {"port": 8080, "replicas": 1, "health": "/health"}),
    ("a-profile-is-no-child-of-its-type", "apart", {"port": 8080, "replicas": 2}),
    ("another-environment-does-not-count", "otherEnv", {"port": 7}),
    ("keys-in-any-case", "CASES", {"port": 6}),
    ("the-last-of-doubled-keys", "doubled", {"port": 11}),
    ("the-first-document-alone", "", {"port": 9000, "nodeSelector": {"of": "java"}}),
    ("a-type-is-no-profile", "web", {"port": 9000}),
    ("an-unknown-profile-is-the-type", "nobody", {"port": 9000}),
    ("false-of-the-environment", "settingsEnv", {"prometheus": "false"}),
    ("true-of-the-app-without-block-settings", "quirk", {"prometheus": "true"}),
    ("scraped-when-nothing-is-said", "settingsBlock", {"prometheus": "true"}),
    ("false-of-the-app", "settingsApp", {"prometheus": "false"}),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "wanted"), [row[1:] for row in FILLED], ids=[row[0] for row in FILLED])
async def test_blocks_are_merged(operator: Running, profile: str, wanted: Json) -> None:
    found = await filled(operator, profile)
    assert {key: found.get(key) for key in wanted} == wanted


async def test_an_empty_block_has_the_built_in_defaults(operator: Running) -> None:
    found = await filled(operator, "", "WebBoot")
    assert found == {
        "image": "a", "version": "1", "port": 8080, "replicas": 1, "health": "/health", "prometheus": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "image"),
    [
        ("settingsEnv", "env.example/harbor/sample:1.0"),
        ("settingsBlock", "block.example/harbor/sample:1.0"),
        ("settingsApp", "app.example/harbor/sample:1.0"),
        ("quirk", "harbor/sample:1.0"),
    ],
)
async def test_settings_come_from_the_nearest_layer(operator: Running, profile: str, image: str) -> None:
    name = profile.lower()
    boot = await put_up(operator, name, profile=profile)
    container = app(await deployment(operator, name))
    port = {"settingsEnv": 1, "settingsBlock": 7}.get(profile, boot["spec"]["port"])
    assert (container["image"], container["livenessProbe"]["httpGet"]["port"]) == (image, port)


async def test_pods_are_merged_recursively_and_lists_replaced(operator: Running) -> None:
    await put_up(operator, "pods", profile="overridden")
    found = pod(await deployment(operator, "pods"))
    assert [one["key"] for one in found["tolerations"]] == ["c"]
    assert (found["dnsPolicy"], found["securityContext"]) == ("Default", {"runAsUser": 1, "runAsGroup": 2})
    await put_up(operator, "kept-list", profile="zeros")
    kept = pod(await deployment(operator, "kept-list"))
    assert [one["key"] for one in kept["tolerations"]] == ["a"]


async def test_injected_containers_take_the_env_of_their_environment_alone(operator: Running) -> None:
    await put_up(operator, "inject", profile="injected", port=81)
    found = pod(await deployment(operator, "inject"))
    side, first = found["containers"][1], found["initContainers"][0]
    assert (side["image"], first["image"]) == ("r:5000/side", "r:5000/first")
    assert [(one["name"], one["value"]) for one in side["env"]] == [
        ("A", "test"), ("B", "inject"), ("N", "new"),
    ]  # fmt: skip
    assert first["env"] == [{"name": "I", "value": "inject:81"}]


async def test_without_a_registry_its_variable_stays(operator: Running) -> None:
    await put_up(operator, "noreg", profile="bare")
    found = pod(await deployment(operator, "noreg"))
    assert found["containers"][1]["image"] == "${REGISTRY}/side"


async def test_variables_are_expanded_where_the_contract_says(operator: Running) -> None:
    own = [{"name": "OWN", "value": "${APP}${APP}"}]
    boot = await put_up(operator, "vars", profile="variables", env=own, port=70)
    assert {one["name"]: one["value"] for one in boot["spec"]["env"]} == {
        "ALL": "vars-test-70", "KEPT": "$vars ${app} ${REGISTRY}", "OWN": "varsvars",
    }  # fmt: skip
    found = pod(await deployment(operator, "vars"))
    volumes = {one["name"]: one for one in found["volumes"]}
    assert list(volumes) == ["vars-d", "claim", "text"]
    assert volumes["claim"]["persistentVolumeClaim"]["claimName"] == "vars-test"
    assert volumes["text"]["configMap"]["items"][0]["key"] == "${APP}"
    assert app({"spec": {"template": {"spec": found}}})["args"] == ["${APP}"]
    assert [one["name"] for one in app(await deployment(operator, "vars"))["volumeMounts"]] == ["vars-d"]


async def test_env_is_judged_by_the_block_of_the_profile(operator: Running) -> None:
    other = [{"name": "A", "value": "other"}]
    assert (await filled(operator, "", env=other))["env"] == other
    with pytest.raises(Denied, match='env A is set by the central config to "9"'):
        await filled(operator, "overridden", env=other)


async def test_a_namespace_of_another_environment_is_let_through_untouched(operator: Running) -> None:
    namespace = await operator.cluster.new_namespace("-dev")
    spec = {"image": "a", "version": "1", "priority": "no-such-class"}
    body = {"metadata": {"name": "theirs"}, "spec": spec}
    made = await operator.cluster.client.create(boots(), body, namespace, dry_run=True)
    assert (made["spec"], made["metadata"].get("annotations")) == (spec, None)


TEXTS: list[tuple[str, str, str]] = [
    ("json-with-a-comma", "{xx:123,}", "line 1: it cannot be read: it is not valid JSON"),
    ("json-after-blanks", '\n  {"java": }', "it is not valid JSON"),
    ("yaml", "java: [", "it is not valid YAML"),
    ("a-port-of-text", 'java:\n  app:\n    port: "80"', "line 3: java.app.port must be a whole number"),
    ("a-list-as-block", "java: []", "java must be a map"),
    ("a-number-as-block", "vip: 5", "vip must be a map"),
    ("a-scalar-document", "text", "the document must be a map of blocks"),
    ("a-list-as-document", "[]", "the document must be a map of blocks"),
    ("json", '{"java": {"app": {"port": 80}}}', ""),
    ("a-null-block", "java:", ""),
    ("nested-nulls", "java: {oEnvs: {app: }}", ""),
    ("unknown-keys", "java: {appp: 1}", ""),
    ("later-documents", "java: {}\n---\n[", ""),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
async def test_texts_are_parsed_as_strictly_as_ever(operator: Running, text: str, words: str) -> None:
    namespace = operator.options.namespace
    if not words:
        await write(operator.cluster, namespace, text, dry_run=True)
        return
    with pytest.raises(Invalid) as refused:
        await write(operator.cluster, namespace, text, dry_run=True)
    assert f"ConfigMap {MAP}: central config, line " in refused.value.message
    assert words in refused.value.message


async def test_only_the_config_map_of_that_name_is_guarded(operator: Running) -> None:
    client, namespace = operator.cluster.client, operator.options.namespace
    with pytest.raises(Denied, match=f"ConfigMap {MAP} is the central config and cannot be deleted"):
        await client.delete(CONFIGMAPS, MAP, namespace)
    with pytest.raises(Invalid, match=r"data\['config.yaml'\] is missing or blank"):
        await write(operator.cluster, namespace, " ", dry_run=True)
    await operator.cluster.configure(namespace, "java: [")  # under the usual name, which is nobody's here
    assert (await filled(operator, ""))["port"] == 9000


Told = Callable[..., Awaitable[tuple[str, str]]]


@pytest.fixture
def kubectl(boots_plane: ControlPlane, operator: Running, tmp_path: Path) -> Told:
    """kubectl in the operator's namespace: standard output and standard error of a command that works."""
    file = write_kubeconfig(tmp_path / "kubeconfig", boots_plane, namespace=operator.options.namespace)
    base = [str(binary("kubectl")), f"--kubeconfig={file}", f"--cache-dir={tmp_path / 'cache'}"]

    async def run(*words: str, stdin: Json) -> tuple[str, str]:
        text = msgspec.json.encode(stdin)
        done = await asyncio.to_thread(
            subprocess.run, [*base, *words], input=text, capture_output=True, check=True
        )
        return done.stdout.decode(), done.stderr.decode()

    return run


@pytest.mark.parametrize(
    ("profile", "warning"),
    [
        ("nobody", "profile nobody is not in the central config; the defaults of java hold"),
        ("typo", "typo.apps is not known and has no effect"),
        ("CASES", "CASES.sidecarServices has no effect"),
        ("overridden", ""),
    ],
)
async def test_a_person_is_warned_when_the_config_does_not_do_what_it_seems(
    kubectl: Told, profile: str, warning: str
) -> None:
    body = {
        "apiVersion": "app.logancloud.com/v1", "kind": "JavaBoot",
        "metadata": {"name": "warned", "annotations": {names.PROFILE: profile}},
        "spec": {"image": "a", "version": "1"},
    }  # fmt: skip
    out, err = await kubectl("create", "--dry-run=server", "-f", "-", stdin=body)
    assert out.startswith("javaboot.app.logancloud.com/warned created")
    assert (warning in err, err.startswith("Warning: ")) == (True, bool(warning))


async def test_who_writes_the_config_is_warned_too(kubectl: Told, operator: Running, havok: Shell) -> None:
    body = {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": MAP},
        "data": {"config.yaml": "java:\n  appp: {}\n"},
    }  # fmt: skip
    _, err = await kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-",
                           stdin=body)  # fmt: skip
    words = "central config, line 2: java.appp is not known and has no effect"
    assert f"Warning: {words}" in err
    havok.write("odd.yaml", body["data"]["config.yaml"])  # type: ignore[index]
    checked = await asyncio.to_thread(havok, "config", "check", "odd.yaml", "--offline")
    assert (checked.code, words in checked.err) == (0, True)
    refused = await asyncio.to_thread(havok, "config", "set", "odd.yaml")
    assert (refused.code, words in refused.err) == (2, True)
    kept = await operator.cluster.client.get(CONFIGMAPS, MAP, operator.options.namespace)
    assert kept["data"]["config.yaml"] == CONFIG


@pytest.fixture
def havok(boots_plane: ControlPlane, operator: Running, tmp_path: Path) -> Shell:
    """`havok` whose settings say where this operator has its config."""
    file = write_kubeconfig(tmp_path / "config", boots_plane, namespace=operator.options.namespace)
    shell = Shell(tmp_path, file)
    shell.environ |= {
        "HAVOK_OPERATOR_NAMESPACE": operator.options.namespace, "HAVOK_OPERATOR_CONFIG_MAP": MAP,
    }  # fmt: skip
    return shell


async def test_a_preview_follows_the_config_that_the_settings_name(operator: Running, havok: Shell) -> None:
    await put_up(operator, "seen", profile="apart")
    havok.write("seen.yaml", (
        "apiVersion: app.logancloud.com/v1\nkind: JavaBoot\n"
        "metadata: {name: seen, annotations: {logan/profile: settingsEnv}}\n"
        'spec: {image: harbor/sample, version: "2.0"}\n'
    ))  # fmt: skip

    async def shown() -> Done:
        return await asyncio.to_thread(havok, "deploy", "seen.yaml", "--dry-run")

    found = await shown()
    assert "env.example/harbor/sample:2.0" in found.err
    havok.environ["HAVOK_OPERATOR_CONFIG_MAP"] = "elsewhere"
    lost = await shown()
    assert "`havok config show` says where it is looked for" in lost.err


async def test_a_new_text_is_in_force_at_the_next_deploy_in_this_process(operator: Running) -> None:
    """Last, since it changes the config of the module."""
    before = await put_up(operator, "late")
    await write(operator.cluster, operator.options.namespace, CONFIG.replace("port: 9000", "port: 9001"))
    async with asyncio.timeout(20):
        while (await filled(operator, ""))["port"] != 9001:
            pass
    scaled = await changed(operator, "late", replicas=3)
    assert scaled["spec"]["port"] == before["spec"]["port"] == 9000
    assert scaled["status"]["configHash"] == config.digest_of(CONFIG)
