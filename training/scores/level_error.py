"""How much louder a piece is than it should be, and how much higher its true peak."""

from rebounce.engine.audio import Audio
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.true_peak import TruePeakMeter
from rebounce.training.scores.comparison import comparable


def loudness_error_lu(clean: Audio, other: Audio, sample_rate_hz: int) -> float | None:
    """The integrated loudness of `other` minus that of `clean`, both `(channels, frames)`, after ITU-R BS.1770-4.

    None where one of them has none: silence, all below -70 LUFS, or less than 400 ms.
    """
    clean, other = comparable(clean, other)
    return _difference(_lufs(clean, sample_rate_hz), _lufs(other, sample_rate_hz))


def true_peak_error_db(clean: Audio, other: Audio) -> float | None:
    """The true peak of `other` minus that of `clean`, both `(channels, frames)`; None where one of them is silent."""
    clean, other = comparable(clean, other)
    return _difference(_dbtp(clean), _dbtp(other))


def _lufs(audio: Audio, sample_rate_hz: int) -> float | None:
    meter = LoudnessMeter(sample_rate_hz, audio.shape[0])
    meter.add(audio)
    return meter.integrated_lufs()


def _dbtp(audio: Audio) -> float | None:
    meter = TruePeakMeter(audio.shape[0])
    meter.add(audio)
    return meter.dbtp()


def _difference(clean: float | None, other: float | None) -> float | None:
    return None if clean is None or other is None else other - clean
