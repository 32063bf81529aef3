"""`havok kubeconfig --merge`: a person's other clusters come to no harm, whatever their file looks like."""

import copy
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.codec import decode_yaml, encode_yaml
from havok.errors import HavokError
from havok.localcluster import merge


def ours(port: int = 16443) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "havok",
        "clusters": [{"name": "havok", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "contexts": [{"name": "havok", "context": {"cluster": "havok", "user": "havok-admin"}}],
        "users": [{"name": "havok-admin", "user": {"client-key-data": "a2V5"}}],
    }


NAMES = st.text(min_size=1, max_size=12) | st.sampled_from(["havok", "havok-admin", "on", "1", "1e3", "~"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


@st.composite
def kubeconfigs(draw: st.DrawFn) -> dict[str, Any]:
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    for part in merge.LISTS:
        names = draw(st.lists(NAMES, unique=True, max_size=4))
        entries: list[Any] = [{"name": name, part.rstrip("s"): draw(VALUES)} for name in names]
        empty: bool = draw(st.booleans())
        if entries or empty:
            document[part] = entries or None
    if draw(st.booleans()):
        document["current-context"] = draw(NAMES)
    if draw(st.booleans()):
        document["preferences"] = draw(VALUES)
    return document


def named(document: dict[str, Any], part: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in document.get(part) or []}


@given(kubeconfigs())
def test_other_entries_never_change(theirs: dict[str, Any]) -> None:
    before = copy.deepcopy(theirs)
    merged = merge.join(theirs, ours())
    assert theirs == before
    for part in merge.LISTS:
        mine = named(ours(), part)
        others = {name: entry for name, entry in named(before, part).items() if name not in mine}
        assert named(merged, part) == {**others, **mine}
        order = [entry["name"] for entry in merged[part]]
        assert [name for name in order if name in named(before, part)] == list(named(before, part))
    assert merged["current-context"] == (before.get("current-context") or "havok")
    rest = set(before) - {*merge.LISTS, "current-context"}
    assert {key: merged[key] for key in rest} == {key: before[key] for key in rest}


@given(kubeconfigs())
def test_merging_again_changes_nothing(theirs: dict[str, Any]) -> None:
    once = merge.join(theirs, ours())
    assert merge.join(once, ours()) == once


@given(kubeconfigs())
def test_what_is_written_is_read_back(theirs: dict[str, Any]) -> None:
    merged = merge.join(theirs, ours())
    assert decode_yaml(encode_yaml(merged)) == [merged]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kube/config"


def write(file: Path, text: str, mode: int = 0o600) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return text


THEIRS = """\
# my clusters
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: prod
  cluster: {server: "https://prod.example:6443"}
contexts:
- name: prod
  context: {cluster: prod, user: me}
users:
- name: me
  user: {token: secret}
"""


def test_without_a_file_one_is_made_private(file: Path) -> None:
    merged = merge.into(file, encode_yaml(ours()))
    assert merged == merge.Merged(
        file=str(file), backup="", context="havok", current_context="havok", changed=True
    )
    assert decode_yaml(file.read_text()) == [ours()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_file_before_is_kept_beside_it(file: Path) -> None:
    before = write(file, THEIRS, mode=0o644)
    merged = merge.into(file, encode_yaml(ours()))
    assert merged.changed
    assert merged.current_context == "prod"
    assert Path(merged.backup).read_text() == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in (file, Path(merged.backup))} == {0o600}
    (document,) = decode_yaml(file.read_text())
    assert [entry["name"] for entry in document["contexts"]] == ["prod", "havok"]
    assert document["users"][0] == {"name": "me", "user": {"token": "secret"}}


def test_the_backup_stays_the_persons_own_file(file: Path) -> None:
    """A second cluster, or a port that moved, must not overwrite the only copy of the person's comments."""
    before = write(file, THEIRS)
    for port in (16443, 16444):
        merged = merge.into(file, encode_yaml(ours(port)))
    assert Path(merged.backup).read_text() == before


def test_what_a_person_wrote_since_is_backed_up_too(file: Path) -> None:
    write(file, THEIRS)
    merge.into(file, encode_yaml(ours()))
    before = write(file, file.read_text() + "# a word of mine\n")
    merged = merge.into(file, encode_yaml(ours(16444)))
    assert Path(merged.backup).read_text() == before


def test_nothing_new_writes_nothing(file: Path) -> None:
    write(file, THEIRS)
    merge.into(file, encode_yaml(ours()))
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    assert not merge.into(file, encode_yaml(ours())).changed
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


@pytest.mark.parametrize("text", [
    "- a\n- list\n", "just words", "clusters: 5\n", "clusters: [5]\n", "users: {a: b}\n",
    "a: 1\n---\nb: 2\n", "a: [1, 2", "\ttabs: 1\n", "\x00", "contexts:\n- context: {}\n  name: [1]\n",
])  # fmt: skip
def test_what_is_no_kubeconfig_is_left_alone(file: Path, text: str) -> None:
    write(file, text)
    with pytest.raises(HavokError) as caught:
        merge.into(file, encode_yaml(ours()))
    assert str(file) in caught.value.message
    assert caught.value.hint
    assert file.read_text() == text
    assert [path.name for path in file.parent.iterdir()] == ["config"]


def test_text_that_is_not_utf8_is_left_alone(file: Path) -> None:
    write(file, "")
    file.write_bytes(b"clusters: [\xff\xfe]\n")
    with pytest.raises(HavokError):
        merge.into(file, encode_yaml(ours()))
    assert file.read_bytes() == b"clusters: [\xff\xfe]\n"


def test_a_folder_in_the_way_is_an_error_that_names_it(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(HavokError) as caught:
        merge.into(file, encode_yaml(ours()))
    assert str(file) in caught.value.message


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n"])
def test_an_empty_file_is_filled(file: Path, text: str) -> None:
    write(file, text)
    assert merge.into(file, encode_yaml(ours())).changed
    assert decode_yaml(file.read_text()) == [ours()]


def test_a_symbolic_link_stays_one(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles/kubeconfig"
    write(target, THEIRS)
    file.parent.mkdir()
    file.symlink_to(target)
    merge.into(file, encode_yaml(ours()))
    assert file.is_symlink()
    assert len(decode_yaml(target.read_text())[0]["contexts"]) == 2


def test_a_symbolic_link_to_nothing_yet(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles/kubeconfig"
    file.parent.mkdir()
    file.symlink_to(target)
    merge.into(file, encode_yaml(ours()))
    assert file.is_symlink()
    assert decode_yaml(target.read_text()) == [ours()]


def test_values_that_look_like_others_stay_what_they_are(file: Path) -> None:
    """A token `0123`, an expiry without quotes: YAML has opinions about them."""
    write(
        file, "users:\n- name: '0123'\n  user: {token: '1e5', expiry: 2026-01-02T03:04:05Z, insecure: yes}\n"
    )
    merge.into(file, encode_yaml(ours()))
    (user, _) = decode_yaml(file.read_text())[0]["users"]
    assert user == {
        "name": "0123",
        "user": {"token": "1e5", "expiry": "2026-01-02T03:04:05Z", "insecure": True},
    }


@pytest.mark.parametrize(("environ", "expected"), [
    ({"HOME": "/home/p"}, "/home/p/.kube/config"),
    ({"HOME": "/home/p", "KUBECONFIG": ""}, "/home/p/.kube/config"),
    ({"HOME": "/home/p", "KUBECONFIG": "/a"}, "/a"),
    ({"HOME": "/home/p", "KUBECONFIG": ":/a:/b"}, "/a"),
])  # fmt: skip
def test_the_file_is_the_one_kubectl_writes(environ: dict[str, str], expected: str) -> None:
    assert merge.person_file(environ) == Path(expected)
