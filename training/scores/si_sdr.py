"""The scale-invariant signal-to-distortion ratio of Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019."""

from rebounce.engine.audio import Audio
from rebounce.training.scores.comparison import LIMIT_DB, comparable, energy, energy_of_rest, product, ratio_db


def si_sdr_db(clean: Audio, other: Audio) -> float | None:
    """The part of `other` that is `clean` at another gain, over what is left.

    One gain for all channels `(channels, frames)`, so that a wrong balance counts; the mean is not taken away. 120 for
    a copy at any gain but 0, -120 for silence in place of music; None where `clean` is silent.
    """
    clean, other = comparable(clean, other)
    signal = energy(clean)
    if signal == 0:
        return None
    gain = product(clean, other) / signal
    return ratio_db(gain * gain * signal, energy_of_rest(clean, other, gain)) if gain else -LIMIT_DB
