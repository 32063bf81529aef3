"""Kubeconfigs as they are found in the wild."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from havok.errors import HavokError, NotFoundError, UsageError
from havok.kube.kubeconfig import context_names, in_cluster, load_access
from havok.text import explain


def written(folder: Path, name: str = "config", **changes: Any) -> Path:
    """A small valid kubeconfig with top-level changes."""
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "home",
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s.example:6443"}}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
        "contexts": [{"name": "home", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
    }
    config |= changes
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(yaml.safe_dump(config))
    return path


def user(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "u", "user": fields}]


def cluster(**fields: Any) -> list[dict[str, Any]]:
    return [{"name": "c", "cluster": {"server": "https://k8s.example", **fields}}]


def refused(path: Path, context: str | None = None) -> HavokError:
    with pytest.raises(HavokError) as caught:
        load_access(str(path), context, environ={})
    error = caught.value
    assert error.message and error.hint
    assert explain(error, "zh") != (error.message, error.hint)
    return error


def test_the_plain_case(tmp_path: Path) -> None:
    access = load_access(str(written(tmp_path)), environ={})
    assert access.server == "https://k8s.example:6443"
    assert access.credentials.token == "secret-token"
    assert (access.namespace, access.context_name) == ("team", "home")


def test_secrets_do_not_show_when_an_access_is_printed(tmp_path: Path) -> None:
    access = load_access(str(written(tmp_path)), environ={})
    assert "secret-token" not in repr(access)
    assert "secret-token" not in repr(access.credentials)


def test_files_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    path = written(
        tmp_path / "sub",
        clusters=cluster(**{"certificate-authority": "pki/ca.crt"}),
        users=user(**{"client-certificate": "me.crt", "client-key": "/abs/me.key", "tokenFile": "../t"}),
    )
    access = load_access(str(path), environ={})
    assert access.ca_file == str(tmp_path / "sub/pki/ca.crt")
    assert access.credentials.certificate_file == str(tmp_path / "sub/me.crt")
    assert access.credentials.key_file == "/abs/me.key"
    assert access.credentials.token_file == str(tmp_path / "sub/../t")


def test_inline_data_is_read(tmp_path: Path) -> None:
    inline = base64.b64encode(b"PEM").decode()
    path = written(
        tmp_path, clusters=cluster(**{"certificate-authority-data": f"{inline[:2]}\n{inline[2:]}"})
    )
    access = load_access(str(path), environ={})
    assert (access.ca, access.ca_file) == (b"PEM", "")


def test_several_files_are_one_and_the_first_wins(tmp_path: Path) -> None:
    first = written(tmp_path, "first", contexts=[], users=[], **{"current-context": ""})
    second = written(tmp_path, "second", clusters=[{"name": "c", "cluster": {"server": "https://other"}}])
    environ = {"KUBECONFIG": f"{first}::{tmp_path / 'missing'}:{second}"}
    access = load_access(environ=environ)
    assert (access.server, access.credentials.token) == ("https://k8s.example:6443", "secret-token")
    assert context_names(environ=environ) == ["home"]


def test_the_home_file_is_used_when_nothing_is_named(tmp_path: Path) -> None:
    written(tmp_path / ".kube")
    assert load_access(environ={"HOME": str(tmp_path)}).context_name == "home"


def test_a_context_can_be_chosen_and_a_wrong_one_lists_the_right_ones(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert load_access(str(path), "home", environ={}).namespace == "team"
    error = refused(path, "work")
    assert error.code == "kube.config.context.missing"
    assert "home" in error.hint
    assert error.exit_code == 3


def test_nulls_are_nothing(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        preferences=None,
        users=[{"name": "u", "user": None}, {"name": "v", "user": {"exec": None, "token": None}}],
        contexts=[{"name": "home", "context": {"cluster": "c", "user": "u", "namespace": None}}],
    )
    access = load_access(str(path), environ={})
    assert access.namespace == "default"
    assert not access.credentials.token
    assert refused(written(tmp_path, clusters=None)).code == "kube.config.malformed"


def test_unknown_fields_and_extensions_are_ignored(tmp_path: Path) -> None:
    extra = {"extensions": [{"name": "x", "extension": {"a": 1}}], "disable-compression": True}
    assert load_access(str(written(tmp_path, clusters=cluster(**extra))), environ={}).server


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("https://host/prefix/", "https://host/prefix"),
        ("host:8080", "http://host:8080"),
        ("https://[::1]:6443", "https://[::1]:6443"),
    ],
)
def test_servers_are_urls(tmp_path: Path, server: str, url: str) -> None:
    path = written(tmp_path, clusters=[{"name": "c", "cluster": {"server": server}}])
    assert load_access(str(path), environ={}).server == url


def test_an_exec_plugin_is_read(tmp_path: Path) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1", "command": "bin/login", "args": None,
        "env": [{"name": "A", "value": "b"}], "interactiveMode": "Never", "provideClusterInfo": True,
    }  # fmt: skip
    access = load_access(str(written(tmp_path, users=user(exec=plugin))), environ={})
    found = access.credentials.plugin
    assert found is not None
    assert (found.command, found.args, found.env) == (str(tmp_path / "bin/login"), (), {"A": "b"})


def test_impersonation_and_names_for_tls(tmp_path: Path) -> None:
    fields = {"as": "ann", "as-groups": ["dev"], "as-uid": "7", "as-user-extra": {"team": ["x"]}}
    path = written(
        tmp_path,
        users=user(**fields),
        clusters=cluster(**{"tls-server-name": "inner", "insecure-skip-tls-verify": True}),
    )
    access = load_access(str(path), environ={})
    assert access.impersonate is not None
    assert (access.impersonate.user, access.impersonate.groups) == ("ann", ("dev",))
    assert access.impersonate.extra == {"team": ("x",)}
    assert (access.tls_server_name, access.insecure) == ("inner", True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contexts": [{"name": "home", "context": {"cluster": "gone", "user": "u"}}]}, "cluster gone"),
        ({"contexts": [{"name": "home", "context": {"cluster": "c", "user": "gone"}}]}, "user gone"),
        ({"clusters": [{"name": "c", "cluster": {}}]}, "no server"),
        ({"clusters": cluster(**{"certificate-authority-data": "%%%"})}, "certificate-authority-data"),
        ({"clusters": cluster(**{"certificate-authority": "x", "insecure-skip-tls-verify": True})}, "both"),
        ({"users": user(**{"client-certificate": "x"})}, "without its key"),
        ({"users": user(token=12345)}, "users[0].user.token"),
        ({"users": user(**{"auth-provider": {"name": "gcp"}})}, "auth-provider"),
        (
            {"users": user(exec={"command": "x", "apiVersion": "client.authentication.k8s.io/v1alpha1"})},
            "v1a",
        ),
        ({"users": {"u": {"token": "x"}}}, "users"),
        ({"kind": "Deployment"}, "Deployment"),
    ],
)
def test_what_is_malformed_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    error = refused(written(tmp_path, **changes))
    assert isinstance(error, UsageError)
    assert error.code == "kube.config.malformed"
    assert words in error.message
    assert "secret-token" not in error.message


def test_broken_yaml_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("kind: Config\nusers:\n\t- name: u\n")
    error = refused(path)
    assert error.code == "kube.config.malformed"
    assert "line 3" in error.message


def test_a_file_we_may_not_read_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert refused(path).code == "kube.config.unreadable"


def test_nothing_anywhere_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        load_access(environ={"HOME": str(tmp_path)})
    assert caught.value.code == "kube.config.missing"
    assert "havok up" in caught.value.hint
    assert refused(tmp_path / "nowhere").code == "kube.config.file.missing"
    empty = tmp_path / "empty"
    empty.write_text("")
    assert refused(empty).code == "kube.config.missing"
    assert context_names(environ={"HOME": str(tmp_path)}) == []


def test_a_pod_has_its_service_account(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "namespace").write_text("operators\n")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = in_cluster(environ=environ, folder=tmp_path)
    assert access.server == "https://[fd00::1]:443"
    assert access.namespace == "operators"
    assert access.credentials.token_file == str(tmp_path / "token")
    with pytest.raises(HavokError) as caught:
        in_cluster(environ={}, folder=tmp_path)
    assert caught.value.code == "kube.incluster.absent"
