"""Which namespaces an environment's operator handles (contract 2.1)."""

from typing import Final

BY_SUFFIX: Final = ("dev", "auto")


def handles(environment: str, namespace: str) -> bool:
    """`dev` and `auto` have the namespaces that end so; every other environment has all the rest."""
    if environment in BY_SUFFIX:
        return namespace.endswith(f"-{environment}")
    return not namespace.endswith(tuple(f"-{suffix}" for suffix in BY_SUFFIX))
