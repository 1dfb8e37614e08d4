"""Whether each token is the clean one."""

from torch import Tensor
from torch.nn import functional

from rebounce.engine.tokens import PAD
from rebounce.training.losses.comparison import Comparison


def token(comparison: Comparison) -> Tensor:
    """The cross-entropy of the clean tokens, each codebook weighted by what it moves (`CodebookUse.weights`).

    As the weights are 1 on average, guessing at random costs the logarithm of the codebook's size.
    """
    targets = comparison.targets
    # Codebooks and tokens stay where they are: a transposed copy of the logits would be as large as they are.
    surprise = functional.cross_entropy(
        comparison.prediction.logits.float(), targets.clean_codes, ignore_index=PAD, reduction="none"
    )
    return comparison.mean_of_tokens(surprise * targets.space.weights[:, None])
