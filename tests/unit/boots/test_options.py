"""The process inputs of contract 2.1, and which namespaces an environment has."""

import msgspec
import pytest

from havok.boots import metrics_service
from havok.boots.options import OperatorOptions, from_environment
from havok.boots.routing import handles
from havok.errors import UsageError


def test_without_variables_the_contract_defaults_hold() -> None:
    assert from_environment({}) == OperatorOptions()
    options = OperatorOptions()
    assert (options.environment, options.config_map) == ("test", "logan-app-operator-config")
    assert (options.max_history, options.metrics_port) == (10, 8383)
    assert options.lease_name == "logan-app-operator-lock-test"
    assert options.webhook_configuration == "logan-app-webhook-mutation"


def test_variables_are_read() -> None:
    options = from_environment({
        "LOGAN_ENV": "dev", "CONFIGMAP_NAME": "mine", "MAX_HISTORY": "3", "BIZ_ENVS": "LAST_DEPLOY, OTHER",
        "WATCH_NAMESPACE": "a,b", "POD_NAME": "operator-0",
    })  # fmt: skip
    assert (options.environment, options.config_map, options.max_history) == ("dev", "mine", 3)
    assert options.ignored_env == ("LAST_DEPLOY", "OTHER")
    assert options.watch_namespaces == ("a", "b")
    assert options.identity == "operator-0"
    assert options.webhook_configuration == "logan-app-webhook-mutation-dev"


@pytest.mark.parametrize("text", ["", "0", "-1", "many"])
def test_a_useless_history_is_ten(text: str) -> None:
    assert from_environment({"MAX_HISTORY": text}).max_history == 10


@pytest.mark.parametrize(
    ("environment", "namespace", "handled"),
    [
        ("test", "shop", True),
        ("test", "shop-dev", False),
        ("test", "shop-auto", False),
        ("prod", "shop", True),
        ("dev", "shop-dev", True),
        ("dev", "shop", False),
        ("auto", "shop-auto", True),
        ("auto", "shop-dev", False),
    ],
)
def test_namespaces_are_parted_by_suffix(environment: str, namespace: str, handled: bool) -> None:
    assert handles(environment, namespace) is handled


def test_several_environments_are_served_apart() -> None:
    options = from_environment({"LOGAN_ENV": "test, dev,test"})
    options = msgspec.structs.replace(options, webhook_url="https://127.0.0.1:9443", webhook_service="hook")
    test, dev = options.by_environment()
    assert (test.environment, test.webhook_port, test.webhook_service) == ("test", 9443, "hook")
    assert (dev.environment, dev.webhook_port, dev.webhook_service) == ("dev", 9444, "hook-dev")
    assert dev.webhook_url == "https://127.0.0.1:9444"
    assert dev.lease_name != test.lease_name
    assert not dev.beside
    with pytest.raises(UsageError) as refused:
        from_environment({"LOGAN_ENV": "test,prod"})
    assert refused.value.code == "boots.environments.overlap"


def test_a_pod_is_told_the_name_of_its_metrics() -> None:
    assert from_environment({"OPERATOR_NAME": "op"}).operator_name == ""
    inside = from_environment({"OPERATOR_NAME": "op", "KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    found = metrics_service.service(inside)
    assert found["metadata"]["name"] == "op-metrics"
    assert [(port["name"], port["port"]) for port in found["spec"]["ports"]] == [
        ("http-metrics", 8383), ("cr-metrics", 8686),
    ]  # fmt: skip
