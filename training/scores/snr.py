"""Signal-to-noise ratio, and the echo return loss enhancement that is a difference of two of them."""

from rebounce.engine.audio import Audio
from rebounce.training.scores.comparison import comparable, energy, energy_of_rest, ratio_db


def snr_db(clean: Audio, other: Audio) -> float | None:
    """The energy of `clean` over that of `other - clean`, all channels `(channels, frames)` together, as they are.

    No level is adjusted and nothing is shifted: a wrong gain, a swapped channel and a delay all count. 120 for a copy;
    None where `clean` is silent.
    """
    clean, other = comparable(clean, other)
    signal = energy(clean)
    return ratio_db(signal, energy_of_rest(clean, other)) if signal > 0 else None


def erle_db(clean: Audio, restored: Audio, damaged: Audio) -> float | None:
    """How many dB of the damage are gone: the energy of `damaged - clean` over that of `restored - clean`.

    0 for a restorer that does nothing, below 0 for one that harms; None where nothing was damaged.
    """
    clean, restored, damaged = comparable(clean, restored, damaged)
    before = energy_of_rest(clean, damaged)
    return ratio_db(before, energy_of_rest(clean, restored)) if before > 0 else None
