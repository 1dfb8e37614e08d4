"""CorrectTone: the tone of a reference, or without one a careful move towards the tone of released music.

With a reference, mid and side each get the curve that gives them the reference's long-term spectrum (see
`matching_curve`), and the whole gets its loudness. Without one, thirds of an octave that lie outside the spread of
released music are moved towards it by no more than `BLIND_LIMIT_DB`: whether a track is dull by fault or by choice
cannot be heard from it alone. The filters have linear phase, so nothing moves in time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.parameters import Flag, Number, Text
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.linear_phase import LinearPhase, cell_gains, filter_timing, response_of
from rebounce.engine.repair.matching_curve import matching_curves
from rebounce.engine.repair.reference_tone import Reference, read_reference
from rebounce.engine.repair.tone_spectrum import CELLS_PER_THIRD, STEREO, THIRDS, Floats, ToneSpectrum, tone_of
from rebounce.engine.repair.tone_spread import outside_db
from rebounce.engine.stream import Kernel, Timing

BLIND_LIMIT_DB = 1.5
# Nobody hears less than this, and a filter is not worth it.
LEAST_DB = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneMove:
    """What is to be done to one file: the gain of each third of an octave in dB, and that of the whole.

    `mid_db` is for all channels where there is no pair; `finding` says where the curves come from.
    """

    mid_db: tuple[float, ...]
    side_db: tuple[float, ...]
    gain_db: float
    finding: str

    def curves_db(self, strength: float, channels: int) -> Floats:
        """What each row is filtered with, `(rows, thirds)`; one row where all channels get the same."""
        rows = [self.mid_db] if channels != STEREO or self.mid_db == self.side_db else [self.mid_db, self.side_db]
        return strength * (np.array(rows) + self.gain_db)

    @property
    def bends(self) -> bool:
        """Whether it does more to the tone than can be heard."""
        return max(map(abs, (*self.mid_db, *self.side_db))) > LEAST_DB

    @property
    def changes(self) -> bool:
        return self.bends or abs(self.gain_db) > LEAST_DB


class CorrectTone(Plugin):
    """Gives a mix the tone of `reference`, an audio file of any rate and length; `(channels, frames)` in and out.

    `strength` scales all moves in dB, `limit_db` is the most that a third of an octave is moved against the middle of
    them all, and `level` says whether the loudness is matched as well. An empty `reference` is none: then thirds
    outside the spread of released music are moved by at most 1.5 dB, and the loudness stays. Not for a reference that
    is other music: it is matched all the same, bass drum for flute.
    """

    needs_analysis = True
    analysis_type = ToneMove

    reference = Text("the path of an audio file, or nothing", ".*")
    strength = Number(0.0, 1.0)
    limit_db = Number(0.0, 36.0)
    level = Flag()

    def __init__(
        self, *, reference: str | Path | None = None, strength: float = 1.0, limit_db: float = 30.0, level: bool = True
    ) -> None:
        super().__init__(reference=str(reference or ""), strength=strength, limit_db=limit_db, level=level)
        self._read: Reference | None = None

    def prepare(self) -> None:
        """Read the reference now, so that what is wrong with it is said before any other audio is read."""
        if self.reference and self.wants_analysis():
            self._read = read_reference(Path(self.reference), self._read)

    def identity(self) -> dict[str, Any]:
        """The settings, with the content of the reference in place of its path; a pinned analysis needs neither."""
        table = {name: value for name, value in self.settings().items() if name != "reference"}
        self.prepare()
        if self._read is not None and self.reference and self.wants_analysis():
            table["reference"] = self._read.content_hash
        return table

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> ToneMove:
        if self.reference:
            self._read = read_reference(Path(self.reference), self._read)
        own = tone_of(blocks, sample_rate_hz)
        if own is None or own.lufs is None:
            return _move(np.zeros((1, THIRDS)), 0.0, "left alone, as there is too little of it")
        if self.reference:
            assert self._read is not None
            return self._matched(own, self._read, sample_rate_hz)
        curves = _blind_curve(own, sample_rate_hz, self.limit_db)
        return _move(curves, 0.0, "moved towards the spread of released music")

    def _matched(self, own: ToneSpectrum, read: Reference, sample_rate_hz: float) -> ToneMove:
        assert own.lufs is not None
        assert read.tone.lufs is not None
        curves = matching_curves(own, read.tone, sample_rate_hz, self.limit_db)
        gain_db = read.tone.lufs - own.lufs if self.level else 0.0
        return _move(curves, gain_db, f"matched to {read.path.name}")

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if not self.analysis.changes:
            return [f"tone {self.analysis.finding}: nothing to change"]
        mid, side = (_span(row, self.strength) for row in (self.analysis.mid_db, self.analysis.side_db))
        said = [f"tone {self.analysis.finding}, by {mid}" if mid == side else self._both(mid, side)]
        if self.analysis.gain_db:
            said.append(f"level by {self.strength * self.analysis.gain_db:+.1f} dB")
        return said

    def _both(self, mid: str, side: str) -> str:
        return f"tone {self.analysis.finding}, mid by {mid} and side by {side}"

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and not self.analysis.bends:
            return Timing(takes_many=True)
        return filter_timing(sample_rate_hz)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if not self.analysis.changes:
            return lambda block: block
        if not self.analysis.bends:
            gain = np.float32(10 ** (self.strength * self.analysis.gain_db / 20))
            return lambda block: block * gain
        curves_db = self.analysis.curves_db(self.strength, channels)
        return LinearPhase(np.stack([response_of(curve, sample_rate_hz) for curve in curves_db]), sample_rate_hz)


def _span(row: tuple[float, ...], strength: float) -> str:
    return f"{strength * min(row):+.1f} to {strength * max(row):+.1f} dB"


def _move(curves: Floats, gain_db: float, finding: str) -> ToneMove:
    rows = [tuple(float(gain) for gain in curve.round(2)) for curve in curves]
    return ToneMove(mid_db=rows[0], side_db=rows[-1], gain_db=round(gain_db, 2), finding=finding)


def _blind_curve(own: ToneSpectrum, sample_rate_hz: float, limit_db: float) -> Floats:
    """From what lies outside the spread back towards its edge, without corners and at the same loudness."""
    thirds = own.summed().reshape(THIRDS, CELLS_PER_THIRD).sum(axis=1)
    most_db = min(BLIND_LIMIT_DB, limit_db)
    moves_db = np.clip(-outside_db(thirds), -most_db, most_db)
    curve_db = np.convolve(np.pad(moves_db, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    if not curve_db.any():
        return curve_db[np.newaxis]
    gains = cell_gains(response_of(curve_db, sample_rate_hz), sample_rate_hz)[np.newaxis]
    return np.asarray(curve_db - own.loudness_change_db(gains))[np.newaxis]
