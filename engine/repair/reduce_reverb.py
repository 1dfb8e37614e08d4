"""ReduceReverb: takes a plate back that a mix went through, and turns down what rings on in other rooms.

A plate leaves a mark that is known (see `plate_search`), and is undone by its inverse. For any other room a small
network gives each band of each frame a gain (see `reverb_gain`); how far it is applied depends on what the statistics
of the whole file say of the room (see `room_estimate`): where these say that it is dry, nothing is done. What that does
is gentle, as it cannot tell the room of a recording from reverberation that somebody put there on purpose.
"""

from collections.abc import Iterable
from dataclasses import astuple, replace

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.errors import PluginError
from rebounce.engine.overlap_add import Powers, Spectra, audio_of, spectra_of
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.black import is_black
from rebounce.engine.repair.plate import Plate
from rebounce.engine.repair.plate_inverse import PlateInverse
from rebounce.engine.repair.plate_meter import PlateMeter
from rebounce.engine.repair.plate_search import search_plate
from rebounce.engine.repair.reverb_bands import STEREO, band_powers, band_starts, reverb_framing, rows_of
from rebounce.engine.repair.reverb_gain import FRAMES_AFTER, FRAMES_BEFORE, Past, features, gains, means_for, relative
from rebounce.engine.repair.reverb_statistics import RoomMeter
from rebounce.engine.repair.room_estimate import NO_ROOM, RoomEstimate, estimate_of
from rebounce.engine.repair.scope import Scope
from rebounce.engine.repair.taken_away import taken_away
from rebounce.engine.repair.two_sided import two_sided_timing
from rebounce.engine.stream import Kernel, Timing

HOPS_PER_BLOCK = 64
# Of what the network says, in decibels: all of it is best on average and costs some pieces 1 dB.
SHARE_OF_GAINS = 0.5
# Where a whole mix had gone through a plate no third of an octave rose by 0.9 dB when it was taken back; where only
# some voices had, or something was added afterwards, or the bass went past it, one rose by 4 dB and more.
MOST_RISE_DB = 2.5


class ReduceReverb(Plugin):
    """Makes a mix drier; `(channels, frames)` in and out, mid and side apart in a pair.

    `strength` is the share of a plate that goes, and scales the reduction in decibels for any other room. Not for music
    that lives of its reverberation, whose own it takes as well, and not for a dry mix, where what it takes is sustain.
    """

    needs_analysis = True
    analysis_type = RoomEstimate

    strength = Number(0.0, 1.0)

    def __init__(self, *, strength: float = 1.0) -> None:
        super().__init__(strength=strength)

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> RoomEstimate:
        return reverb_estimate(blocks, sample_rate_hz)

    def notes(self) -> list[str]:
        if self.analysis is None:
            return []
        if self.analysis.plate:
            plate = Plate.of(self.analysis.plate)
            numbers = f"room size {plate.room_size:.2f}, damping {plate.damping:.2f}, width {plate.width:.2f}"
            return [f"a plate {1000 * plate.late_s:.0f} ms after the mix, {numbers}: {taken_away(self.strength)}"]
        if not self.analysis.need:
            return ["no reverberation that can be told from the music: left alone"]
        room = f"{self.analysis.rt60_s:.1f} s, {self.analysis.drr_db:.0f} dB under the direct sound"
        return [f"reverberation of about {room}: reduced at {100 * self._power():.0f} %"]

    def scope(self, sample_rate_hz: float) -> Scope:
        return Scope(most_rise_db=MOST_RISE_DB)

    def timing(self, sample_rate_hz: float) -> Timing:
        if self.analysis is not None and self.analysis.plate:
            return two_sided_timing(sample_rate_hz)
        if self.analysis is not None and not self.analysis.need:
            return Timing(takes_many=True)
        framing = reverb_framing(sample_rate_hz)
        return Timing(
            block_frames=HOPS_PER_BLOCK * framing.hop,
            before_frames=framing.margin + FRAMES_BEFORE * framing.hop,
            after_frames=framing.margin + FRAMES_AFTER * framing.hop,
        )

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        if self.analysis.plate:
            if channels > STEREO:
                raise PluginError(
                    f"ReduceReverb: this plate was measured in one channel or a pair, and the audio has {channels}; "
                    "delete the analysis to look at the file afresh"
                )
            return PlateInverse(Plate.of(self.analysis.plate), self.strength, sample_rate_hz, channels)
        if not self.analysis.need:
            return lambda block: block
        return _Drier(self.analysis, self._power(), sample_rate_hz)

    def _power(self) -> float:
        """What the gains of the network are taken to."""
        return float(SHARE_OF_GAINS * self.strength * self.analysis.need)


def reverb_estimate(blocks: Iterable[Audio], sample_rate_hz: float) -> RoomEstimate:
    """What a file says of its room, and of its plate if it has one."""
    meters: tuple[RoomMeter, PlateMeter] | None = None
    for block in blocks:
        meters = meters or (RoomMeter(sample_rate_hz, len(block)), PlateMeter(sample_rate_hz, len(block)))
        for meter in meters:
            meter.see(block)
    if meters is None:
        return NO_ROOM
    plate = search_plate(meters[1].spectrum())
    estimate = estimate_of(meters[0].statistics())
    return estimate if plate is None else replace(estimate, plate=astuple(plate))


class _Drier:
    """The kernel of one run: its averages of the past go on from block to block."""

    def __init__(self, analysis: RoomEstimate, power: float, sample_rate_hz: float) -> None:
        self._rate_hz = sample_rate_hz
        self._framing = framing = reverb_framing(sample_rate_hz)
        self._starts = band_starts(framing, sample_rate_hz)
        self._means = means_for(analysis.means() * np.float32(framing.size**2))
        self._power = np.float32(power)
        self._past = Past(framing.hop / sample_rate_hz)

    def __call__(self, window: Audio) -> Audio:
        framing = self._framing
        before = framing.margin + FRAMES_BEFORE * framing.hop
        inner_frames = slice(before, before + HOPS_PER_BLOCK * framing.hop)
        spectra = spectra_of(rows_of(window), framing)
        inner = spectra[:, FRAMES_BEFORE:-FRAMES_AFTER]
        self._turn_down(inner, band_powers(spectra, self._starts))
        change = rows_of(audio_of(inner, framing))
        change[:, is_black(window, self._rate_hz)[inner_frames]] = 0
        return window[:, inner_frames] + change

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
