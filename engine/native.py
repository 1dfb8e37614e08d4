"""Neighbouring pedalboard plugins as one native call, streamed exactly.

What was measured with pedalboard 0.9.26 and is dealt with here: `reset=True` on the first block and False after it
corrupts plugins with latency, so `reset()` comes first and every block is fed with False on one grid; some built-ins
return fewer frames than they get until zeros push the rest out; the reverb passes more than two channels through
untouched, so channels go in pairs; and the pitch shifter is silent unless it gets the whole piece in one call.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.pedalboard_effects import copy_effect, effect_name, members
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import GRID_FRAMES, Kernel, Run, Timing

# These hold frames back, so that what they return depends on how many blocks come in one call: one at a time, always.
HOLDS_FRAMES = ("GSMFullRateCompressor", "MP3Compressor", "Resample")
NEEDS_WHOLE_PIECE = ("PitchShift",)


class NativeRun(Plugin):
    """A run of live pedalboard plugins."""

    def __init__(self, effects: list[Any]) -> None:
        super().__init__()
        self.effects = effects
        self._kinds = {kind for effect in effects for kind in _kinds(effect)}

    @property
    def name(self) -> str:
        return " + ".join(effect_name(effect) for effect in self.effects)

    @property
    def latency_frames(self) -> int:
        return sum(int(getattr(effect, "reported_latency_samples", 0)) for effect in self.effects)

    def timing(self, sample_rate_hz: float) -> Timing:
        holds = any(kind in HOLDS_FRAMES or kind.endswith("VST3Plugin") for kind in self._kinds)
        return Timing(takes_many=not holds)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        calls = [self._call(effects, sample_rate_hz) for effects in self._pairs(channels)]
        if len(calls) == 1:
            return calls[0]
        return lambda block: np.concatenate([call(block[2 * i : 2 * i + 2]) for i, call in enumerate(calls)])

    def process_whole(self, audio: Audio, sample_rate_hz: float) -> Audio:
        """Without a stream where that gives the same samples: one native call, and no copy to put blocks together."""
        is_plain = self.timing(sample_rate_hz).takes_many and not self._kinds.intersection(NEEDS_WHOLE_PIECE)
        if is_plain and audio.shape[1] >= GRID_FRAMES:
            return self.kernel(sample_rate_hz, audio.shape[0])(audio)
        return super().process_whole(audio, sample_rate_hz)

    def stream(self, sample_rate_hz: float, channels: int) -> Run:
        if not self._kinds.intersection(NEEDS_WHOLE_PIECE):
            return super().stream(sample_rate_hz, channels)
        return WholePiece(self.kernel(sample_rate_hz, channels), channels)

    def notes(self) -> list[str]:
        whole = sorted(self._kinds.intersection(NEEDS_WHOLE_PIECE))
        return [f"{kind} was given the whole piece at once: memory grew with its length" for kind in whole]

    def _pairs(self, channels: int) -> list[list[Any]]:
        """One set of effects per pair of channels; the first set is the caller's own."""
        more = range(2, channels, 2)
        return [self.effects, *([copy_effect(effect) for effect in self.effects] for _ in more)]

    def _call(self, effects: list[Any], sample_rate_hz: float) -> Kernel:
        import pedalboard

        board = pedalboard.Pedalboard(effects)
        board.reset()

        def call(block: Audio) -> Audio:
            out: Audio = board.process(block, sample_rate_hz, buffer_size=GRID_FRAMES, reset=False)
            return out

        return call


class WholePiece:
    """A run that collects the piece and processes it in one call: for the effect that cannot be streamed."""

    def __init__(self, call: Callable[[Audio], Audio], channels: int) -> None:
        self._call = call
        self._channels = channels
        self._collected: list[Audio] = []

    def push(self, audio: Audio) -> Audio:
        self._collected.append(audio.copy())
        return np.zeros((self._channels, 0), dtype=np.float32)

    def finish(self) -> Audio:
        piece = joined(self._collected, self._channels)
        frames = piece.shape[1]
        # Two seconds of silence at 48 kHz push out what the effect holds back; whole blocks keep pedalboard from
        # guessing at the layout of a tiny array.
        padded = np.pad(piece, ((0, 0), (0, 96_000 + -frames % GRID_FRAMES)))
        return self._call(padded)[:, :frames] if frames else piece


def _kinds(effect: Any) -> list[str]:
    """The class names of an effect and of everything inside it."""
    return [base.__name__ for base in type(effect).__mro__] + [
        kind for inner in members(effect) for kind in _kinds(inner)
    ]
