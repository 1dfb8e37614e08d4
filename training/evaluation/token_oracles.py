"""What a restorer of tokens could reach that predicts the clean audio's perfectly: one row for each way to use them.

Two decodes are known, that of the clean audio and that of the damaged; their difference, or the gain from one to the
other, is applied to the damaged audio, which itself passes no codec. In the formulas x is the damaged audio, c the
clean, q() through the codec and back, E() the same without choosing tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.codec import LatentCodec
from rebounce.engine.repair_modes import residual, transfer_change
from rebounce.training.codecs import CodecChoice, opened
from rebounce.training.evaluation.bench import (
    COHERENT,
    COHERENT_LATENTS,
    DAMAGED,
    KNOWN_ERROR,
    LATENTS,
    ORIGINAL,
    TOKENS,
    TRANSFER,
)
from rebounce.training.evaluation.coding import Coder
from rebounce.training.tracks import Pair

LEAST_LEVEL = 1e-5

Change = Callable[[Audio, Audio, Audio], Audio]
"""What to add to x, from x, the decode of the damaged and the decode of the clean, at a level near 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to use two decodes; `is_latent` where no tokens are chosen for them."""

    name: str
    about: str
    change: Change
    is_latent: bool = False


def _plain(x: Audio, decoded_input: Audio, decoded_restored: Audio) -> Audio:
    return residual(x, decoded_input, decoded_restored, "none")


def _coherent(x: Audio, decoded_input: Audio, decoded_restored: Audio) -> Audio:
    return residual(x, decoded_input, decoded_restored, "coherence")


def _known_error(x: Audio, decoded_input: Audio, decoded_restored: Audio) -> Audio:
    return residual(x, decoded_input, decoded_restored, "known-error")


_OF_TOKENS = "no result: the damaged input plus what the tokens of the clean say differs, x + q(c) - q(x)"
_OF_LATENTS = "no result: the damaged input plus what the latents of the clean say differs, x + E(c) - E(x)"
_BY_COHERENCE = "each cell of the spectrum weighted by how much of x there survives the codec"

WAYS = (
    Way(name=TOKENS, change=_plain, about=_OF_TOKENS),
    Way(name=COHERENT, change=_coherent, about=f"{_OF_TOKENS}, {_BY_COHERENCE}"),
    Way(
        name=KNOWN_ERROR,
        change=_known_error,
        about=f"{_OF_TOKENS}, each cell of the spectrum weighted by how far the change stands out from x - q(x)",
    ),
    Way(
        name=TRANSFER,
        change=transfer_change,
        about="no result: the damaged input with the smoothed gain from q(x) to q(c) in each cell of its spectrum",
    ),
    Way(name=LATENTS, change=_plain, about=_OF_LATENTS, is_latent=True),
    Way(name=COHERENT_LATENTS, change=_coherent, about=f"{_OF_LATENTS}, {_BY_COHERENCE}", is_latent=True),
)


def ways_of(choice: CodecChoice | None) -> list[Way]:
    """The ways that a codec offers; none without one."""
    if choice is None:
        return []
    has_latents = isinstance(opened(choice), LatentCodec)
    return [way for way in WAYS if has_latents or not way.is_latent]


def with_perfect_tokens(way: Way, pair: Pair, coder: Coder) -> Audio | None:
    """The damaged audio repaired in one way; None where the codec has too few channels."""
    if not coder.takes(pair.damaged):
        return None
    through = coder.passed if way.is_latent else coder.decoded
    before, after = through(DAMAGED, pair.damaged), through(ORIGINAL, pair.clean)
    parts = zip(coder.parts(pair.damaged), before, after, strict=True)
    changes = tuple(_at_its_level(way.change, *part) for part in parts)
    return pair.damaged + coder.in_shape(changes, pair.damaged)


def _at_its_level(change: Change, x: Audio, decoded_input: Audio, decoded_restored: Audio) -> Audio:
    """The change at a level of x near 1, which is what the repair modes are made for."""
    level = max(np.sqrt(np.mean(np.square(x, dtype=np.float32))), np.float32(LEAST_LEVEL))
    made: Audio = change(x / level, decoded_input / level, decoded_restored / level) * level
    return made
