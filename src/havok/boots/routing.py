"""Which namespaces an environment's operator handles (contract 2.1)."""

from typing import Final

from havok.errors import UsageError

BY_SUFFIX: Final = ("dev", "auto")


def handles(environment: str, namespace: str) -> bool:
    """`dev` and `auto` have the namespaces that end so; every other environment has all the rest."""
    if environment in BY_SUFFIX:
        return namespace.endswith(f"-{environment}")
    return not namespace.endswith(tuple(f"-{suffix}" for suffix in BY_SUFFIX))


def apart(environments: tuple[str, ...]) -> tuple[str, ...]:
    """The environments, of which no two handle the same namespaces.

    Raises UsageError `boots.environments.overlap`.
    """
    unique = tuple(dict.fromkeys(environments))
    shared = [one for one in unique if one not in BY_SUFFIX]
    if len(shared) > 1:
        raise UsageError(
            "boots.environments.overlap",
            f"environments {' and '.join(shared)} would both handle every namespace without a suffix",
            f"name one of them in LOGAN_ENV, beside {' and '.join(BY_SUFFIX)} if you like",
            environments=", ".join(shared), suffixes=", ".join(BY_SUFFIX),
        )  # fmt: skip
    return unique
