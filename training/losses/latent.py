"""Whether the change of the latents leads to those that they should be."""

from torch import Tensor
from torch.nn import functional

from rebounce.training.losses.comparison import Comparison


def latent(comparison: Comparison) -> Tensor:
    """Half the square of the gap between the changed and the clean latents, in units of the latents' own level.

    Beyond one such unit it grows with the gap and no more with its square (Huber), so that a few wild moments do not
    outweigh all others. Predicting no latents at all costs about a half.
    """
    targets = comparison.targets
    level = targets.space.latent_level
    gaps = functional.huber_loss(comparison.changed_latents / level, targets.clean_latents / level, reduction="none")
    return comparison.mean_of_tokens(gaps)
