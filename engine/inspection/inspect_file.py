"""Looks at one file: its facts, its level, and what the detectors say; nothing is written."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rebounce import __version__
from rebounce.engine.errors import RebounceError
from rebounce.engine.inspection.inspector import Inspector, all_detectors
from rebounce.engine.meters import Meters
from rebounce.engine.pcm import GRID_FRAMES
from rebounce.engine.source import Source, open_source

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One JSON object a file; a number that is undefined is None, and so are the findings of a file that failed."""

    input: str
    error: str | None = None
    messages: tuple[str, ...] = ()
    version: str = __version__
    seconds: float | None = None
    realtime_factor: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    frames: int | None = None
    subtype: str | None = None
    lufs: float | None = None
    true_peak_dbtp: float | None = None
    findings: list[dict[str, Any]] | None = None

    def to_json(self) -> str:
        """One line of JSON, in ASCII so that no terminal or pipe can spoil a name; NaN cannot get in."""
        return json.dumps(asdict(self), allow_nan=False)


def inspect_file(path: Path, on_progress: Progress = lambda fraction: None) -> Inspection:
    """Everything that is found in a file; raises what it cannot be read for."""
    started_s = time.perf_counter()
    with open_source(path) as source:
        info = source.info
        meters = Meters(info.sample_rate_hz, info.channels)
        with Inspector(info.sample_rate_hz, info.channels, all_detectors()) as inspector:
            _show(source, inspector, meters, on_progress)
            diagnoses = inspector.diagnoses()
    seconds, level = time.perf_counter() - started_s, meters.level()
    length_s = info.frames / info.sample_rate_hz
    return Inspection(
        input=str(path),
        messages=info.messages,
        seconds=seconds,
        realtime_factor=length_s / seconds if length_s else None,
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        frames=info.frames,
        subtype=info.subtype,
        lufs=level.lufs,
        true_peak_dbtp=level.true_peak_dbtp,
        findings=[finding.to_dict() for diagnosis in diagnoses.values() for finding in diagnosis.findings],
    )


def attempt_inspection(path: Path, on_progress: Progress) -> Inspection:
    """`inspect_file`, with whatever went wrong as its error, so that a batch goes on."""
    try:
        return inspect_file(path, on_progress)
    except (RebounceError, OSError) as problem:
        text = str(problem)
        return Inspection(input=str(path), error=text if str(path) in text else f"{path}: {text}")
    except MemoryError:
        return Inspection(input=str(path), error=f"{path}: the memory is used up; close other programs")
    except Exception as problem:
        # A fault of ours must not cost the other files of a batch their findings.
        error = f"{path}: unexpected {type(problem).__name__}: {problem}; please report it"
        return Inspection(input=str(path), error=error)


def _show(source: Source, inspector: Inspector, meters: Meters, on_progress: Progress) -> None:
    total = max(1, -(-source.info.frames // GRID_FRAMES))
    for number, block in enumerate(source.blocks(), start=1):
        meters.add(block.audio)
        inspector.see(block.audio)
        on_progress(min(number / total, 1.0))
