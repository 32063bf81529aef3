"""The central config is read as the contract's section 2 says."""

import pytest

from havok.boots import config
from havok.boots.config import Defaults
from havok.boots.config_text import ConfigError
from havok.boots.names import PROFILE
from havok.boots.shape import MismatchError
from havok.crds.spec import EnvVar
from havok.errors import UsageError
from unit.boots.apps import block_of, key


def test_without_blocks_the_built_in_defaults_hold() -> None:
    block = block_of("java: ")
    assert (block.port, block.replicas, block.health, block.scrape) == (8080, 1, "/health", True)
    assert block == Defaults()


def test_an_environment_overrides_with_what_is_not_zero() -> None:
    text = """
    java:
      app: {port: 9000, replicas: 3, health: /h, env: [{name: A, value: "1"}, {name: B, value: "2"}],
            nodeSelector: {disk: ssd}, resources: {limits: {cpu: 1, memory: 1Gi}}}
      oEnvs:
        app:
          test: {port: 0, replicas: 0, health: "", env: [{name: C, value: "3"}, {name: A, value: "9"}],
                 nodeSelector: {zone: a}, resources: {limits: {cpu: 2}}}
          prod: {port: 1}
    """
    block = block_of(text)
    assert (block.port, block.replicas, block.health) == (9000, 3, "/h")
    assert [(one.name, one.value) for one in block.env] == [("A", "9"), ("B", "2"), ("C", "3")]
    assert block.node_selector == {"disk": "ssd", "zone": "a"}
    assert block.resources.limits == {"cpu": 2, "memory": "1Gi"}


def test_settings_come_field_by_field_from_the_nearest_layer() -> None:
    text = """
    java:
      settings: {registry: block}
      app: {settings: {registry: app, appHealthPort: 1, prometheusScrape: true}}
      oEnvs: {app: {test: {settings: {prometheusScrape: false}}}}
    """
    block = block_of(text)
    assert (block.registry, block.health_port, block.scrape) == ("block", 1, False)


def test_without_settings_of_the_block_an_environments_false_does_not_win() -> None:
    text = """
    java:
      app: {settings: {prometheusScrape: true}}
      oEnvs: {app: {test: {settings: {prometheusScrape: false, registry: r}}}}
    """
    assert (block_of(text).scrape, block_of(text).registry) == (True, "r")
    assert not block_of(text.replace("java:", "java:\n      settings: {}")).scrape
    assert not block_of("java: {oEnvs: {app: {test: {settings: {prometheusScrape: false}}}}}").scrape


def test_injected_containers_know_the_registry_and_their_environment() -> None:
    text = """
    java:
      settings: {registry: "r:5000"}
      sideCarContainers: [{name: side, image: "${REGISTRY}/side", env: [{name: A, value: "1"}]}]
      oEnvs: {side: {test: {port: 5, env: [{name: A, value: "2"}]}}}
      app: {podSpec: {initContainers: [{name: init, image: "${REGISTRY}/init"}]}}
    """
    block = block_of(text)
    assert block.sidecars == ({"name": "side", "image": "r:5000/side", "env": [{"name": "A", "value": "2"}]},)
    assert block.pod_spec["initContainers"] == [{"name": "init", "image": "r:5000/init"}]


def test_what_the_boot_always_says_is_taken_from_the_container_into_the_defaults() -> None:
    text = """
    java:
      app:
        container: {env: [{name: A, value: "1"}], resources: {limits: {cpu: 1}}, image: x}
        podSpec: {nodeSelector: {a: b}, containers: [{name: y}]}
    """
    platform = config.parse(text, "test")
    block = platform.blocks["java"]
    assert block.env == (EnvVar(name="A", value="1"),)
    assert block.resources.limits == {"cpu": 1}
    assert block.node_selector == {"a": "b"}
    assert block.container == {"image": "x"}
    assert any("podSpec.containers" in warning for warning in platform.warnings)


def test_a_profile_is_a_block_of_its_own_and_an_unknown_one_falls_back() -> None:
    text = "java: {app: {port: 1}}\nvip: {app: {replicas: 5}}\npython: {app: {port: 2}}"
    assert (block_of(text, profile="vip").port, block_of(text, profile="vip").replicas) == (8080, 5)
    assert block_of(text, profile="nothing").port == 1
    assert block_of(text, profile="python").port == 1


def test_names_match_in_any_case_and_unknown_ones_are_warnings() -> None:
    platform = config.parse("java: {APP: {Port: 7, prot: 8}, sidecarServices: [{name: a, port: 1}]}", "test")
    assert platform.blocks["java"].port == 7
    assert platform.warnings == (
        "central config, line 1: java.APP.prot is not known and has no effect",
        "central config, line 1: java.sidecarServices has no effect",
    )


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('java: {app: {port: "80"}}', "java.app.port", "a whole number"),
        ("java: []", "java", "a map"),
        ("java: 5", "java", "a map"),
        ("just text", "the document", "a map of blocks"),
        ("java: {app: {env: [{value: a}]}}", "java.app.env[0].name", "given"),
        ("java: {settings: {prometheusScrape: 1}}", "java.settings.prometheusScrape", "true or false"),
        ("java: {sideCarContainers: [{image: a}]}", "java.sideCarContainers[0].name", "a text"),
        ("java: {app: {resources: {limits: {cpu: [1]}}}}", "java.app.resources.limits.cpu", "an amount"),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(text: str, path: str, expected: str) -> None:
    with pytest.raises(MismatchError) as caught:
        config.parse(text, "test")
    assert caught.value.context["path"] == path
    assert str(caught.value.context["expected"]).startswith(expected)


