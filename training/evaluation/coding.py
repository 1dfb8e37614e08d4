"""What a codec makes of an item: its tokens, and audio at its own rate again.

What always holds: audio of any rate and length comes back in its own shape, or there are no tokens of it at all.
"""

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.codec import Codec, LatentCodec
from rebounce.engine.resampling import Resampler
from rebounce.engine.tokens import Tokens

Encoded = tuple[Tokens, ...]
"""The tokens of all channels together, or of one after another where the codec takes one at a time."""

Parts = tuple[Audio, ...]
"""Audio as a codec takes and gives it, at its rate and with its channels: one piece for each of its `Encoded`."""


class Coder:
    """One item's versions through a codec, each encoded, decoded and passed through once."""

    def __init__(self, codec: Codec, sample_rate_hz: int) -> None:
        self.codec = codec
        self._sample_rate_hz = sample_rate_hz
        self._tokens: dict[str, Encoded | None] = {}
        self._decoded: dict[str, Parts] = {}
        self._passed: dict[str, Parts] = {}

    @property
    def has_latents(self) -> bool:
        """True when the codec can leave out the choice of tokens."""
        return isinstance(self.codec, LatentCodec)

    def takes(self, audio: Audio) -> bool:
        """False for audio with more channels than the codec has, of which there are no tokens."""
        return audio.shape[0] <= self.codec.channels or self.codec.channels == 1

    def tokens(self, name: str, audio: Audio) -> Encoded | None:
        """The tokens of the version of that name; None where it has more channels than the codec."""
        if name not in self._tokens:
            self._tokens[name] = encoded(audio, self._sample_rate_hz, self.codec)
        return self._tokens[name]

    def round_trip(self, name: str, audio: Audio) -> Audio | None:
        """The version of that name encoded and decoded; None where it has more channels than the codec."""
        return self.in_shape(self.decoded(name, audio), audio) if self.takes(audio) else None

    def parts(self, audio: Audio) -> Parts:
        """Audio that the codec takes, as it takes it."""
        return _parts(audio, self._sample_rate_hz, self.codec)

    def decoded(self, name: str, audio: Audio) -> Parts:
        """The version of that name encoded and decoded, at the codec's rate; the audio must be one that it takes."""
        if name not in self._decoded:
            tokens = self.tokens(name, audio)
            assert tokens is not None
            self._decoded[name] = tuple(map(self.codec.decode, tokens))
        return self._decoded[name]

    def passed(self, name: str, audio: Audio) -> Parts:
        """The version of that name encoded and decoded without choosing tokens, where the codec `has_latents`."""
        if name not in self._passed:
            assert isinstance(self.codec, LatentCodec)
            self._passed[name] = tuple(map(self.codec.round_trip_unquantised, self.parts(audio)))
        return self._passed[name]

    def in_shape(self, parts: Parts, audio: Audio) -> Audio:
        """Parts at the rate and in the shape of `audio`, whose parts they are."""
        return _in_shape(parts, audio.shape, self._sample_rate_hz, self.codec)


def encoded(audio: Audio, sample_rate_hz: int, codec: Codec) -> Encoded | None:
    """The tokens of audio `(channels, frames)`; None where it has more channels than the codec."""
    if audio.shape[0] > codec.channels > 1:
        return None
    return tuple(map(codec.encode, _parts(audio, sample_rate_hz, codec)))


def _parts(audio: Audio, sample_rate_hz: int, codec: Codec) -> Parts:
    parts = [channel[np.newaxis] for channel in audio] if audio.shape[0] > codec.channels else [audio]
    wide = [part if len(part) == codec.channels else np.repeat(part, codec.channels, axis=0) for part in parts]
    return tuple(_resampled(part, sample_rate_hz, codec.sample_rate_hz) for part in wide)


def _in_shape(parts: Parts, shape: tuple[int, ...], sample_rate_hz: int, codec: Codec) -> Audio:
    channels, frames = shape
    made = np.concatenate([_resampled(part, codec.sample_rate_hz, sample_rate_hz) for part in parts])
    narrow = made.mean(axis=0, keepdims=True) if channels < made.shape[0] else made
    # To half the rate and back, an odd number of frames ends one off.
    exact: Audio = np.pad(narrow[:, :frames], ((0, 0), (0, max(0, frames - narrow.shape[1])))).astype(np.float32)
    return exact


def _resampled(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    if from_hz == to_hz:
        return audio
    resampler = Resampler(from_hz, to_hz, audio.shape[0])
    return joined([resampler.push(audio), resampler.finish()], audio.shape[0])
