"""How much memory there is to use."""

import os
from collections.abc import Sequence
from pathlib import Path

import jax


def text(size: int | float) -> str:
    """`1.5 GB`"""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _left(group: Path) -> int | None:
    """What a control group may still take; files it keeps in cache can be dropped."""
    try:
        ceiling = int((group / "memory.max").read_text())
        used = int((group / "memory.current").read_text())
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return ceiling - used + int(stat.get("inactive_file", 0))


def _ceilings() -> list[int]:
    """What is left below the ceilings that a container or a batch system put on us."""
    try:
        relative = Path("/proc/self/cgroup").read_text().splitlines()[-1].split("::")[-1]
    except OSError:
        return []
    group = Path("/sys/fs/cgroup") / relative.lstrip("/")
    return [left for g in (group, *group.parents) if (left := _left(g)) is not None]


def of_host() -> int:
    """Bytes that this machine can give."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration):
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([free, *_ceilings()])


def of_devices(devices: Sequence[jax.Device]) -> int:  # pyright: ignore[reportInvalidTypeForm]
    """Bytes that the smallest of the devices can give; CPU devices share the host's."""
    stats = [device.memory_stats() or {} for device in devices]
    if all("bytes_limit" in s for s in stats):
        return min(s["bytes_limit"] - s.get("bytes_in_use", 0) for s in stats)
    return of_host() // len(devices)
