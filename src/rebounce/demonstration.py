"""The demo: a mix is made, damaged, restored and measured, and everything is left to be heard and seen."""

import math
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from rebounce.cli_presets import find_preset
from rebounce.engine.audio import Audio
from rebounce.engine.job import Job
from rebounce.engine.meters import Meters
from rebounce.engine.overview import overview_of
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.engine.report import ReportEntry, write_report
from rebounce.engine.restore import restore_file
from rebounce.training.demo_damage import damage
from rebounce.training.music import make_mix

RATE_HZ = 44_100
WINDOW_FRAMES = 8192
QUIETEST_SHARE = 5  # percent of all windows
HISS_HZ = (4_000, 15_000)
RUMBLE_HZ = (4, 16)
HIGHS_HZ = (16_000, 20_000)
LEAST_POWER = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the table shows of one file; bands are relative to its loudness, so that its level is no matter."""

    lufs: float | None
    true_peak_dbtp: float | None
    hiss_db: float
    rumble_db: float
    highs_db: float


def demonstrate(output: Path, *, seconds: float, seed: int, preset: str, as_json: bool, is_quiet: bool) -> None:
    """Run the demo and say where everything is."""
    output.mkdir(parents=True, exist_ok=True)
    say = _nothing if as_json or is_quiet else click.echo
    say(f"making a mix of {seconds:g} s (seed {seed}) ...")
    clean = make_mix(seed, seconds, RATE_HZ).audio
    say("damaging it: hiss, hum, boom, a 15.5 kHz cut-off, a level that is too low ...")
    damaged = damage(clean, RATE_HZ, seed)
    paths = {name: output / f"{name}.wav" for name in ("clean", "damaged", "restored")}
    soundfile.write(paths["clean"], clean.T, RATE_HZ, subtype="PCM_24")
    soundfile.write(paths["damaged"], damaged.T, RATE_HZ, subtype="PCM_24")
    say(f"restoring it with {preset} ...")
    board = load_preset(find_preset(preset))
    job = Job(
        source=paths["damaged"],
        target=paths["restored"],
        copy_target=paths["restored"],
        preset=preset,
        preset_hash=preset_hash(board, {}),
        is_forced=True,
    )
    record = restore_file(job, board)
    entry = ReportEntry(
        record=record.to_dict(),
        before=overview_of(paths["damaged"]),
        after=overview_of(paths["restored"]),
        before_audio=paths["damaged"],
        after_audio=paths["restored"],
    )
    write_report(output / "report.html", [entry], title="rebounce demo: before and after")
    if as_json:
        click.echo(record.to_json())
    if as_json or is_quiet:
        return
    _tell({name: _read(path) for name, path in paths.items()}, list(record.messages))
    click.echo(f"\n{record.seconds:.1f} s, {record.realtime_factor:.0f}x real time on the {record.device}\n")
    for path in [*paths.values(), output / "report.html"]:
        click.echo(f"  {path}")
    click.echo("\nOpen the report in a browser to see and hear before and after at matched loudness.")


def _nothing(text: str) -> None:
    """In place of talking."""


def _read(path: Path) -> Reading:
    audio = np.ascontiguousarray(soundfile.read(path, dtype="float32", always_2d=True)[0].T)
    meters = Meters(RATE_HZ, len(audio))
    meters.add(audio)
    level = meters.level()
    loudness_db = level.lufs or 0.0
    powers = _band_powers(audio)
    quiet = powers["all"] <= np.percentile(powers["all"], QUIETEST_SHARE)
    return Reading(
        lufs=level.lufs,
        true_peak_dbtp=level.true_peak_dbtp,
        hiss_db=_decibels(powers["hiss"][quiet]) - loudness_db,
        rumble_db=_decibels(powers["rumble"]) - loudness_db,
        highs_db=_decibels(powers["highs"]) - loudness_db,
    )


def _band_powers(audio: Audio) -> dict[str, NDArray[np.float64]]:
    """The mean square of each window of the mix, in whole and in the bands that the damage touches."""
    count = audio.shape[1] // WINDOW_FRAMES
    window = np.hanning(WINDOW_FRAMES)
    windows = audio[:, : count * WINDOW_FRAMES].reshape(len(audio), count, WINDOW_FRAMES)
    spectra = (
        np.square(np.abs(np.fft.rfft(windows * window))).mean(axis=0) * 2 / (WINDOW_FRAMES * np.square(window).sum())
    )
    bands = {"all": (0, RATE_HZ / 2), "hiss": HISS_HZ, "rumble": RUMBLE_HZ, "highs": HIGHS_HZ}
    bin_hz = RATE_HZ / WINDOW_FRAMES
    return {name: spectra[:, int(low / bin_hz) : int(high / bin_hz)].sum(axis=1) for name, (low, high) in bands.items()}


def _decibels(powers: NDArray[np.float64]) -> float:
    return 10 * math.log10(max(float(powers.mean()), LEAST_POWER))


def _tell(readings: dict[str, Reading], messages: list[str]) -> None:
    """The table, and what the chain says it did."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="before and after")
    for title in ("", *readings):
        table.add_column(title, justify="right" if title else "left")
    rows = {
        "loudness, LUFS": "lufs",
        "true peak, dBTP": "true_peak_dbtp",
        "hiss in the pauses, dB *": "hiss_db",
        "rumble below 16 Hz, dB *": "rumble_db",
        "above 16 kHz, dB *": "highs_db",
    }
    for title, name in rows.items():
        values = [getattr(reading, name) for reading in readings.values()]
        table.add_row(title, *("-" if value is None else f"{value:.1f}" for value in values))
    Console().print(table)
    click.echo("  * against the loudness of the file")
    for message in messages:
        click.echo(f"  {message}")
