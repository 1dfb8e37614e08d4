"""Where a repair may change anything: all else must stay as it was, and `auto` looks whether it did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Bands in Hz and stretches in frames, each from - to; None is everywhere.

    A repair with bands may change audio inside them at any time, one with stretches anything within them. After one
    that only takes away no third of an octave, and no channel, may be louder by more than `most_rise_db`.
    """

    bands_hz: tuple[tuple[float, float], ...] | None = None
    stretches: tuple[tuple[int, int], ...] | None = None
    most_rise_db: float | None = None


EVERYWHERE = Scope()
