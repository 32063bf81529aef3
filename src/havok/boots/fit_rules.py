"""What no cluster would take, as far as the Boot's own fields tell it: labels of nodes, resources, mounts.

Pure. These are Kubernetes' own rules (core validation of pod templates), applied to a filled Boot, so that a
mistake is told when it is made and at the field where it was made, not by a workload that is never written.
What the central config lays over a pod is not seen here; the API server judges that.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from havok.boots.merge import Variables
from havok.boots.quantity import amount
from havok.boots.rules import Refusal
from havok.codec import Json
from havok.crds import BootSpec
from havok.crds.spec import ResourceRequirements

Amounts = Mapping[str, str | int | float]

STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
HUGE_PAGES: Final = "hugepages-"
_NAME: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]")
_PREFIX: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def fit(spec: BootSpec, variables: Variables) -> Refusal | None:
    """The first thing that no pod of this filled Boot can have; None when nothing is wrong to see."""
    needs = resources(spec.resources) if spec.resources is not None else None
    return node_selector(spec.node_selector) or needs or _mounts(spec, variables)


def node_selector(labels: Mapping[str, str], path: str = "spec.nodeSelector") -> Refusal | None:
    """Whether these can be labels of a node."""
    for key, value in labels.items():
        if not _is_qualified(key):
            return Refusal(
                "boots.refused.selector.key",
                f'{path}: "{key}" is no key of a label',
                "use letters, digits, '-', '_' and '.', at most 63, after a prefix like example.com/ or none",
                field=path, key=key,
            )  # fmt: skip
        if value and not _NAME.fullmatch(value):
            return Refusal(
                "boots.refused.selector.value",
                f'{path}: "{value}" is no value of the label {key}',
                "use letters, digits, '-', '_' and '.', at most 63, with a letter or digit at both ends",
                field=path, key=key, value=value,
            )  # fmt: skip
    return None


def resources(needs: ResourceRequirements, path: str = "spec.resources") -> Refusal | None:
    """Whether a container can have these limits and requests."""
    for part, amounts in (("limits", needs.limits), ("requests", needs.requests)):
        if wrong := _amounts(amounts, f"{path}.{part}"):
            return wrong
    names = {*needs.limits, *needs.requests}
    if any(name.startswith(HUGE_PAGES) for name in names) and names.isdisjoint(("cpu", "memory")):
        return Refusal(
            "boots.refused.resources.alone",
            f"{path}: huge pages are asked for without cpu or memory",
            "give a limit of memory too",
            field=path,
        )  # fmt: skip
    return _below_limits(needs, path)


def claims(spec: BootSpec, pod: Json) -> Refusal | None:
    """Whether the dynamic resources that the app claims are entries of the pod; `pod` is the config's."""
    entries = {entry.get("name") for entry in pod.get("resourceClaims") or ()}
    for at, claim in enumerate(spec.resources.claims if spec.resources is not None else ()):
        if claim.name not in entries:
            return Refusal(
                "boots.refused.resources.claim",
                f"spec.resources.claims[{at}].name: {claim.name} is no entry of the pod's resourceClaims",
                "the platform keeps those in podSpec of the central config; name one of them",
                field=f"spec.resources.claims[{at}].name", name=claim.name,
            )  # fmt: skip
    return None


def _amounts(amounts: Amounts, path: str) -> Refusal | None:
    for name, value in amounts.items():
        if not is_resource(name):
            return Refusal(
                "boots.refused.resources.name",
                f'{path}: "{name}" is no resource of a container',
                "use cpu, memory, ephemeral-storage, or a device like nvidia.com/gpu",
                field=path, name=name,
            )  # fmt: skip
        exact = amount(value)
        if _is_device(name) and exact is not None and exact != exact.to_integral_value():
            return Refusal(
                "boots.refused.resources.whole",
                f"{path}: {value} of {name} is not a whole number",
                "give a whole number of devices",
                field=path, name=name, value=value,
            )  # fmt: skip
    return None


def _below_limits(needs: ResourceRequirements, path: str) -> Refusal | None:
    for name, request in needs.requests.items():
        shared = not _is_device(name) and not name.startswith(HUGE_PAGES)
        limit = needs.limits.get(name)
        asked, most = amount(request), amount(limit) if limit is not None else None
        if shared and asked is not None and most is not None and asked > most:
            return Refusal(
                "boots.refused.resources.more",
                f"{path}.requests: {request} of {name} is more than its limit {limit}",
                "lower the request or raise the limit",
                field=f"{path}.requests", name=name, request=request, limit=limit,
            )  # fmt: skip
        if not shared and asked != most:
            return Refusal(
                "boots.refused.resources.limit",
                f"{path}.requests: {request} of {name} has no limit of the same amount",
                f"give limits.{name} the same amount, or leave the request out",
                field=f"{path}.requests", name=name, request=request,
            )  # fmt: skip
    return None


def _mounts(spec: BootSpec, variables: Variables) -> Refusal | None:
    if at := _repeated(variables.expand(claim.name) for claim in spec.pvc):
        name = variables.expand(spec.pvc[at].name)
        return Refusal(
            "boots.refused.pvc.twice",
            f"spec.pvc[{at}].name: the pvc {name} is named twice",
            "leave one of them out",
            field=f"spec.pvc[{at}].name", name=name,
        )  # fmt: skip
    if at := _repeated(claim.mount_path for claim in spec.pvc):
        place = spec.pvc[at].mount_path
        return Refusal(
            "boots.refused.pvc.place",
            f"spec.pvc[{at}].mountPath: two claims are mounted at {place}",
            "give each a path of its own",
            field=f"spec.pvc[{at}].mountPath", place=place,
        )  # fmt: skip
    return None


def _repeated(values: Iterable[str]) -> int:
    """Where a value stands that stood before; 0 when none does."""
    seen = set[str]()
    for at, value in enumerate(values):
        if value in seen:
            return at
        seen.add(value)
    return 0


def is_resource(name: str) -> bool:
    """Whether a container can have a resource of this name."""
    return name in STANDARD or name.startswith(HUGE_PAGES) or _is_device(name)


def _is_device(name: str) -> bool:
    """An extended resource: its name has a domain that is not Kubernetes' own."""
    return "/" in name and "kubernetes.io/" not in name and _is_qualified(f"requests.{name}")


def _is_qualified(name: str) -> bool:
    prefix, slash, rest = name.rpartition("/")
    if slash and (len(prefix) > 253 or not _PREFIX.fullmatch(prefix)):
        return False
    return bool(_NAME.fullmatch(rest))
