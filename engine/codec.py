"""What a codec is to everything that uses one."""

from typing import Protocol

from rebounce.engine.audio import Audio
from rebounce.engine.tokens import Framing, Tokens


class Codec(Protocol):
    """Audio to tokens and back.

    `encode` takes audio `(channels, frames)` at `sample_rate_hz`; `decode` gives exactly `tokens.frames` frames, and
    refuses tokens whose `codec_id` is another. `codec_id` holds the name, the bit-rate and the start of
    `weights_sha256`, so that equal ids mean equal codecs.
    """

    codec_id: str
    weights_sha256: str
    sample_rate_hz: int
    channels: int
    codebooks: int
    codebook_size: int
    framing: Framing

    def encode(self, audio: Audio) -> Tokens: ...

    def decode(self, tokens: Tokens) -> Audio: ...
