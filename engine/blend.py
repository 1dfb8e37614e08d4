"""Strength for a plugin that has none of its own: the dry signal mixed in at equal latency."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Run


class Blend(Plugin):
    """A plugin at part of its strength; at 0 the input comes back bit-identical."""

    def __init__(self, plugin: Plugin, strength: float) -> None:
        super().__init__()
        self.plugin = plugin
        self.strength = strength

    @property
    def name(self) -> str:
        return self.plugin.name

    @property
    def latency_frames(self) -> int:
        return self.plugin.latency_frames

    def is_identity(self) -> bool:
        return self.strength == 0 or self.plugin.is_identity()

    def wants_analysis(self) -> bool:
        return self.strength > 0 and self.plugin.wants_analysis()

    def look(self, blocks: Iterable[Any], sample_rate: float | None = None) -> None:
        self.plugin.look(blocks, sample_rate)

    def notes(self) -> list[str]:
        return self.plugin.notes()

    def at_strength(self, strength: float) -> "Blend":
        return Blend(self.plugin, self.strength * strength)

    def stream(self, sample_rate_hz: float, channels: int) -> Run:
        if self.is_identity():
            return super().stream(sample_rate_hz, channels)
        return _BlendRun(self.plugin.stream(sample_rate_hz, channels), np.float32(self.strength), channels)


class _BlendRun:
    """Keeps the dry frames until the wet ones that belong to them come out."""

    def __init__(self, wet: Run, strength: np.float32, channels: int) -> None:
        self._wet = wet
        self._strength = strength
        self._dry = np.zeros((channels, 0), dtype=np.float32)

    def push(self, audio: Audio) -> Audio:
        self._dry = joined([self._dry, audio], len(audio))
        return self._mixed(self._wet.push(audio))

    def finish(self) -> Audio:
        return self._mixed(self._wet.finish())

    def _mixed(self, wet: Audio) -> Audio:
        frames = wet.shape[1]
        dry, self._dry = self._dry[:, :frames], self._dry[:, frames:].copy()
        mixed: Audio = dry + self._strength * (wet - dry)
        return mixed
