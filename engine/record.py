"""The record of one file: what was asked, what was done, what was measured."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESTORED, UNCHANGED, SKIPPED, ERROR = "restored", "unchanged", "skipped", "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One JSON object a file; a number that is undefined is None.

    `findings` is None when no analysis of faults ran, and empty when one ran and found nothing.
    """

    input: str
    output: str | None
    status: str
    error: str | None = None
    messages: tuple[str, ...] = ()
    version: str
    preset: str
    preset_hash: str
    input_sha256: str | None = None
    model: str | None = None
    device: str = "cpu"
    seconds: float | None = None
    realtime_factor: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    frames: int | None = None
    subtype: str | None = None
    lufs_in: float | None = None
    lufs_out: float | None = None
    true_peak_in_dbtp: float | None = None
    true_peak_out_dbtp: float | None = None
    level_change_db: float | None = None
    clipped_samples: int | None = None
    findings: list[dict[str, Any]] | None = field(default=None)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data, in the order of the contract."""
        return asdict(self)

    def to_json(self) -> str:
        """One line of JSON, in ASCII so that no terminal or pipe can spoil a name; NaN cannot get in."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def write(self, path: Path) -> None:
        """Write the record beside an output."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)
        # Bytes in a name that are no text become the escapes that JSON has for them.
        path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
