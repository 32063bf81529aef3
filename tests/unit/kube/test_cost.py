"""What reading costs: generous ceilings, an order of magnitude above what was measured."""

import gc
import resource
import time

import msgspec

from havok.kube.key import key_of
from havok.kube.store import Store
from havok.kube.views import Pod
from havok.kube.wire import PageDecoder

PODS = 5000


def pod(number: int) -> dict[str, object]:
    """About 10 KB, most of which no view reads."""
    env = [{"name": f"VARIABLE_{index}", "value": "some value of usual length"} for index in range(60)]
    fields: dict[str, object] = {f"f:field{index}": {"f:inner": {}, "f:other": {}} for index in range(90)}
    container = {"name": "app", "image": "registry.example/team/app:1.2.3", "env": env}
    status = {"name": "app", "ready": True, "restartCount": 0}
    return {
        "metadata": {
            "name": f"app-{number}", "namespace": f"team-{number % 50}", "uid": str(number),
            "resourceVersion": str(number), "labels": {"app": "havok", "bootName": f"app-{number}"},
            "managedFields": [{"manager": "kubelet", "fieldsV1": fields}],
        },
        "spec": {"nodeName": f"node-{number % 100}", "containers": [container]},
        "status": {"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": [status]},
    }  # fmt: skip


def test_five_thousand_pods_cost_little_time_and_memory() -> None:
    body = msgspec.json.encode({"metadata": {"resourceVersion": "1"}, "items": [pod(i) for i in range(PODS)]})
    gc.collect()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    page = PageDecoder(Pod, "pods").decode(body)
    store = Store[Pod]({"node": lambda one: [one.spec.node_name]})
    store.replace({key_of(one): one for one in page.items}, set())
    seconds = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / PODS
    assert (len(store), page.broken) == (PODS, [])
    assert len(store.by_index("node", "node-7")) == PODS // 100
    assert seconds < 1.5, f"{seconds:.2f} CPU seconds"
    assert grown < 24, f"{grown:.1f} KiB a pod"
