"""RemoveEcho: takes an echo back that was laid over the whole mix.

The echo is found by the ripple it leaves on the spectrum (see `inspection/echo_search.py`) and undone by the inverse of
its path. Where none is found beyond doubt nothing is done, and delays on the grid of the beat are the music's own.
"""

from collections.abc import Iterable

from rebounce.engine.audio import Audio
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.echo_inverse import inverse_of, timing_of
from rebounce.engine.repair.echo_path import EchoPath
from rebounce.engine.repair.taken_away import taken_away
from rebounce.engine.stream import Kernel, Timing


class RemoveEcho(Plugin):
    """Takes away echoes of 55 to 650 ms that are in all of a file at the same gain; `(channels, frames)` in and out.

    `strength` is the share of them that goes. Not for reverberation, nor for an echo on one voice of the mix.
    """

    needs_analysis = True
    analysis_type = EchoPath

    strength = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 1.0) -> None:
        super().__init__(strength=strength)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> EchoPath:
        from rebounce.engine.inspection.echo_search import search_echo

        return search_echo(blocks, sample_rate_hz).path or EchoPath()

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        count = len(self.analysis.reflections())
        if count == 0:
            return ["no echo that can be told from the music: left alone"]
        delays = ", ".join(f"{1000 * reflection.delay_s:.0f}" for reflection in self.analysis.reflections())
        return [f"{count} echo{'es' if count > 1 else ''} after {delays} ms: {taken_away(self.strength)}"]

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is None or not self.analysis.gains:
            return Timing(takes_many=True)
        return timing_of(self.analysis, sample_rate_hz)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if not self.analysis.gains:
            return lambda block: block
        inverse = inverse_of(self.analysis, sample_rate_hz, channels)
        before, block_frames = self.timing(sample_rate_hz).before_frames, self.timing(sample_rate_hz).block_frames
        strength = self.strength

        def weakened(window: Audio) -> Audio:
            block = window[:, before : before + block_frames]
            made: Audio = block + strength * (inverse(window) - block)
            return made

        return inverse if strength == 1 else weakened
