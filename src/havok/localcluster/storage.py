"""The local cluster's dynamic volumes: a folder for each claim, made when its pod has a node, gone with it.

A level-triggered controller on `havok.kube`. It owns volumes that carry its annotation, and no others. Sizes
are not enforced: all volumes share the file system of the cluster's home. Source: Kubernetes "Dynamic Volume
Provisioning" and the annotations that the volume binder writes.
"""

import argparse
import asyncio
import contextlib
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from havok import log
from havok.kube import AlreadyExists, Client, NotFound, load_access
from havok.kube.cache import Cache
from havok.kube.controller import Controller, Request, Result
from havok.kube.resources import PVCS, PVS, STORAGECLASSES
from havok.kube.views import ObjectMeta
from havok.localcluster.addons import PROVISIONER

SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class ClaimSpec(msgspec.Struct, frozen=True, rename="camel"):
    storage_class_name: str | None = None
    volume_name: str = ""
    access_modes: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    resources: Mapping[str, Mapping[str, str]] = {}


class Claim(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    spec: ClaimSpec = ClaimSpec()


class VolumeSpec(msgspec.Struct, frozen=True, rename="camel"):
    persistent_volume_reclaim_policy: str = "Retain"


class VolumeStatus(msgspec.Struct, frozen=True):
    phase: str = ""


class Volume(msgspec.Struct, frozen=True):
    metadata: ObjectMeta
    spec: VolumeSpec = VolumeSpec()
    status: VolumeStatus = VolumeStatus()


class StorageClass(msgspec.Struct, frozen=True, rename="camel"):
    metadata: ObjectMeta
    provisioner: str = ""
    reclaim_policy: str = "Delete"


def volume_for(claim: Claim, storage_class: StorageClass, folder: Path) -> dict[str, Any] | None:
    """The volume a claim waits for; None when it is not ours, bound, or has no node yet. Pure."""
    node = claim.metadata.annotations.get(SELECTED_NODE)
    if storage_class.provisioner != PROVISIONER or claim.spec.volume_name or not node:
        return None
    if claim.spec.volume_mode != "Filesystem":
        return None
    meta = claim.metadata
    # Every real node sees the same folders, so that a pod that must leave its node finds its data elsewhere.
    terms = [
        {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
        for key, value in (("kubernetes.io/hostname", node), ("havok.dev/local", "true"))
    ]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"pvc-{meta.uid}", "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": claim.spec.resources.get("requests", {}).get("storage", "1Gi")},
            "accessModes": list(claim.spec.access_modes),
            "persistentVolumeReclaimPolicy": storage_class.reclaim_policy,
            "storageClassName": storage_class.metadata.name,
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": meta.namespace,
                "name": meta.name, "uid": meta.uid,
            },
            "local": {"path": str(folder / meta.uid)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }  # fmt: skip


class Provisioner:
    """Claims to folders and volumes; released volumes back to nothing."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._claims = Cache(client, PVCS, view=Claim)
        self._volumes = Cache(client, PVS, view=Volume)
        self._classes = Cache(client, STORAGECLASSES, view=StorageClass)
        self._log = log.get_logger("localcluster.storage")

    async def run(self) -> None:
        """Work until cancelled."""
        claims = Controller("storage-claims", self._provision)
        claims.watch(self._claims)
        volumes = Controller("storage-volumes", self._reclaim)
        volumes.watch(self._volumes)
        async with asyncio.TaskGroup() as group:
            for cache in (self._claims, self._volumes, self._classes):
                group.create_task(cache.run())
            await self._classes.synced()
            group.create_task(claims.run())
            group.create_task(volumes.run())

    async def _provision(self, request: Request) -> Result | None:
        claim = self._claims.get(request.namespace, request.name)
        if claim is None or claim.spec.storage_class_name is None:
            return None
        storage_class = self._classes.get("", claim.spec.storage_class_name)
        if storage_class is None:
            return None
        volume = volume_for(claim, storage_class, self._folder)
        if volume is None or self._volumes.get("", volume["metadata"]["name"]) is not None:
            return None
        await asyncio.to_thread(_make_folder, Path(volume["spec"]["local"]["path"]))
        with contextlib.suppress(AlreadyExists):
            await self._client.create(PVS, volume)
            self._log.info("volume made", claim=f"{request.namespace}/{request.name}")
        return None

    async def _reclaim(self, request: Request) -> Result | None:
        volume = self._volumes.get("", request.name)
        if volume is None or volume.metadata.annotations.get(PROVISIONED_BY) != PROVISIONER:
            return None
        policy = volume.spec.persistent_volume_reclaim_policy
        if volume.status.phase != "Released" or policy != "Delete":
            return None
        folder = self._folder / request.name.removeprefix("pvc-")
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        with contextlib.suppress(NotFound):
            await self._client.delete(PVS, request.name, uid=volume.metadata.uid)
            self._log.info("volume removed", volume=request.name)
        return None


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)  # any user id of any image may write; the parent folder keeps others out


async def serve(kubeconfig: str, folder: Path) -> None:
    """Provision until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Client(load_access(kubeconfig), user_agent="havok-storage") as client:
        work = asyncio.create_task(Provisioner(client, folder).run())
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, stopped):
            task.cancel()
        await asyncio.gather(work, stopped, return_exceptions=True)
        if work in done and not work.cancelled() and (error := work.exception()):
            raise error


def main() -> None:
    """``python -m havok.localcluster.storage --kubeconfig FILE --folder FOLDER``."""
    parser = argparse.ArgumentParser(description="Dynamic volumes of a local cluster")
    parser.add_argument("--kubeconfig", required=True, help="the provisioner's own kubeconfig")
    parser.add_argument("--folder", required=True, type=Path, help="where the volumes' folders are made")
    arguments = parser.parse_args()
    log.configure()
    asyncio.run(serve(arguments.kubeconfig, arguments.folder))


if __name__ == "__main__":
    main()
