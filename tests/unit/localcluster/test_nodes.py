"""Which nodes a record holds after each verb."""

import msgspec
import pytest

from havok.errors import HavokError
from havok.localcluster import nodes
from havok.localcluster.components import Options
from havok.localcluster.state import Known

KNOWN = Known(name="t", index=0, api_port=1, options=Options(nodes=2), password="")


def test_a_record_of_before_there_were_several_nodes() -> None:
    text = b'{"name":"t","index":0,"api_port":1,"options":{"durable":true,"nodes":1},"password":""}'
    assert msgspec.json.decode(text, type=Known).running == (1,)


def test_the_lowest_free_numbers_come_first() -> None:
    gap = nodes._without(KNOWN, 1)
    assert gap.numbers == (2,)
    assert nodes._grown(gap, 3).numbers == (1, 2, 3)
    assert nodes._grown(KNOWN, 1).numbers == (1, 2)


def test_a_stopped_node_counts_but_does_not_run() -> None:
    stopped = nodes._stopped(KNOWN, 2)
    assert (stopped.numbers, stopped.running) == ((1, 2), (1,))
    assert nodes._grown(stopped, 3).running == (1, 3)
    assert nodes._started(stopped, 2).running == (1, 2)
    assert nodes._without(stopped, 2).stopped == ()


@pytest.mark.parametrize("name", ["node-2", "2"])
def test_a_node_is_named_in_full_or_by_its_number(name: str) -> None:
    assert nodes._number(KNOWN, name) == 2


@pytest.mark.parametrize("name", ["node-3", "kwok-1", "", "node-two"])
def test_a_node_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(HavokError) as refused:
        nodes._number(KNOWN, name)
    assert refused.value.code == "cluster.node.unknown"
    assert "node-1, node-2" in refused.value.hint


@pytest.mark.parametrize("count", [-1, 0, nodes.MOST + 1])
def test_counts_that_no_cluster_has(count: int) -> None:
    with pytest.raises(HavokError) as refused:
        nodes._check_count(count)
    assert refused.value.code == "cluster.nodes.count"
