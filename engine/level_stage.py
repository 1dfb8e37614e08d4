"""The two stages that keep a result within full scale: one constant gain, or the look-ahead limiter."""

from rebounce.engine.lookahead_limiter import LookaheadLimiter, limiter_timing
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing

LIMIT_CEILING_DBTP = -1.0


class ConstantGain(Plugin):
    """One gain for the whole file."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self._gain = gain

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        import numpy as np

        gain = np.float32(self._gain)
        return lambda block: block * gain


class CeilingLimiter(Plugin):
    """Holds true peaks at -1 dBTP and leaves everything below alone."""

    def timing(self, sample_rate_hz: float) -> Timing:
        return limiter_timing(sample_rate_hz)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        return LookaheadLimiter(sample_rate_hz, gain_db=0.0, ceiling_dbtp=LIMIT_CEILING_DBTP)
