"""havok.kube, the way Havok uses it: the slim view of a pod. Peer of benchmarks/kube.py."""

import probe  # first, so that the import is measured

import asyncio  # isort: skip
import sys  # isort: skip

from havok.kube import Cache, Client, load_access  # isort: skip
from havok.kube.resources import PODS  # isort: skip
from havok.kube.views import Pod  # isort: skip


async def main(view: type) -> None:
    told = probe.Probe(probe.expected())
    told.imported()
    done = asyncio.Event()

    def see(old: object, new: object) -> None:
        if new is None:
            told.drop(*key(old))
            if told.last_seen:
                done.set()
        else:
            told.put(*key(new), version(new))

    async with Client(load_access(probe.kubeconfig())) as client:
        cache = Cache(client, PODS, view=view)
        cache.subscribe(see)
        running = asyncio.create_task(cache.run())
        await cache.synced()
        told.synced()
        told.begin_events()
        await done.wait()
        told.finished()
        running.cancel()


def key(obj: object) -> tuple[str, str]:
    if isinstance(obj, dict):
        return obj["metadata"]["namespace"], obj["metadata"]["name"]
    return obj.metadata.namespace, obj.metadata.name


def version(obj: object) -> str:
    return obj["metadata"]["resourceVersion"] if isinstance(obj, dict) else obj.metadata.resource_version


if __name__ == "__main__":
    asyncio.run(main(dict if "--full" in sys.argv else Pod))
