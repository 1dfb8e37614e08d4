"""How much memory there is to be had: the machine's, or what its control group leaves."""

import sys
from pathlib import Path

import pytest

from rebounce.engine.free_memory import free_memory

GIB = 1 << 30
MEMINFO = f"MemTotal: {16 * GIB // 1024} kB\nMemFree: 1024 kB\nMemAvailable: {8 * GIB // 1024} kB\nSwapFree: 2048 kB\n"
MACHINE = 8 * GIB + (2 << 20)

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="reads what Linux tells")


def _system(root: Path, **files: str) -> Path:
    """A root folder with these files; two underscores stand for a slash."""
    for name, text in {"proc__meminfo": MEMINFO, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_machine_has_some() -> None:
    free = free_memory()
    assert free is not None
    assert 10 << 20 < free < 1 << 50


def test_without_a_limit_it_is_what_the_machine_can_give_swap_included(tmp_path: Path) -> None:
    assert free_memory(_system(tmp_path)) == MACHINE


def test_a_system_that_tells_nothing_gives_no_number(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None
    assert free_memory(_system(tmp_path, proc__meminfo="MemTotal: many\n\n:\n")) is None


def test_a_limit_of_the_control_group_counts_with_the_files_it_keeps_in_memory(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/user/work/memory."
    root = _system(
        tmp_path,
        proc__self__cgroup="0::/user/work\n",
        **{f"{group}max": str(4 * GIB), f"{group}current": str(3 * GIB)},
        **{f"{group}stat": f"anon {2 * GIB}\ninactive_file {GIB // 2}\nactive_file {GIB // 4}\n"},
    )
    assert free_memory(root) == GIB + GIB // 2 + GIB // 4


def test_the_tightest_of_the_groups_around_a_process_counts(tmp_path: Path) -> None:
    limits = {"": "max", "user/": str(2 * GIB), "user/work/": str(3 * GIB)}
    files = {f"sys/fs/cgroup/{group}memory.max": limit for group, limit in limits.items()}
    files |= {f"sys/fs/cgroup/{group}memory.current": str(GIB) for group in limits}
    assert free_memory(_system(tmp_path, proc__self__cgroup="0::/user/work\n", **files)) == GIB


def test_a_container_that_does_not_see_its_own_path_has_its_limit_at_the_root(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": str(2 * GIB), "sys/fs/cgroup/memory.current": str(GIB)}
    assert free_memory(_system(tmp_path, proc__self__cgroup="0::/../../docker/4f2\n", **files)) == GIB


def test_the_first_version_of_control_groups_is_understood_too(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/memory/box/memory."
    root = _system(
        tmp_path,
        proc__self__cgroup="5:devices:/\n4:cpu,memory:/box\n1:name=systemd:/\n",
        **{
            f"{base}limit_in_bytes": str(GIB),
            f"{base}usage_in_bytes": str(GIB),
            f"{base}stat": "total_inactive_file 512\n",
        },
        **{"sys/fs/cgroup/memory/memory.limit_in_bytes": str((1 << 63) - 4096)},
        **{"sys/fs/cgroup/memory/memory.usage_in_bytes": str(9 * GIB)},
    )
    assert free_memory(root) == 512


def test_a_group_over_its_limit_has_nothing_left_and_not_less(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": "1000", "sys/fs/cgroup/memory.current": "3000"}
    assert free_memory(_system(tmp_path, proc__self__cgroup="0::/\n", **files)) == 0
