"""Whether the network knows which tokens must change."""

from torch import Tensor
from torch.nn import functional

from rebounce.training.losses.comparison import Comparison


def mask(comparison: Comparison) -> Tensor:
    """The binary cross-entropy of the mask, whose target is 1 where the clean token differs from the damaged one."""
    prediction, targets = comparison.prediction, comparison.targets
    surprise = functional.binary_cross_entropy_with_logits(
        prediction.mask_logits.float(), targets.mask, reduction="none"
    )
    return comparison.mean_of_tokens(surprise)
