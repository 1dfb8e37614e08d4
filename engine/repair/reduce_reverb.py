"""ReduceReverb: turns down what rings on, band by band, in mid and side.

A small network gives each band of each frame a gain (see `reverb_gain`); how far it is applied depends on what the
statistics of the whole file say of the room (see `room_estimate`): where these say that it is dry, nothing is done.
What it does is gentle, as it cannot tell the room of a recording from reverberation that somebody put there on purpose.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Powers, Spectra, audio_of, spectra_of
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.reverb_bands import STEREO, band_powers, band_starts, reverb_framing, rows_of
from rebounce.engine.repair.reverb_gain import FRAMES_AFTER, FRAMES_BEFORE, Past, features, gains, means_for, relative
from rebounce.engine.repair.reverb_statistics import room_of
from rebounce.engine.repair.room_estimate import RoomEstimate, estimate_of
from rebounce.engine.stream import Kernel, Timing

HOPS_PER_BLOCK = 64


class ReduceReverb(Plugin):
    """Makes a mix drier; `(channels, frames)` in and out, mid and side apart in a pair.

    `strength` scales the reduction in decibels: at 1 it is what the network says, which is best on average and costs
    some pieces 2 dB; at one half hardly any piece loses. Not for music that lives of
    its reverberation, whose own it takes as well, and not for a dry mix, where what it takes is sustain.
    """

    needs_analysis = True
    analysis_type = RoomEstimate

    strength = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 0.5) -> None:
        super().__init__(strength=strength)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> RoomEstimate:
        return estimate_of(room_of(blocks, sample_rate_hz))

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if not self.analysis.need:
            return ["no reverberation that can be told from the music: left alone"]
        room = f"{self.analysis.rt60_s:.1f} s, {self.analysis.drr_db:.0f} dB under the direct sound"
        return [f"reverberation of about {room}: reduced at {100 * self.strength * self.analysis.need:.0f} %"]

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and not self.analysis.need:
            return Timing(takes_many=True)
        framing = reverb_framing(sample_rate_hz)
        return Timing(
            block_frames=HOPS_PER_BLOCK * framing.hop,
            before_frames=framing.margin + FRAMES_BEFORE * framing.hop,
            after_frames=framing.margin + FRAMES_AFTER * framing.hop,
        )

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if not self.analysis.need:
            return lambda block: block
        return _Drier(self, sample_rate_hz)


class _Drier:
    """The kernel of one run: its averages of the past go on from block to block."""

    def __init__(self, plugin: ReduceReverb, sample_rate_hz: float) -> None:
        self._framing = framing = reverb_framing(sample_rate_hz)
        self._starts = band_starts(framing, sample_rate_hz)
        self._means = means_for(plugin.analysis.means() * np.float32(framing.size**2))
        self._power = np.float32(plugin.strength * plugin.analysis.need)
        self._past = Past(framing.hop / sample_rate_hz)

    def __call__(self, window: Audio) -> Audio:
        framing = self._framing
        before = framing.margin + FRAMES_BEFORE * framing.hop
        block = window[:, before : before + HOPS_PER_BLOCK * framing.hop]
        spectra = spectra_of(rows_of(window), framing)
        inner = spectra[:, FRAMES_BEFORE:-FRAMES_AFTER]
        self._turn_down(inner, band_powers(spectra, self._starts))
        return block + rows_of(audio_of(inner, framing))

    def _turn_down(self, spectra: Spectra, powers: Powers) -> None:
        """Leave of the spectra what is to be added: the negative of what goes."""
        powers = relative(powers, self._means)
        now = powers[:, FRAMES_BEFORE:-FRAMES_AFTER]
        averages = self._past.averages(now, HOPS_PER_BLOCK)
        changes = gains(features(powers, averages)) ** self._power - 1
        if spectra.shape[0] != STEREO:
            changes = changes[:1]
        spectra *= self._on_bins(changes)

    def _on_bins(self, changes: Powers) -> NDArray[np.float32]:
        spread: NDArray[np.float32] = np.zeros((*changes.shape[:2], self._framing.bins), dtype=np.float32)
        spread[..., : self._starts[-1]] = np.repeat(changes, np.diff(self._starts), axis=2)
        return spread
