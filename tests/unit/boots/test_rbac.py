"""The operator's rights are few, and the committed manifest has exactly them."""

from pathlib import Path

from havok.boots import rbac

FILE = Path(__file__).parents[3] / "deploy" / "operator" / "rbac.yaml"


def test_the_committed_manifest_is_current() -> None:
    assert FILE.read_text("utf-8") == rbac.text(), "run `python -m havok.boots.rbac` and commit the result"


def test_secrets_are_readable_in_the_own_namespace_alone() -> None:
    user = {"kind": "User", "name": "havok:operator"}
    role, _, own, _, reader = rbac.manifests(user, "logan")
    assert not any("secrets" in rule["resources"] for rule in role["rules"])
    (secrets,) = (rule for rule in own["rules"] if "secrets" in rule["resources"])
    assert "list" not in secrets["verbs"]
    assert own["metadata"]["namespace"] == "logan"
    assert reader["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]


def test_secrets_of_apps_are_readable_where_somebody_binds_it() -> None:
    user = {"kind": "User", "name": "havok:operator"}
    here, everywhere = rbac.secret_reader(user, "shop"), rbac.secret_reader(user)
    assert (here["kind"], here["metadata"]["namespace"]) == ("RoleBinding", "shop")
    assert everywhere["kind"] == "ClusterRoleBinding"
    assert here["roleRef"] == everywhere["roleRef"]
    assert here["subjects"] == [user]


def test_people_get_their_rights_by_aggregation() -> None:
    found = {one["metadata"]["name"]: one for one in rbac.for_people()}
    assert len(found) == 12
    assert "logan-app-java-admin-edit" in found
    view = found["logan-app-python-admin-view"]
    assert view["metadata"]["labels"] == {
        "rbac.authorization.k8s.io/aggregate-to-view": "true",
        "rbac.authorization.k8s.io/aggregate-to-cluster-reader": "true",
    }
    assert view["rules"][0]["verbs"] == ["get", "list", "watch"]


def test_nothing_is_granted_by_a_star() -> None:
    for manifest in (*rbac.manifests({"kind": "User", "name": "x"}, "logan"), *rbac.for_people()):
        for rule in manifest.get("rules", ()):
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
