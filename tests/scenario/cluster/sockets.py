"""Who listens where: /proc/net of every network namespace that a cluster's processes are in."""

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from havok.localcluster import process

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
TCP_LISTEN = "0A"
UDP_OPEN = "07"


@dataclass(frozen=True)
class Listener:
    """A socket that waits for others. `owner` is a pid and the name of its program."""

    address: Address
    port: int
    owner: str


def listeners(mark: str) -> list[Listener]:
    """Every listening socket that a process of the cluster has open, in whatever namespace."""
    found = []
    for pid in process.marked(mark):
        owned = set(_sockets(pid))
        for inode, address, port in _table(pid):
            if inode in owned:
                found.append(Listener(address, port, f"{pid} {_name(pid)}"))
    return found


def namespace(pid: int) -> list[tuple[Address, int]]:
    """Every listening socket in the network namespace of a process, whoever has it open."""
    return [(address, port) for _, address, port in _table(pid)]


def _sockets(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = Path(entry.path).readlink()
                if str(target).startswith("socket:["):
                    yield str(target)[8:-1]


def _table(pid: int) -> Iterator[tuple[str, Address, int]]:
    """(inode, address, port) of listening sockets; an open datagram socket without a peer listens too."""
    for name, state in (("tcp", TCP_LISTEN), ("tcp6", TCP_LISTEN), ("udp", UDP_OPEN), ("udp6", UDP_OPEN)):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
                fields = line.split()
                address, _, port = fields[1].partition(":")
                if fields[3] == state and int(fields[2].partition(":")[2], 16) == 0:
                    yield fields[9], decode(address), int(port, 16)


def decode(text: str) -> Address:
    """The kernel writes an address as 32-bit words in the machine's order."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return "?"
