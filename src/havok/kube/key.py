"""What every object has, whether it is a view or a plain dict: a key, a version, a uid."""

from typing import Any, TypeAlias

Key: TypeAlias = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-wide kinds."""


def key_of(obj: Any) -> Key:
    """(namespace, name) of a view or a dict."""
    if isinstance(obj, dict):
        meta = obj["metadata"]
        return meta.get("namespace", ""), meta["name"]
    meta = obj.metadata
    return meta.namespace, meta.name


def version_of(obj: Any) -> str:
    """resourceVersion of a view or a dict."""
    if isinstance(obj, dict):
        return str(obj["metadata"].get("resourceVersion", ""))
    return str(obj.metadata.resource_version)


def uid_of(obj: Any) -> str:
    """uid of a view or a dict; empty where the view leaves it out."""
    if isinstance(obj, dict):
        return str(obj["metadata"].get("uid", ""))
    return str(getattr(obj.metadata, "uid", ""))
