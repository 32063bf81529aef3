"""kubernetes_asyncio: a list in pages, then its Watch from there. Peer of benchmarks/kube.py."""

import probe  # first, so that the import is measured

import asyncio  # isort: skip

from kubernetes_asyncio import client, config, watch  # isort: skip


async def main() -> None:
    told = probe.Probe(probe.expected())
    told.imported()
    known: dict[tuple[str, str], object] = {}
    await config.load_kube_config(probe.kubeconfig())
    async with client.ApiClient() as api:
        pods = client.CoreV1Api(api)
        token = None
        while True:
            page = await pods.list_pod_for_all_namespaces(limit=500, _continue=token)
            for pod in page.items:
                known[pod.metadata.namespace, pod.metadata.name] = pod
                told.put(pod.metadata.namespace, pod.metadata.name, pod.metadata.resource_version)
            token = page.metadata._continue
            if not token:
                break
        version = page.metadata.resource_version
        del page
        told.synced()
        told.begin_events()
        async with watch.Watch() as stream:
            async for event in stream.stream(pods.list_pod_for_all_namespaces, resource_version=version):
                meta = event["object"].metadata
                if event["type"] == "DELETED":
                    known.pop((meta.namespace, meta.name), None)
                    told.drop(meta.namespace, meta.name)
                    if told.last_seen:
                        break
                else:
                    known[meta.namespace, meta.name] = event["object"]
                    told.put(meta.namespace, meta.name, meta.resource_version)
        told.finished()


if __name__ == "__main__":
    asyncio.run(main())
