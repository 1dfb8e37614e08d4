"""Where a repair may change anything: all else must stay as it was, and `auto` looks whether it did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Bands in Hz and stretches in frames, each from - to; None is everywhere.

    A repair with bands may change audio inside them at any time, one with stretches anything within them.
    """

    bands_hz: tuple[tuple[float, float], ...] | None = None
    stretches: tuple[tuple[int, int], ...] | None = None


EVERYWHERE = Scope()
