"""Pictures of a training, drawn without a display: its losses, and spectrograms of what it makes of a window."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.staging import Staged, output_errors
from rebounce.training.trainer.state import TOKEN_SCORES

WIDTH_INCHES = 10.0
QUIETEST_DB = -90.0
FFT_FRAMES, HOP_FRAMES = 1024, 256


def draw_losses(path: Path, epochs: Sequence[Mapping[str, str]]) -> None:
    """The losses of all epochs so far, from the rows of `epochs.csv`; a dashed line where a stage begins."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, 8))
    above, middle, below = figure.subplots(3, 1, sharex=True)
    scores = [f"validation.{name}" for name in TOKEN_SCORES]
    terms = [name for name in (epochs[0] if epochs else {}) if name.startswith("validation.")]
    _draw_columns(above, epochs, ["training.loss", "validation.loss"], scale="log")
    _draw_columns(middle, epochs, [name for name in terms if name not in (*scores, "validation.loss")], scale="log")
    _draw_columns(below, epochs, scores, scale="linear")
    for place, row in enumerate(epochs):
        if row["epoch"] == "0":
            for axes in (above, middle, below):
                axes.axvline(place, color="0.7", linestyle="--", linewidth=0.8)
            above.annotate(row["stage"], (place, 1.02), xycoords=("data", "axes fraction"), fontsize=8, rotation=30)
    below.set_xlabel("epochs, over all stages")
    figure.subplots_adjust(left=0.08, right=0.97, bottom=0.07, top=0.94, hspace=0.1)
    _save(figure, path)


def draw_spectrograms(path: Path, rows: Sequence[Mapping[str, Audio]], sample_rate_hz: int) -> None:
    """A row for each window, and in it a spectrogram for each way it sounds, all on one scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, 2.8 * len(rows)))
    grid = figure.subplots(len(rows), len(rows[0]), squeeze=False)
    for axes_row, sounds in zip(grid, rows, strict=True):
        levels = {name: _levels_db(audio) for name, audio in sounds.items()}
        loudest = max(float(level.max()) for level in levels.values())
        for axes, (name, level) in zip(axes_row, levels.items(), strict=True):
            seconds = next(iter(sounds.values())).shape[1] / sample_rate_hz
            axes.imshow(
                level,
                origin="lower",
                aspect="auto",
                vmin=loudest + QUIETEST_DB,
                vmax=loudest,
                extent=(0, seconds, 0, sample_rate_hz / 2000),
            )
            axes.set_title(name, fontsize=9)
    grid[-1, 0].set_xlabel("s")
    grid[-1, 0].set_ylabel("kHz")
    figure.subplots_adjust(left=0.06, right=0.98, bottom=0.16 / len(rows) + 0.02, top=0.92)
    _save(figure, path)


def _draw_columns(axes: Any, epochs: Sequence[Mapping[str, str]], names: Sequence[str], scale: str) -> None:
    """Some columns of the log, with gaps where a stage leaves them empty."""
    for number, name in enumerate(names):
        values = np.array([float(row[name]) if row[name] else np.nan for row in epochs])
        # Neither nothing nor zeros have a place on a logarithmic scale.
        if np.any(values > 0):
            axes.plot(
                np.arange(len(values)), values, marker=".", markersize=4, linewidth=1, label=name, color=f"C{number}"
            )
    if axes.lines:
        axes.set_yscale(scale)
        axes.legend(fontsize=7, ncols=4)


def _levels_db(audio: Audio) -> Any:
    """`(bins, columns)` of the middle channel, in dB."""
    middle = np.pad(audio.mean(axis=0), (0, FFT_FRAMES))
    columns = np.lib.stride_tricks.sliding_window_view(middle, FFT_FRAMES)[::HOP_FRAMES]
    magnitude = np.abs(np.fft.rfft(columns * np.hanning(FFT_FRAMES), axis=1))
    return 20 * np.log10(np.maximum(magnitude, 1e-7)).T


def _save(figure: Any, path: Path) -> None:
    """Write the picture whole or not at all."""
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            figure.savefig(staged.file, format="png", dpi=100)
        staged.publish()
