"""Where everything lives: clusters with different indexes never share a name or an address."""

import ipaddress
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havok.localcluster import network
from havok.localcluster.layout import MAX_CLUSTERS, Addresses, Layout

INDEXES = st.integers(0, MAX_CLUSTERS - 1)
NODES = st.integers(1, 9)


def networks(index: int) -> list[ipaddress.IPv4Network]:
    at = Addresses(index)
    texts = (at.node_network, at.pod_network, at.service_network, f"{at.loopback}/32")
    return [ipaddress.IPv4Network(text) for text in texts]


def names(layout: Layout) -> set[str]:
    """Everything on the machine that carries a cluster's index or name."""
    at = layout.addresses
    chains = {f"{table} {chain}" for table, _, chain in network.hooks(layout.index)}
    links = {layout.node(number).host_link for number in range(1, 10)}
    return {at.bridge_name, layout.cgroup, str(layout.root), str(layout.run), layout.context} | chains | links


@given(INDEXES, INDEXES)
def test_two_clusters_share_nothing(one: int, other: int) -> None:
    if one == other:
        return
    first, second = Layout(Path("/h"), "a", one, 1), Layout(Path("/h"), "b", other, 2)
    assert not names(first) & names(second)
    assert not any(a.overlaps(b) for a in networks(one) for b in networks(other))


@given(INDEXES)
def test_the_networks_of_one_cluster_do_not_overlap(index: int) -> None:
    assert not any(a.overlaps(b) for a, b in combinations(networks(index), 2))


@given(INDEXES, NODES)
def test_addresses_lie_in_their_networks(index: int, number: int) -> None:
    at = Addresses(index)
    node_network = ipaddress.ip_network(at.node_network)
    assert ipaddress.ip_address(at.bridge) in node_network
    assert ipaddress.ip_address(at.node(number)) in node_network
    assert ipaddress.IPv4Network(at.node_pods(number)).subnet_of(ipaddress.IPv4Network(at.pod_network))
    for address in (at.dns, at.service_api):
        assert ipaddress.ip_address(address) in ipaddress.ip_network(at.service_network)
    assert ipaddress.ip_address(at.loopback).is_loopback


@given(INDEXES, NODES, NODES)
def test_nodes_of_one_cluster_share_nothing(index: int, one: int, other: int) -> None:
    layout = Layout(Path("/h"), "a", index, 1)
    first, second = layout.node(one), layout.node(other)
    same = one == other
    for attribute in ("name", "root", "address", "pods", "host_link", "cgroup", "status", "config", "log"):
        assert (getattr(first, attribute) == getattr(second, attribute)) is same, attribute


@given(INDEXES, NODES)
def test_interface_names_fit_the_kernel(index: int, number: int) -> None:
    layout = Layout(Path("/h"), "a", index, 1)
    assert len(layout.addresses.bridge_name) <= 15
    assert len(layout.node(number).host_link) <= 15


@given(INDEXES)
def test_chain_names_fit_iptables(index: int) -> None:
    assert all(len(chain) <= 28 for _, _, chain in network.hooks(index))


@pytest.mark.parametrize(("name", "context"), [("default", "havok"), ("b", "havok-b")])
def test_the_context_is_named_after_the_cluster(name: str, context: str) -> None:
    assert Layout(Path("/h"), name, 0, 1).context == context


def test_a_link_of_cluster_1_is_no_link_of_cluster_11() -> None:
    """`down` of one cluster removes by prefix, so a prefix must not be one of another's names."""
    for one, other in combinations(range(MAX_CLUSTERS), 2):
        prefix = Layout(Path("/h"), "a", one, 1).node(1).host_link[:-1]
        assert not Layout(Path("/h"), "a", other, 1).node(1).host_link.startswith(prefix)
