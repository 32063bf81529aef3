"""What is remembered of each local cluster between commands: one JSON file beside its data.

Indexes are handed out under a lock, so that two clusters made at once never share addresses or ports.
"""

import contextlib
import fcntl
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from havok.errors import ConflictError, HavokError, NotFoundError, UsageError
from havok.localcluster import network
from havok.localcluster.components import Options
from havok.localcluster.layout import MAX_CLUSTERS, Layout, personal_number
from havok.localcluster.pki import write_private

FIRST_API_PORT = 16443
ETCD_PORT = 2379
NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster's record. `binaries` are absolute paths by name.

    `nodes` are the numbers of its real nodes once one was added or removed, `stopped` those that a person
    stopped: they stay so until a person starts them. `simulated` is how many nodes kwok plays.
    """

    name: str
    index: int
    api_port: int
    options: Options
    password: str
    binaries: dict[str, str] = {}
    nodes: tuple[int, ...] | None = None
    stopped: tuple[int, ...] = ()
    simulated: int = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every real node, stopped ones too, in order."""
        return tuple(range(1, self.options.nodes + 1)) if self.nodes is None else self.nodes

    @property
    def running(self) -> tuple[int, ...]:
        """The real nodes that are to run."""
        return tuple(number for number in self.numbers if number not in self.stopped)

    def layout(self, home: Path) -> Layout:
        return Layout(home, self.name, self.index, self.api_port, real=not self.options.simulated)


def record_file(home: Path, name: str) -> Path:
    return home / "clusters" / name / "cluster.json"


def load(home: Path, name: str) -> Known:
    """The record of a cluster. Raises `cluster.unknown` or `cluster.record.damaged`."""
    check_name(name)
    file = record_file(home, name)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Known)
    except FileNotFoundError as error:
        raise NotFoundError(
            "cluster.unknown",
            f"there is no local cluster called {name}",
            "make it with `havok up" + ("`" if name == "default" else f" --name {name}`"),
            name=name,
        ) from error
    except PermissionError as error:
        raise needs_root() from error
    except (OSError, msgspec.MsgspecError) as error:
        raise HavokError(
            "cluster.record.damaged",
            f"the record of cluster {name} cannot be read: {error}",
            f"`havok down --name {name} --purge` removes what is left of it",
            name=name, reason=str(error),
        ) from error  # fmt: skip


def needs_root() -> HavokError:
    from havok.errors import ForbiddenError

    return ForbiddenError(
        "cluster.root.needed",
        "a local cluster with a real node needs root: it makes network namespaces, mounts and control groups",
        "run it with sudo; without root `havok up` makes a cluster of simulated nodes",
    )


def save(home: Path, known: Known) -> None:
    file = record_file(home, known.name)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(file, msgspec.json.encode(known))


def names(home: Path) -> list[str]:
    """Every cluster with a record, sorted."""
    with contextlib.suppress(OSError):
        return sorted(file.parent.name for file in (home / "clusters").glob("*/cluster.json"))
    return []


def create(home: Path, name: str, *, api_port: int, options: Options) -> Known:
    """Make the record of a new cluster: a free index, a free API port, a password for its registry.

    Somebody may have made it a moment ago: then it is theirs that counts.
    """
    check_name(name)
    with _lock(home):
        with contextlib.suppress(NotFoundError):
            return load(home, name)
        others = _others(home)
        index = _free_index(home, name, {known.index for known in others}, real=not options.simulated)
        taken = {known.api_port for known in others}
        port = api_port or next(
            port for port in range(_first_port(home, options) + index, 65000, MAX_CLUSTERS)
            if port not in taken and port_owner(port) is None
        )  # fmt: skip
        check_port(port, name)
        known = Known(
            name=name, index=index, api_port=port, options=options, password=secrets.token_urlsafe(24)
        )
        save(home, known)
    return known


def forget(home: Path, name: str) -> None:
    """Delete the record and all data of a cluster."""
    shutil.rmtree(home / "clusters" / name, ignore_errors=True)
    for folder in (home / "clusters", home):
        with contextlib.suppress(OSError):
            (folder / "lock").unlink(missing_ok=True)
            folder.rmdir()


def check_name(name: str) -> None:
    """Raises UsageError `cluster.name.invalid`."""
    if not NAME.fullmatch(name):
        raise UsageError(
            "cluster.name.invalid",
            f"{name!r} cannot be the name of a cluster",
            "use at most 20 small letters, digits and hyphens, beginning with a letter",
            name=name,
        )


def check_port(port: int, name: str) -> None:
    """Raises ConflictError `cluster.port.taken` when something listens on 127.0.0.1:port."""
    owner = port_owner(port)
    if owner is not None:
        raise ConflictError(
            "cluster.port.taken",
            f"port {port} on 127.0.0.1 is taken by {owner}",
            f"end that program, or choose another: `havok up --name {name} --api-port PORT`",
            port=port, owner=owner, name=name,
        )  # fmt: skip


def port_owner(port: int, host: str = "127.0.0.1") -> str | None:
    """Who has bound host:port, in words; None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return _listener(port) or "another program"
    return None


def _listener(port: int) -> str | None:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "0A":
                    inodes.add(f"socket:[{fields[9]}]")
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            for descriptor in folder.iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        command = (folder.parent / "comm").read_text().strip()
                        return f"{command} (pid {folder.parent.name})"
    return None


def _others(home: Path) -> list[Known]:
    """Every cluster whose record can be read."""
    found = []
    for name in names(home):
        with contextlib.suppress(HavokError):
            found.append(load(home, name))
    return found


def _first_port(home: Path, options: Options) -> int:
    """Apart for each person, whose clusters must find their ports again after a while."""
    return FIRST_API_PORT + (MAX_CLUSTERS * personal_number(home) if options.simulated else 0)


def _free_index(home: Path, name: str, used: set[int], *, real: bool) -> int:
    for index in range(MAX_CLUSTERS):
        layout = Layout(home, name, index, 0, real=real)
        if index in used or port_owner(ETCD_PORT, layout.addresses.loopback) is not None:
            continue  # ours, or that of a cluster in another person's home
        if not real or network.taken_by_others(layout, made=False) is None:
            return index
    raise ConflictError(
        "cluster.too.many",
        f"no free network for another cluster; {len(used)} exist",
        "remove one with `havok down --name NAME --purge`",
        count=len(used),
    )


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    try:
        (home / "clusters").mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / "lock").open("w")
    except PermissionError as error:
        raise needs_root() from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
