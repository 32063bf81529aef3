"""What is remembered of clusters: indexes and ports handed out once, damage named, nothing lost."""

import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.errors import ConflictError, HavokError, NotFoundError, UsageError
from havok.localcluster import network, state
from havok.localcluster.components import Options


@pytest.fixture(autouse=True)
def no_other_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own routes and bridges do not matter here; a scenario covers them."""
    monkeypatch.setattr(network, "taken_by_others", lambda layout, **_: None)


def create(home: Path, name: str = "t", port: int = 0) -> state.Known:
    return state.create(home, name, api_port=port, options=Options(durable=False))


@pytest.fixture
def listener() -> Iterator[int]:
    """A port of loopback that this very process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_what_was_made_is_loaded(tmp_path: Path) -> None:
    made = create(tmp_path)
    assert state.load(tmp_path, "t") == made
    assert state.names(tmp_path) == ["t"]
    assert made.options.durable is False


def test_the_record_is_private_for_it_holds_a_password(tmp_path: Path) -> None:
    made = create(tmp_path)
    file = state.record_file(tmp_path, "t")
    assert len(made.password) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_clusters_get_indexes_and_ports_of_their_own(tmp_path: Path) -> None:
    made = [create(tmp_path, name) for name in ("a", "b", "c")]
    assert [known.index for known in made] == [0, 1, 2]
    assert len({known.api_port for known in made}) == 3
    assert len({known.password for known in made}) == 3


def test_an_index_that_became_free_is_used_again(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        create(tmp_path, name)
    state.forget(tmp_path, "b")
    assert create(tmp_path, "d").index == 1


def test_an_index_whose_network_somebody_uses_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "taken_by_others", lambda layout, **_: "a vpn" if layout.index < 2 else None)
    assert create(tmp_path).index == 2


def test_many_made_at_once_share_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: create(tmp_path, f"c{number}"), range(8)))
    assert len({known.index for known in made}) == len({known.api_port for known in made}) == 8


def test_one_made_twice_at_once_is_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: create(tmp_path), range(4)))
    assert all(known == made[0] for known in made)


def test_no_more_than_there_are_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "taken_by_others", lambda layout, **_: "a vpn")
    with pytest.raises(ConflictError, match="no free network") as caught:
        create(tmp_path)
    assert caught.value.code == "cluster.too.many"


def test_a_taken_port_names_its_owner(tmp_path: Path, listener: int) -> None:
    with pytest.raises(ConflictError) as caught:
        create(tmp_path, port=listener)
    assert caught.value.code == "cluster.port.taken"
    assert caught.value.context["port"] == listener
    assert "(pid " in caught.value.message
    assert "--api-port" in caught.value.hint
    assert state.names(tmp_path) == []


def test_a_listener_on_every_address_owns_the_port_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        assert state.port_owner(server.getsockname()[1]) is not None


def test_a_free_port_has_no_owner(listener: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert state.port_owner(port) is None


def test_an_unknown_cluster_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        state.load(tmp_path, "t")
    assert caught.value.hint == "make it with `havok up --name t`"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "t"}', '{"name": 1}', "\x00\x00"])
def test_a_damaged_record_is_an_error_with_a_way_out(tmp_path: Path, text: str) -> None:
    create(tmp_path)
    state.record_file(tmp_path, "t").write_text(text)
    with pytest.raises(HavokError) as caught:
        state.load(tmp_path, "t")
    assert caught.value.code == "cluster.record.damaged"
    assert caught.value.hint == "`havok down --name t --purge` removes what is left of it"


def test_the_damage_of_one_does_not_keep_others_from_being_made(tmp_path: Path) -> None:
    create(tmp_path, "a")
    state.record_file(tmp_path, "a").write_text("junk")
    assert create(tmp_path, "b").name == "b"


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a" * 21, "a/b", "../a", "a b", "ä", "a\n", "a."])
def test_names_that_would_not_fit_everywhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        create(tmp_path, name)
    assert caught.value.code == "cluster.name.invalid"


@given(st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True))
def test_names_that_fit_are_accepted(name: str) -> None:
    state.check_name(name)


def test_forgetting_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    create(home, "a")
    create(home, "b")
    state.forget(home, "a")
    assert state.names(home) == ["b"]
    state.forget(home, "b")
    assert not home.exists()
    state.forget(home, "b")
