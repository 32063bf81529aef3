"""The official client's SharedInformer, as its documentation shows it. Peer of benchmarks/kube.py."""

import probe  # first, so that the import is measured

import threading  # isort: skip

from kubernetes import client, config  # isort: skip
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer  # isort: skip


def main() -> None:
    told = probe.Probe(probe.expected())
    told.imported()
    synced, done = threading.Event(), threading.Event()

    def put(pod: client.V1Pod) -> None:
        told.put(pod.metadata.namespace, pod.metadata.name, pod.metadata.resource_version)
        if len(told.versions) == told.expected and not synced.is_set():
            told.synced()
            told.begin_events()
            synced.set()

    def drop(pod: client.V1Pod) -> None:
        told.drop(pod.metadata.namespace, pod.metadata.name)
        if told.last_seen:
            done.set()

    config.load_kube_config(probe.kubeconfig())
    informer = SharedInformer(client.CoreV1Api().list_pod_for_all_namespaces)
    informer.add_event_handler(ADDED, put)
    informer.add_event_handler(MODIFIED, put)
    informer.add_event_handler(DELETED, drop)
    informer.start()
    done.wait()
    told.finished()


if __name__ == "__main__":
    main()
