"""What a codec makes of both sides before it chooses tokens: what a change of latents is learnt from.

Float16 `(segments, 3, 128, tokens)`, zeros after the end of a short segment: what the damaged side should be, the
damaged side, and the clean side by itself. The first two are divided by the damaged side's scales, and what it should
be is the clean side at the level that it has within the damaged one, one level for the whole item: so that what is
learnt changes no level, and a mere gain is nothing to be repaired. Where the damaged side is silent it is as it should
be. The third is what the codec makes of the clean side at its own scales, as of any input.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Codec, LatentCodec
from rebounce.engine.errors import UsageError
from rebounce.engine.tokens import Framing
from rebounce.training.bundle_measures import gain_db

DIMENSION = 128
"""Of EnCodec's latents and of the light codec's."""

WANTED, DAMAGED, CLEAN = range(3)
"""Where each stands among the three."""

SILENCE = 2e-5
"""A segment of a scale below this, -94 dBFS, has no level, tone or image that could be compared."""


def latents_shape(frames: int, framing: Framing) -> tuple[int, ...]:
    """The shape of the latents of an item of that many frames."""
    counts = framing.token_counts(frames)
    return len(counts), 3, DIMENSION, max(counts, default=0)


def latents_of(clean: Audio, damaged: Audio, codec: Codec) -> NDArray[np.float16]:
    """The latents of two sides `(channels, frames)` of equal shape, at the codec's rate."""
    if not isinstance(codec, LatentCodec):
        raise UsageError(f"feature latents: {codec.codec_id} gives no latents; leave the feature out, or name another")
    of_damaged, scales = codec.latents(damaged)
    level = np.float32(10 ** (-gain_db(clean.astype(np.float64), damaged.astype(np.float64)) / 20))
    wanted, _ = codec.latents(clean * level, np.maximum(scales, np.float32(SILENCE)))
    if wanted.shape[1] != DIMENSION:
        raise UsageError(
            f"feature latents: expected {DIMENSION} numbers to a token, {codec.codec_id} has {wanted.shape[1]}; "
            "leave the feature out"
        )
    is_silent = scales < SILENCE
    wanted[is_silent] = of_damaged[is_silent]
    of_clean, _ = codec.latents(clean)
    most = np.finfo(np.float16).max
    return np.clip(np.stack([wanted, of_damaged, of_clean], axis=1), -most, most).astype(np.float16)
