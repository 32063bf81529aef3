"""The one registry of settings.

Order, the later wins: default < file < ``HAVOK_*`` environment < flag. The file is
``$HAVOK_CONFIG``, else ``~/.config/havok/config.toml``: one table for each first word of a name, so
``cluster.api_port`` is ``api_port`` under ``[cluster]`` and ``HAVOK_CLUSTER_API_PORT`` in the environment.
An unknown name is an error that tells the nearest known one. docs/reference/settings.md is generated from
this table. Import of this module reads nothing; `Settings.load` does.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from havok.errors import UsageError

T = TypeVar("T", bound=str | int | float | bool)

PREFIX: Final = "HAVOK_"
OUTSIDE: Final = frozenset({"HAVOK_LANG", "HAVOK_CONFIG"})
"""Names with our prefix that are read before there are settings."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: its dotted name, its type (str, int, float, bool), and the paragraph about it."""

    name: str
    type: type
    default: str | int | float | bool
    unit: str = ""
    doc: str
    reloadable: bool = False

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return PREFIX + self.name.replace(".", "_").upper()


REGISTRY: Final[tuple[Setting, ...]] = (
    Setting(
        name="cluster.home", type=str, default="/var/lib/havok", unit="path",
        doc="Where local clusters keep their state: etcd, volumes, images, certificates. Root only. For "
        "others the default is `$XDG_DATA_HOME/havok`, else `~/.local/share/havok`.",
    ),
    Setting(
        name="cluster.cache", type=str, default="", unit="path",
        doc="Where built Kubernetes binaries are kept between clusters. Empty: `$XDG_CACHE_HOME/havok`, "
        "else `~/.cache/havok`.",
    ),
    Setting(
        name="cluster.bin_dir", type=str, default="", unit="path",
        doc="A folder of ready binaries of the pinned versions, used instead of building.",
    ),
    Setting(
        name="cluster.mirror", type=str, default="https://dl.k8s.io", unit="URL",
        doc="The Kubernetes release site or a mirror of it. When it answers quickly its binaries are taken "
        "instead of building, verified by the published SHA-512 sums. Empty: always build.",
    ),
    Setting(
        name="cluster.mirror_timeout", type=float, default=3.0, unit="seconds",
        doc="How long the mirror may take to answer the first request before building is the way.",
    ),
    Setting(
        name="cluster.api_port", type=int, default=0, unit="port",
        doc="The port on 127.0.0.1 where the API server is reached. 0: a free one is chosen when the cluster "
        "is made, and kept.",
    ),
    Setting(
        name="cluster.durable", type=bool, default=True,
        doc="Whether etcd waits for the disk at each write. Without it a power cut may cost the cluster; "
        "throw-away clusters start and deploy faster.",
    ),
    Setting(
        name="operator.namespace", type=str, default="logan",
        doc="The namespace that the operator lives in, with the central config and its snapshots: where "
        "`havok serve operator` keeps them, and where `havok config` and the preview of `havok deploy` look.",
    ),
    Setting(
        name="operator.config_map", type=str, default="",
        doc="The ConfigMap there that holds the central config. Empty: `$CONFIGMAP_NAME`, which the operator "
        "reads too, else `logan-app-operator-config`.",
    ),
    Setting(
        name="cluster.kwok_cpu", type=int, default=16, unit="cores",
        doc="The CPU that each simulated node offers, from when it is made.",
    ),
    Setting(
        name="cluster.kwok_memory", type=int, default=64, unit="GiB",
        doc="The memory that each simulated node offers, from when it is made.",
    ),
    Setting(
        name="cluster.kwok_pods", type=int, default=110, unit="pods",
        doc="How many pods each simulated node takes, from when it is made.",
    ),
    Setting(
        name="log.level", type=str, default="info",
        doc="How much Havok's own processes write: debug, info, warning or error.",
    ),
)  # fmt: skip


class Settings:
    """Settings with their values resolved. Immutable; `load` again to see a change."""

    def __init__(self, values: Mapping[str, str | int | float | bool]) -> None:
        self._values = dict(values)

    @classmethod
    def load(
        cls,
        *,
        flags: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        file: Path | None = None,
    ) -> "Settings":
        """Resolve every setting. `flags` has dotted names; None as a value means "not given".

        Raises UsageError `settings.unknown`, `settings.invalid` or `settings.file.unreadable`.
        """
        environ = os.environ if environ is None else environ
        values = {setting.name: setting.default for setting in REGISTRY}
        if os.geteuid() != 0:
            values["cluster.home"] = _personal_home(environ)
        values |= _from_file(file or _default_file(environ), must_exist=file is not None)
        values |= _from_environment(environ)
        for name, value in (flags or {}).items():
            if value is not None:
                values[name] = _convert(known(name, "flag"), value, f"flag for {name}")
        return cls(values)

    def get(self, name: str, kind: type[T]) -> T:
        """The value of `name`; a wrong name or type is a defect of ours: KeyError, TypeError."""
        value = self._values[name]
        if type(value) is not kind:
            raise TypeError(f"setting {name} is {type(value).__name__}, not {kind.__name__}")
        return cast("T", value)


def known(name: str, where: str) -> Setting:
    """The setting called `name`. Raises UsageError `settings.unknown` with the nearest known name."""
    for setting in REGISTRY:
        if setting.name == name:
            return setting
    near = difflib.get_close_matches(name, [setting.name for setting in REGISTRY], n=1)
    nearest = near[0] if near else REGISTRY[0].name
    raise UsageError(
        "settings.unknown",
        f"there is no setting {name} ({where})",
        f"did you mean {nearest}? All are in docs/reference/settings.md",
        name=name, where=where, nearest=nearest,
    )  # fmt: skip


def _personal_home(environ: Mapping[str, str]) -> str:
    """Where clusters of a person without root are kept."""
    base = environ.get("XDG_DATA_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".local/share")
    return str(Path(base) / "havok")


def _default_file(environ: Mapping[str, str]) -> Path:
    if named := environ.get("HAVOK_CONFIG"):
        return Path(named)
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".config")
    return Path(home) / "havok" / "config.toml"


def _from_file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    if not path.exists() and not must_exist:
        return {}
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            "settings.file.unreadable",
            f"the settings file {path} cannot be read: {error}",
            "correct it, or name another with HAVOK_CONFIG",
            path=str(path), reason=str(error),
        ) from error  # fmt: skip
    found: dict[str, Any] = {}
    for table, entries in tables.items():
        pairs = entries.items() if isinstance(entries, dict) else [("", entries)]
        for key, value in pairs:
            name = f"{table}.{key}" if key else table
            found[name] = _convert(known(name, str(path)), value, str(path))
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    by_variable = {setting.variable: setting for setting in REGISTRY}
    found: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable in OUTSIDE:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            setting = known(variable.removeprefix(PREFIX).lower().replace("_", ".", 1), variable)
        found[setting.name] = _convert(setting, text, variable)
    return found


def _convert(setting: Setting, value: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, setting.type, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(
            "settings.invalid",
            f"{where}: {setting.name} must be {_article(setting.type)}, not {value!r}",
            setting.doc,
            name=setting.name, where=where, value=str(value), kind=setting.type.__name__,
        ) from error  # fmt: skip


def _article(kind: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]
