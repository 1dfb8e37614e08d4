"""The demo: a mix is made, damaged, restored and measured, and everything is left to be heard and seen."""

import filecmp
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import soundfile

from rebounce.cli_presets import find_preset
from rebounce.engine import wording
from rebounce.engine.audio import Audio
from rebounce.engine.board import Board
from rebounce.engine.job import Job
from rebounce.engine.meters import Meters
from rebounce.engine.overview import overview_of
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.engine.record import Record
from rebounce.engine.report import ReportEntry, write_report
from rebounce.engine.restore import restore_file
from rebounce.training.demo_damage import damage
from rebounce.training.music import make_mix
from rebounce.training.scores.si_sdr import si_sdr_db

RATE_HZ = 44_100
OFFSET_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the table shows of one file."""

    si_sdr_db: float | None
    lufs: float | None
    true_peak_dbtp: float | None
    offset_dbfs: float


def demonstrate(output: Path, *, seconds: float, seed: int, preset: str, as_json: bool, is_quiet: bool) -> None:
    """Run the demo and say where everything is."""
    output.mkdir(parents=True, exist_ok=True)
    say = _nothing if as_json or is_quiet else click.echo
    paths = {name: output / f"{name}.wav" for name in ("clean", "damaged", "restored")}
    _make(paths, seconds, seed, say)
    say(f"restoring it with {preset} ...")
    board = load_preset(find_preset(preset))
    record = restore_file(_job(paths["damaged"], paths["restored"], preset, board), board)
    say(f"giving the clean mix to {preset} as well ...")
    of_clean = _said_of_clean(paths["clean"], preset)
    _write_page(output / "report.html", record, paths)
    if as_json:
        click.echo(record.to_json())
    if as_json or is_quiet:
        return
    _tell(paths, list(record.messages))
    click.echo(f"\n{of_clean}\n")
    click.echo(f"{record.seconds:.1f} s, {wording.real_time(record.realtime_factor)} on the {record.device}\n")
    for path in [*paths.values(), output / "report.html"]:
        click.echo(f"  {path}")
    click.echo("\nOpen the report in a browser to see and hear before and after at matched loudness.")


def _make(paths: dict[str, Path], seconds: float, seed: int, say: Callable[[str], None]) -> None:
    """The mix, and the damaged mix."""
    say(f"making a mix of {seconds:g} s (seed {seed}) ...")
    clean = make_mix(seed, seconds, RATE_HZ).audio
    say("damaging it: an echo, mains hum, an offset, peaks cut off ...")
    damaged = damage(clean, RATE_HZ)
    soundfile.write(paths["clean"], clean.T, RATE_HZ, subtype="PCM_24")
    soundfile.write(paths["damaged"], damaged.T, RATE_HZ, subtype="PCM_24")


def _job(source: Path, target: Path, preset: str, board: Board) -> Job:
    return Job(
        source=source,
        target=target,
        copy_target=target,
        preset=preset,
        preset_hash=preset_hash(board, {}),
        is_forced=True,
    )


def _said_of_clean(clean: Path, preset: str) -> str:
    """What becomes of a mix that nothing was done to; its bus may have been driven, which is told."""
    board = load_preset(find_preset(preset))
    with TemporaryDirectory() as place:
        target = Path(place) / clean.name
        record = restore_file(_job(clean, target, preset, board), board)
        if filecmp.cmp(clean, target, shallow=False):
            return "The clean mix, given to the same preset, came back byte for byte."
    return "\n  ".join(["The clean mix, given to the same preset, was changed too:", *record.messages])


def _write_page(page: Path, record: Record, paths: dict[str, Path]) -> None:
    entry = ReportEntry(
        record=record.to_dict(),
        before=overview_of(paths["damaged"]),
        after=overview_of(paths["restored"]),
        before_audio=paths["damaged"],
        after_audio=paths["restored"],
    )
    write_report(page, [entry], title="rebounce demo: before and after")


def _nothing(text: str) -> None:
    """In place of talking."""


def _tell(paths: dict[str, Path], messages: list[str]) -> None:
    """The table, and what the chain says it did."""
    from rich.console import Console
    from rich.table import Table

    sounds = {name: _sound(path) for name, path in paths.items()}
    readings = {name: _read(sounds["clean"], sound) for name, sound in sounds.items()}
    table = Table(title="before and after")
    for title in ("", *readings):
        table.add_column(title, justify="right" if title else "left")
    rows = {
        "likeness to the clean mix, SI-SDR in dB": "si_sdr_db",
        "offset, dBFS": "offset_dbfs",
        "true peak, dBTP": "true_peak_dbtp",
        "loudness, LUFS": "lufs",
    }
    for title, name in rows.items():
        values = [getattr(reading, name) for reading in readings.values()]
        table.add_row(title, *("-" if value is None else f"{value:.1f}" for value in values))
    Console().print(table)
    for message in messages:
        click.echo(f"  {message}")


def _sound(path: Path) -> Audio:
    return np.ascontiguousarray(soundfile.read(path, dtype="float32", always_2d=True)[0].T)


def _read(clean: Audio, audio: Audio) -> Reading:
    """Likeness is left out for the clean mix itself."""
    meters = Meters(RATE_HZ, len(audio))
    meters.add(audio)
    level = meters.level()
    offset = float(np.abs(audio.mean(axis=1, dtype=np.float64)).max())
    return Reading(
        si_sdr_db=None if audio is clean else si_sdr_db(clean, audio),
        lufs=level.lufs,
        true_peak_dbtp=level.true_peak_dbtp,
        offset_dbfs=20 * math.log10(max(offset, OFFSET_FLOOR)),
    )
