"""Loudness and true peak of one piece of audio as it streams by."""

from dataclasses import dataclass

from rebounce.engine.audio import Audio
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.true_peak import TruePeakMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What the meters read; None where a number is undefined (silence, or shorter than 400 ms)."""

    lufs: float | None = None
    true_peak_dbtp: float | None = None


class Meters:
    """Both meters at once."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._loudness = LoudnessMeter(sample_rate_hz, channels)
        self._true_peak = TruePeakMeter(channels)

    def add(self, block: Audio) -> None:
        self._loudness.add(block)
        self._true_peak.add(block)

    def level(self) -> Level:
        return Level(lufs=self._loudness.integrated_lufs(), true_peak_dbtp=self._true_peak.dbtp())


class NoMeters:
    """In place of the meters where nobody asks for them."""

    def add(self, block: Audio) -> None:
        pass

    def level(self) -> Level:
        return Level()
