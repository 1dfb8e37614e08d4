"""What the network says of a whole window: by how much the clean one is louder, livelier, wider or brighter.

All four are one rule: a gap is counted in steps that an ear just tells apart, 1 dB or 0.1 of correlation; half its
square up to six steps, straight beyond (Huber). A plain absolute difference holds such a head at "no change", a plain
square lets a few wild windows outweigh all others. A window counts for as much as it has tokens, and not at all where a
side is silent.
"""

import torch
from torch import Tensor
from torch.nn import functional

from rebounce.engine.errors import UsageError
from rebounce.training.losses.comparison import Comparison

STEP_DB = 1.0
STEP_OF_CORRELATION = 0.1
STRAIGHT_BEYOND_STEPS = 6.0


def level(comparison: Comparison) -> Tensor:
    """The scale and the gain, dB."""
    return _head(comparison, "level", (STEP_DB, STEP_DB))


def compression(comparison: Comparison) -> Tensor:
    """The swing of the RMS and the crest, dB."""
    return _head(comparison, "compression", (STEP_DB, STEP_DB))


def stereo(comparison: Comparison) -> Tensor:
    """The width, dB, and the correlation."""
    return _head(comparison, "stereo", (STEP_DB, STEP_OF_CORRELATION))


def perceptual(comparison: Comparison) -> Tensor:
    """The parts of eight bands in the energy, dB."""
    return _head(comparison, "perceptual", (STEP_DB,))


def _head(comparison: Comparison, name: str, steps: tuple[float, ...]) -> Tensor:
    found: Tensor = getattr(comparison.prediction, name)
    wanted: Tensor | None = getattr(comparison.targets, name)
    if wanted is None:
        raise UsageError(
            f"losses: {name}: expected bundles with the feature measures, found none in the batch; prepare them with "
            f"rebounce prepare --features measures and load it with them, or leave {name} out"
        )
    scale = torch.tensor(steps, device=wanted.device)
    gaps = functional.huber_loss(found.float() / scale, wanted / scale, reduction="none", delta=STRAIGHT_BEYOND_STEPS)
    heard = comparison.targets.heard
    return (gaps.mean(1) * heard).sum() / heard.sum().clamp(min=1e-6)
