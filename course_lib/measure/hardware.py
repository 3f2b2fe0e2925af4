"""What this machine is, and what it really gives us: a container's share, not the host's size."""

import os
import platform
from importlib import metadata
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def machine() -> dict:
    """Versions and hardware, for every number that is stored."""
    import torch  # `course doctor` looks at cores and memory where torch may be broken

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": metadata.version("torchvision"),  # importing it takes 170 MB
        "processor": processor,
        "cores": os.cpu_count(),
        "gpu": gpu,
    }


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores that this process may use: its affinity, cut to the container's quota, at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        cores = os.cpu_count() or 1
    quota = _cpu_quota(cgroup)
    return max(1, min(cores, round(quota))) if quota else cores


def memory(cgroup: Path = CGROUP) -> tuple[int, int]:
    """(total, available) bytes, cut to the container's limit."""
    import psutil

    machine = psutil.virtual_memory()
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        total = _number(cgroup / limit)
        if total and total < machine.total:
            free = max(0, total - (_number(cgroup / used) or 0))
            return int(total), int(min(free, machine.available))
    return machine.total, machine.available


def _cpu_quota(cgroup: Path) -> float | None:
    """Cores that the container may use, None without a limit (cgroup v2, then v1)."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    share = _number(cgroup / "cpu/cpu.cfs_quota_us")
    whole = _number(cgroup / "cpu/cpu.cfs_period_us")
    return share / whole if share and share > 0 and whole else None


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None
