"""Wrong tone: a few filters of an equaliser, as if someone had mixed on headphones or in a bad room.

The filters are pedalboard's, which are those of the audio EQ cookbook, without ramps: measured at 44.1 kHz they are off
by -90 dB above 300 Hz and by -70 dB at 60 Hz, which is float32 at work.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.pedalboard_chain import HIGHEST_SHARE_OF_RATE, through_effects
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

if TYPE_CHECKING:
    from pedalboard import Plugin

PEAK, LOW_SHELF, HIGH_SHELF = "peak", "low_shelf", "high_shelf"
KINDS = (PEAK, LOW_SHELF, HIGH_SHELF)


class Eq:
    """`filters` of them, one after another; `q` is that of peaks, `shelf_q` that of shelves.

    A frequency that the sample rate has no room for is brought down to `HIGHEST_SHARE_OF_RATE`.
    """

    name = "eq"
    about = "tone bent by peak and shelf filters"
    ranges: ClassVar[Mapping[str, Range]] = {
        "filters": Span(lowest=1, highest=8, drawn=(1, 4), is_whole=True),
        "kind": Choice(options=KINDS, drawn=KINDS),
        "frequency_hz": Span(lowest=20, highest=20_000, drawn=(300, 5_000), is_log=True),
        "gain_db": Span(lowest=-24, highest=24, drawn=(-6, 6)),
        "q": Span(lowest=0.1, highest=20, drawn=(0.5, 2), is_log=True),
        "shelf_q": Span(lowest=0.1, highest=2, drawn=(0.5, 0.8), is_log=True),
    }

    def draw(self, pick: Pick) -> Parameters:
        return {"filters": [_draw_filter(pick) for _ in range(pick("filters"))]}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        effects = [_effect(drawn, sample_rate_hz, 1) for drawn in parameters["filters"]]
        return through_effects(effects, audio, sample_rate_hz)

    def undo(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        """With the opposite gain each of these filters is its own inverse, poles for zeros."""
        effects = [_effect(drawn, sample_rate_hz, -1) for drawn in reversed(parameters["filters"])]
        return through_effects(effects, audio, sample_rate_hz)


def _draw_filter(pick: Pick) -> dict[str, Any]:
    kind = pick("kind")
    return {
        "kind": kind,
        "frequency_hz": pick("frequency_hz"),
        "gain_db": pick("gain_db"),
        "q": pick("q" if kind == PEAK else "shelf_q"),
    }


def _effect(drawn: Mapping[str, Any], sample_rate_hz: int, sign: int) -> "Plugin":
    from pedalboard import HighShelfFilter, LowShelfFilter, PeakFilter

    make = {PEAK: PeakFilter, LOW_SHELF: LowShelfFilter, HIGH_SHELF: HighShelfFilter}[drawn["kind"]]
    frequency_hz = min(drawn["frequency_hz"], HIGHEST_SHARE_OF_RATE * sample_rate_hz)
    return make(cutoff_frequency_hz=frequency_hz, gain_db=sign * drawn["gain_db"], q=drawn["q"])
