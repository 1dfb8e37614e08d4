"""Whether the files of a bounce are still those that the ledger means.

The ledger knows where they were put, and where they went when newer ones took their names. What somebody did to them
since, it does not know.
"""

from typing import Any

from rebounce.watchers.bounce import Bounce
from rebounce.watchers.layout import Layout
from rebounce.watchers.side_files import read_record, record_place

# Some file systems keep no more than every second one.
MTIME_STEP_NS = 2_000_000_000


def original_of(layout: Layout, bounce: Bounce) -> str | None:
    """Where the original lies; None when it is gone, or was written to."""
    try:
        status = layout.at(bounce.source).stat()
    except (OSError, ValueError):
        return None
    is_near = abs(status.st_mtime_ns - bounce.stamp.mtime_ns) <= MTIME_STEP_NS
    return bounce.source if status.st_size == bounce.stamp.size and is_near else None


def result_of(layout: Layout, bounce: Bounce) -> str | None:
    """Where the result lies; None where there is none, or the record beside it says that it is another one."""
    if bounce.result is None or not layout.at(bounce.result).is_file():
        return None
    beside_it = read_record(layout.at(record_place(layout, bounce.result)))
    is_other = beside_it is not None and bounce.record is not None and _identity(beside_it) != _identity(bounce.record)
    return None if is_other else bounce.result


def _identity(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in ("input_sha256", "preset_hash", "seconds"))
