"""All scores by name, in the order in which they are printed.

    for score in SCORES.values():
        value = score.function(clean, restored, sample_rate_hz, damaged)

Every function may be called with or without the damaged input; only the echo return loss enhancement uses it, and is
None without it. None means undefined, and is never a number in disguise. A score whose package is absent or broken is
None too; `trouble` tells the two apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal, Protocol

from rebounce.engine.audio import Audio
from rebounce.training.scores.level_error import loudness_error_lu, true_peak_error_db
from rebounce.training.scores.log_spectral_distance import log_spectral_distance_db
from rebounce.training.scores.mel_distance import mel_distance_db
from rebounce.training.scores.multi_resolution_stft import multi_resolution_stft
from rebounce.training.scores.si_sdr import si_sdr_db
from rebounce.training.scores.snr import erle_db, snr_db
from rebounce.training.scores.speech import pesq, stoi, trouble_with
from rebounce.training.scores.stereo_error import correlation_error, width_error_db

Better = Literal["higher", "lower", "zero"]


class ScoreFunction(Protocol):
    """Audio `(channels, frames)` of one shape in, UsageError where it is not; a finite number or None out."""

    def __call__(
        self, clean: Audio, other: Audio, sample_rate_hz: int, damaged: Audio | None = None, /
    ) -> float | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One column of a table.

    `title` stands above it, `about` below the table; `better` says where good values lie: high, low, or near zero.
    `package` is what must be installed for it.
    """

    name: str
    title: str
    unit: str
    better: Better
    about: str
    function: ScoreFunction
    package: str | None = None

    def trouble(self) -> str | None:
        """Why the package that the score needs cannot be used; the column stays, empty and labelled with that."""
        reason = None if self.package is None else trouble_with(self.package)
        return f"{self.package} {reason}" if reason else None

    def is_available(self) -> bool:
        """Whether there is no such trouble."""
        return self.trouble() is None


def _of_samples(function: Callable[[Audio, Audio], float | None]) -> ScoreFunction:
    """A score that needs no sample rate."""

    def score(clean: Audio, other: Audio, sample_rate_hz: int, damaged: Audio | None = None, /) -> float | None:
        return _finite(function(clean, other))

    return score


def _at_a_rate(function: Callable[[Audio, Audio, int], float | None], package: str | None = None) -> ScoreFunction:
    """A score that needs the sample rate, and perhaps a package."""

    def score(clean: Audio, other: Audio, sample_rate_hz: int, damaged: Audio | None = None, /) -> float | None:
        if package is not None and trouble_with(package) is not None:
            return None
        return _finite(function(clean, other, sample_rate_hz))

    return score


def _of_repair(function: Callable[[Audio, Audio, Audio], float | None]) -> ScoreFunction:
    """A score of what a repair did to the damaged input."""

    def score(clean: Audio, other: Audio, sample_rate_hz: int, damaged: Audio | None = None, /) -> float | None:
        return None if damaged is None else _finite(function(clean, other, damaged))

    return score


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


_ALL = (
    Score(
        name="snr_db",
        title="SNR",
        unit="dB",
        better="higher",
        about="energy of the clean audio over that of the difference, nothing normalised; 120 for a copy",
        function=_of_samples(snr_db),
    ),
    Score(
        name="si_sdr_db",
        title="SI-SDR",
        unit="dB",
        better="higher",
        about="like SNR after the best gain: deaf to a wrong level",
        function=_of_samples(si_sdr_db),
    ),
    Score(
        name="log_spectral_distance_db",
        title="Log-spectral distance",
        unit="dB",
        better="lower",
        about="difference of the spectrograms, bin by bin; deaf to phase",
        function=_at_a_rate(log_spectral_distance_db),
    ),
    Score(
        name="multi_resolution_stft",
        title="Multi-resolution STFT",
        unit="",
        better="lower",
        about="spectral convergence plus log-magnitude distance at frames of 512, 1024 and 2048; deaf to phase",
        function=_at_a_rate(multi_resolution_stft),
    ),
    Score(
        name="mel_distance_db",
        title="Mel distance",
        unit="dB",
        better="lower",
        about="difference of the spectrograms in 128 bands as wide as the ear's; deaf to phase",
        function=_at_a_rate(mel_distance_db),
    ),
    Score(
        name="loudness_error_lu",
        title="Loudness error",
        unit="LU",
        better="zero",
        about="integrated loudness (ITU-R BS.1770-4) minus that of the clean audio",
        function=_at_a_rate(loudness_error_lu),
    ),
    Score(
        name="true_peak_error_db",
        title="True-peak error",
        unit="dB",
        better="zero",
        about="true peak (ITU-R BS.1770-4) minus that of the clean audio",
        function=_of_samples(true_peak_error_db),
    ),
    Score(
        name="width_error_db",
        title="Width error",
        unit="dB",
        better="zero",
        about="side over mid, minus that of the clean audio; stereo only",
        function=_of_samples(width_error_db),
    ),
    Score(
        name="correlation_error",
        title="Correlation error",
        unit="",
        better="zero",
        about="correlation of left and right, minus that of the clean audio; stereo only",
        function=_of_samples(correlation_error),
    ),
    Score(
        name="erle_db",
        title="ERLE",
        unit="dB",
        better="higher",
        about="energy of the damage before over after the repair: 0 for doing nothing; any fault, not echo alone",
        function=_of_repair(erle_db),
    ),
    Score(
        name="pesq",
        title="PESQ wide-band (speech measure)",
        unit="MOS",
        better="higher",
        about="1 to 4.64, mono at 16 kHz; made for telephone speech, says little about music",
        function=_at_a_rate(pesq, "pesq"),
        package="pesq",
    ),
    Score(
        name="stoi",
        title="STOI (speech measure)",
        unit="",
        better="higher",
        about="0 to 1, mono at 10 kHz; made for how well speech is understood, says little about music",
        function=_at_a_rate(stoi, "pystoi"),
        package="pystoi",
    ),
)

SCORES: Mapping[str, Score] = {score.name: score for score in _ALL}
"""In printing order."""
