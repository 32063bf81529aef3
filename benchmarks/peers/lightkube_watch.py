"""lightkube: a list in pages, then a watch from there. Peer of benchmarks/kube.py."""

import probe  # first, so that the import is measured

import asyncio  # isort: skip

from lightkube import AsyncClient, KubeConfig  # isort: skip
from lightkube.resources.core_v1 import Pod  # isort: skip


async def main() -> None:
    told = probe.Probe(probe.expected())
    told.imported()
    known: dict[tuple[str, str], object] = {}
    client = AsyncClient(KubeConfig.from_file(probe.kubeconfig()))
    pods = client.list(Pod, namespace="*", chunk_size=500)
    async for pod in pods:
        known[pod.metadata.namespace, pod.metadata.name] = pod
        told.put(pod.metadata.namespace, pod.metadata.name, pod.metadata.resourceVersion)
    told.synced()
    told.begin_events()
    async for what, pod in client.watch(Pod, namespace="*", resource_version=pods.resourceVersion):
        meta = pod.metadata
        if what == "DELETED":
            known.pop((meta.namespace, meta.name), None)
            told.drop(meta.namespace, meta.name)
            if told.last_seen:
                break
        else:
            known[meta.namespace, meta.name] = pod
            told.put(meta.namespace, meta.name, meta.resourceVersion)
    told.finished()


if __name__ == "__main__":
    asyncio.run(main())