DEEP = """java:
  sideCarContainers:
  - name: side
    ports: [{containerPort: "x"}]
"""


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ("java:\n  app:\n    port: '80'\n", 3, "java.app.port"),
        (DEEP, 4, "java.sideCarContainers[0].ports[0].containerPort"),
        ("java:\n  app:\n    podSpec:\n      tolerations: {}\n", 4, "java.app.podSpec.tolerations"),
        ("java:\n  app:\n    podSpec:\n      volumes:\n      - name: a\n        emptyDir: [1]", 6,
         "java.app.podSpec.volumes[0].emptyDir"),
        ("java:\n  app:\n    container:\n      livenessProbe: {periodSeconds: soon}", 4,
         "java.app.container.livenessProbe.periodSeconds"),
        ("java:\n  app:\n    container:\n      resources: {limits: {cpu: many}}", 4,
         "java.app.container.resources.limits.cpu"),
        ('{"java":\n {"app":\n\t{"port": "80"}}}', 3, "java.app.port"),
        ('{"java": {"settings": {"registry": 5}}}', 1, "java.settings.registry"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_however_deep(text: str, line: int, path: str) -> None:
    with pytest.raises(MismatchError) as caught:
        config.parse(text, "test")
    assert (caught.value.line, caught.value.context["path"]) == (line, path)
    assert caught.value.message.startswith(f"central config, line {line}: {path} must be ")


@pytest.mark.parametrize(
    ("text", "line"), [("java:\n\tapp: 1", 2), ('{"java":\n{]', 2), ("java:\n  app: [\n", 2), ("a: 0b2", 1)]
)
def test_a_text_that_is_neither_json_nor_yaml_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "test")
    assert caught.value.line == line


def test_what_has_no_effect_is_told_with_its_line_and_left_out() -> None:
    text = """java:
  app:
    port: 1
    port: 70000
    podSpec:
      tolerations: [{key: a, wrong: 1}]
  oEnvs: {gone: {test: {port: 1}}, side: {test: {port: 1}}}
  sideCarContainers:
  - {name: side, volumeMounts: [{name: a}]}
python:
  apps: {}
"""
    platform = config.parse(text, "test")
    assert [(one.block, one.line, one.cause) for one in platform.findings] == [
        ("java", 4, "java.app.port is given twice; the last one holds"),
        ("java", 4, "java.app.port is more than 65535; no Boot can have it"),
        ("java", 6, "java.app.podSpec.tolerations[0].wrong is not known and has no effect"),
        ("java", 7, "java.oEnvs.gone has no effect: no container has that name"),
        ("java", 7, "java.oEnvs.side.test.port has no effect: only the env of a container can differ"),
        (
            "java",
            9,
            "java.sideCarContainers[0].volumeMounts[0].mountPath is missing; "
            "the cluster will refuse the pods",
        ),
        ("python", 11, "python.apps is not known and has no effect"),
    ]
    assert platform.blocks["java"].pod_spec == {"tolerations": [{"key": "a"}]}
    told = config.warnings(key("PythonBoot").kind, {PROFILE: "vip"}, platform)
    assert told == (
        "profile vip is not in the central config; the defaults of python hold",
        "central config, line 11: python.apps is not known and has no effect",
    )


@pytest.mark.parametrize("text", ["{xx:123,}", "java: [", "  ", "{"])
def test_broken_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        config.parse(text, "test")


@pytest.mark.parametrize(
    "text", ["java: null", "java: {oEnvs: {app: }}", '{"java": {"app": null}}', "a: {}\n---\n1"]
)
def test_nulls_and_later_documents_are_accepted(text: str) -> None:
    config.parse(text, "test")


def test_the_digest_tells_texts_apart() -> None:
    one, other = config.parse("java: {}", "test"), config.parse("java: {app: {}}", "test")
    assert one.digest != other.digest
    assert one.digest == config.digest_of("java: {}")


def test_what_no_pod_can_have_is_told_with_its_line() -> None:
    text = """java:
  app:
    nodeSelector: {"a b": c}
  oEnvs:
    app: {test: {resources: {limits: {colour: 1}}}}
"""
    told = [(one.line, one.cause) for one in config.parse(text, "test").findings]
    words = 'java.oEnvs.app.test.resources.limits: "colour" is no resource of a container'
    assert told == [
        (3, 'java.app.nodeSelector: "a b" is no key of a label; no Boot can have it'),
        (5, f"{words}; no Boot can have it"),
    ]
