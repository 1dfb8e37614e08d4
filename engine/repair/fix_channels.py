"""FixChannels: takes back what a cable, a converter or a fader did to whole channels.

An offset is subtracted as the constant it is, not filtered away; an inverted channel is inverted again; of two copies
the softer one is raised. All three are exact, and digital silence stays silent.
"""

from collections.abc import Iterable

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.channel_meter import ChannelFaults, ChannelMeter
from rebounce.engine.parameters import Flag, Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.scope import EVERYWHERE, Scope
from rebounce.engine.stream import Kernel, Timing

# No offset is subtracted from a channel that is silent for so long.
BLOCK_SECONDS = 0.005
# How far up a constant that is switched on and off with the sound may reach.
OFFSET_REACH_HZ = 20.0


class FixChannels(Plugin):
    """Takes away offset, inverts back and balances; `(channels, frames)` in and out.

    `strength` is the share of offset and of imbalance in dB that is taken back; a polarity is right or wrong. Not for
    music whose channels differ by intention: what is not certain is left alone.
    """

    needs_analysis = True
    analysis_type = ChannelFaults

    strength = Number(0.0, 1.0)
    fixes_dc = Flag()
    fixes_polarity = Flag()
    fixes_imbalance = Flag()

    def __init__(
        self,
        *,
        strength: float = 1.0,
        fixes_dc: bool = True,
        fixes_polarity: bool = True,
        fixes_imbalance: bool = True,
    ) -> None:
        super().__init__(
            strength=strength, fixes_dc=fixes_dc, fixes_polarity=fixes_polarity, fixes_imbalance=fixes_imbalance
        )
        self._last_channels: int | None = None

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> ChannelFaults:
        meter: ChannelMeter | None = None
        for block in blocks:
            meter = meter or ChannelMeter(sample_rate_hz, block.shape[0])
            meter.see(block)
        return ChannelFaults(offsets=(), inverted=(), raised_db=()) if meter is None else meter.faults()

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        seen = len(self.analysis.offsets)
        if self._last_channels not in (None, seen):
            there = f"{seen} channel{'s' if seen != 1 else ''}"
            return [f"measured on a file of {there}, and this has {self._last_channels}: left alone"]
        offsets, gains = self._corrections(seen)
        done = []
        if offsets.any():
            done.append(f"an offset of {100 * np.abs(offsets).max():.1f} % subtracted")
        if (gains < 0).any():
            done.append("one channel inverted")
        if (np.abs(gains) > 1).any():
            done.append(f"one channel raised by {20 * np.log10(np.abs(gains).max()):.1f} dB")
        return [", ".join(done) if done else "nothing wrong with the channels: left alone"]

    def scope(self, sample_rate_hz: float) -> Scope:
        if self.analysis is None:
            return EVERYWHERE
        _, gains = self._corrections(len(self.analysis.offsets))
        return EVERYWHERE if (gains != 1).any() else Scope(bands_hz=((0.0, OFFSET_REACH_HZ),))

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=max(1, round(BLOCK_SECONDS * sample_rate_hz)), takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        self._last_channels = channels
        offsets, gains = self._corrections(channels)
        if not offsets.any() and (gains == 1).all():
            return lambda block: block
        frames = self.timing(sample_rate_hz).block_frames

        def corrected(block: Audio) -> Audio:
            parts = block.reshape(channels, -1, frames)
            sounds = parts.any(axis=2, keepdims=True)
            made: Audio = (parts - offsets[:, np.newaxis, np.newaxis] * sounds) * gains[:, np.newaxis, np.newaxis]
            return made.reshape(channels, -1)

        return corrected

    def _corrections(self, channels: int) -> tuple[Audio, Audio]:
        """What to subtract from each channel, and what to multiply it by after; nothing for channels never seen."""
        found: ChannelFaults = self.analysis
        offsets, gains = np.zeros(channels, dtype=np.float32), np.ones(channels, dtype=np.float32)
        if len(found.offsets) != channels:
            return offsets, gains
        if self.fixes_dc:
            offsets += np.asarray(found.offsets, dtype=np.float32) * np.float32(self.strength)
        if self.fixes_imbalance:
            gains *= (10 ** (self.strength * np.asarray(found.raised_db) / 20)).astype(np.float32)
        if self.fixes_polarity:
            gains *= np.where(found.inverted, np.float32(-1), np.float32(1))
        return offsets, gains
