"""The interpreter and the container around it: read from /proc and the cgroup, in words and numbers."""

import os
import platform
import time
from pathlib import Path

MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # v2, v1


def describe() -> list[str]:
    """What one wants to read first in a log."""
    cpus = len(os.sched_getaffinity(0))
    return [
        f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}",
        f"{cpus} CPUs, {memory_limit_bytes() // 2**20} MiB memory",
    ]


def memory_limit_bytes() -> int:
    """What this process may use: the limit of its container, else the memory of the machine."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in map(Path, MEMORY_LIMITS):
        text = path.read_text().strip() if path.is_file() else "max"
        if text.isdigit():
            machine = min(machine, int(text))
    return machine


def memory_resident_bytes() -> int:
    """The memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def started_at() -> float:
    """When this process started, Unix time in seconds."""
    return time.time() - uptime_seconds()


def uptime_seconds() -> float:
    """Since the kernel started this process, so the start of the interpreter is counted too."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22, seconds after boot
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
