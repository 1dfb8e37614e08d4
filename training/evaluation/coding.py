"""What a codec makes of an item: its tokens, and audio at its own rate again.

What always holds: audio of any rate and length comes back in its own shape, or there are no tokens of it at all.
"""

import numpy as np

from rebounce.engine.audio import Audio, joined
from rebounce.engine.codec import Codec
from rebounce.engine.resampling import Resampler
from rebounce.engine.tokens import Tokens

Encoded = tuple[Tokens, ...]
"""The tokens of all channels together, or of one after another where the codec takes one at a time."""


class Coder:
    """One item's versions as tokens, each encoded once."""

    def __init__(self, codec: Codec, sample_rate_hz: int) -> None:
        self.codec = codec
        self._sample_rate_hz = sample_rate_hz
        self._known: dict[str, Encoded | None] = {}

    def tokens(self, name: str, audio: Audio) -> Encoded | None:
        """The tokens of the version of that name; None where it has more channels than the codec."""
        if name not in self._known:
            self._known[name] = encoded(audio, self._sample_rate_hz, self.codec)
        return self._known[name]

    def round_trip(self, name: str, audio: Audio) -> Audio | None:
        """The version of that name encoded and decoded; None where it has more channels than the codec."""
        tokens = self.tokens(name, audio)
        return None if tokens is None else decoded(tokens, audio.shape, self._sample_rate_hz, self.codec)


def encoded(audio: Audio, sample_rate_hz: int, codec: Codec) -> Encoded | None:
    """The tokens of audio `(channels, frames)`; None where it has more channels than the codec."""
    channels = audio.shape[0]
    if channels > codec.channels > 1:
        return None
    parts = [channel[np.newaxis] for channel in audio] if channels > codec.channels else [audio]
    wide = [part if len(part) == codec.channels else np.repeat(part, codec.channels, axis=0) for part in parts]
    return tuple(codec.encode(_resampled(part, sample_rate_hz, codec.sample_rate_hz)) for part in wide)


def decoded(tokens: Encoded, shape: tuple[int, ...], sample_rate_hz: int, codec: Codec) -> Audio:
    """The audio of what `encoded` gave, in the shape `(channels, frames)` that it had."""
    channels, frames = shape
    made = np.concatenate([_resampled(codec.decode(one), codec.sample_rate_hz, sample_rate_hz) for one in tokens])
    narrow = made.mean(axis=0, keepdims=True) if channels < made.shape[0] else made
    # To half the rate and back, an odd number of frames ends one off.
    exact: Audio = np.pad(narrow[:, :frames], ((0, 0), (0, max(0, frames - narrow.shape[1])))).astype(np.float32)
    return exact


def _resampled(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    if from_hz == to_hz:
        return audio
    resampler = Resampler(from_hz, to_hz, audio.shape[0])
    return joined([resampler.push(audio), resampler.finish()], audio.shape[0])
