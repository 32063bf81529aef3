"""kr8s: its watch alone, which begins with what exists; its list gives no version to go on from.

Peer of benchmarks/kube.py.
"""

import probe  # first, so that the import is measured

import asyncio  # isort: skip

import kr8s.asyncio as kr8s  # isort: skip
from kr8s import ALL  # isort: skip


async def main() -> None:
    told = probe.Probe(probe.expected())
    told.imported()
    known: dict[tuple[str, str], object] = {}
    api = await kr8s.api(kubeconfig=probe.kubeconfig())
    synced = False
    async for what, pod in api.watch("pods", namespace=ALL):
        if what == "DELETED":
            known.pop((pod.namespace, pod.name), None)
            told.drop(pod.namespace, pod.name)
            if told.last_seen:
                break
        else:
            known[pod.namespace, pod.name] = pod
            told.put(pod.namespace, pod.name, pod.metadata.resourceVersion)
        if not synced and len(told.versions) == told.expected:
            synced = True
            told.synced()
            told.begin_events()
    told.finished()


if __name__ == "__main__":
    asyncio.run(main())
