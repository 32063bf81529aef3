"""The rules on the host, as text: what is let in, what is kept out, in which order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.localcluster import network
from havok.localcluster.layout import MAX_CLUSTERS, Layout

LAYOUT = Layout(Path("/h"), "t", 3, 16446)


def chain(name: str) -> list[str]:
    """The rules of one of our chains, without its name."""
    start = f"-A HAVOK-3-{name} "
    return [line.removeprefix(start) for line in network.rules(LAYOUT).splitlines() if line.startswith(start)]


def test_people_reach_the_api_server_on_loopback() -> None:
    assert chain("OUT") == [
        "-d 127.0.0.1/32 -p tcp -m tcp --dport 16446 -j DNAT --to-destination 10.201.3.1:6443"
    ]


def test_only_what_leaves_the_machine_is_masqueraded() -> None:
    rules = chain("POST")
    assert rules[:3] == [f"-d {inside} -j RETURN" for inside in ("10.201.3.0/24", "10.213.0.0/16",
                                                                 "10.202.24.0/21")]  # fmt: skip
    assert rules[3:] == ["-s 10.201.3.0/24 -j MASQUERADE", "-s 10.213.0.0/16 -j MASQUERADE"]


def test_the_bridges_addresses_answer_only_to_the_bridge_and_this_machine() -> None:
    assert [rule.split(" -j ")[1] for rule in chain("IN")] == ["RETURN", "ACCEPT", "DROP"]
    assert chain("IN")[-1] == "-d 10.201.3.0/24 -j DROP"


def test_nothing_enters_from_outside_and_nothing_goes_to_another_cluster() -> None:
    assert chain("FWD") == [
        "-i hvk-br3 -o hvk-br3 -j ACCEPT",
        "-o hvk-br3 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-o hvk-br3 -j DROP",
        "-i hvk-br3 -o hvk-br+ -j DROP",
        "-i hvk-br3 -j ACCEPT",
    ]


@given(st.integers(0, MAX_CLUSTERS - 1))
def test_every_chain_is_declared_and_so_emptied_first(index: int) -> None:
    lines = network.rules(Layout(Path("/h"), "t", index, 1)).splitlines()
    for _, _, name in network.hooks(index):
        uses = [number for number, line in enumerate(lines) if line.startswith(f"-A {name} ")]
        assert lines.index(f":{name} - [0:0]") < min(uses)


@pytest.mark.parametrize(("routes", "made", "expected"), [
    ("[]", True, None),
    ('[{"dst": "default", "dev": "eth0"}]', True, None),
    ('[{"dst": "192.168.1.0/24", "dev": "eth0"}]', True, None),
    ('[{"dst": "10.201.3.0/24", "dev": "hvk-br3"}]', True, None),
    ('[{"dst": "10.201.3.0/24", "dev": "hvk-br3"}]', False, "10.201.3.0/24 on hvk-br3"),
    ('[{"dst": "10.0.0.0/8", "dev": "tun0"}]', True, "10.0.0.0/8 on tun0"),
    ('[{"dst": "10.213.7.1", "dev": "wg0"}]', True, "10.213.7.1 on wg0"),
    ('[{"dst": "junk"}, {"dst": "10.202.31.0/24"}]', True, "10.202.31.0/24 on ?"),
])  # fmt: skip
def test_networks_that_others_use(
    monkeypatch: pytest.MonkeyPatch, routes: str, made: bool, expected: str | None
) -> None:
    monkeypatch.setattr(network, "run", lambda command: routes)
    assert network.taken_by_others(LAYOUT, made=made) == expected
