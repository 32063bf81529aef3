"""The API server is told of our webhooks as contract 6.1 has it."""

import re

import pytest

from havok.boots.options import OperatorOptions
from havok.boots.routing import handles
from havok.boots.webhooks import hosts, mutating, validating

URL = OperatorOptions(webhook_url="https://127.0.0.1:9443/")
POD = OperatorOptions(webhook_service="logan-app-webhook", environment="dev")


@pytest.mark.parametrize(("environment", "suffix", "policy"), [
    ("test", "", "Fail"), ("prod", "", "Fail"), ("dev", "-dev", "Ignore"), ("auto", "-auto", "Ignore"),
])  # fmt: skip
def test_names_and_failure_policies(environment: str, suffix: str, policy: str) -> None:
    options = OperatorOptions(webhook_url="https://a", environment=environment)
    mutation, validation = mutating(options, b"ca"), validating(options, b"ca")
    assert mutation["metadata"]["name"] == f"logan-app-webhook-mutation{suffix}"
    assert validation["metadata"]["name"] == f"logan-app-webhook-validation{suffix}"
    boots, config = validation["webhooks"]
    assert mutation["webhooks"][0]["failurePolicy"] == boots["failurePolicy"] == policy
    assert config["failurePolicy"] == "Ignore"


def test_every_webhook_is_v1_without_side_effects() -> None:
    for webhook in (*mutating(URL, b"ca")["webhooks"], *validating(URL, b"ca")["webhooks"]):
        assert webhook["admissionReviewVersions"] == ["v1"]
        assert webhook["sideEffects"] == "None"
        assert 0 < webhook["timeoutSeconds"] <= 30
        assert not any("/" in one for rule in webhook["rules"] for one in rule["resources"])


def test_namespaces_are_chosen_by_label() -> None:
    boots, config = validating(URL, b"ca")["webhooks"]
    absent = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}
    assert boots["namespaceSelector"] == mutating(URL, b"ca")["webhooks"][0]["namespaceSelector"] == absent
    assert config["namespaceSelector"] == {
        "matchExpressions": [{"key": "logan-operator", "operator": "Exists"}]
    }


def test_they_are_reached_by_url_or_by_service() -> None:
    assert validating(URL, b"ca")["webhooks"][0]["clientConfig"]["url"] == (
        "https://127.0.0.1:9443/boot-validator"
    )
    assert hosts(URL) == ["127.0.0.1"]
    assert validating(POD, b"ca")["webhooks"][1]["clientConfig"]["service"] == {
        "name": "logan-app-webhook", "namespace": "logan", "path": "/boot-configmaps", "port": 443,
    }  # fmt: skip
    assert hosts(POD) == ["logan-app-webhook.logan.svc"]


@pytest.mark.parametrize("environment", ["test", "dev", "auto"])
@pytest.mark.parametrize("namespace", ["shop", "shop-dev", "shop-auto", "dev", "developer"])
def test_an_environment_is_asked_about_its_own_namespaces_alone(environment: str, namespace: str) -> None:
    options = OperatorOptions(webhook_url="https://a", environment=environment)
    (condition,) = mutating(options, b"ca")["webhooks"][0]["matchConditions"]
    says = condition["expression"]
    if suffix := re.fullmatch(r"request\.namespace\.endsWith\('(.*)'\)", says):
        asked = namespace.endswith(suffix.group(1))
    else:
        pattern = re.fullmatch(r"!request\.namespace\.matches\('(.*)'\)", says)
        assert pattern is not None
        asked = re.search(pattern.group(1), namespace) is None
    assert asked == handles(environment, namespace)
