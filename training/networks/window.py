"""Which moments of a window are tokens, so that what fills it up changes nothing.

Where every moment is a token there is no mask at all (`None`), and nothing is multiplied. Otherwise a mask is float
`(batch or 1, 1, tokens)`, 1 at a token and 0 elsewhere, and features are kept zero wherever it is 0: convolutions then
see what they see past the end of a window, and means and peaks are those of the tokens alone.
"""

import torch
from torch import Tensor
from torch.nn import functional


def pyramid(mask: Tensor | None, depth: int) -> list[Tensor | None]:
    """The mask at the full rate and at each of `depth` halved ones; what is a token in part is one."""
    masks = [mask]
    for _ in range(depth):
        mask = None if mask is None else functional.max_pool1d(mask, 2)
        masks.append(mask)
    return masks


def kept(features: Tensor, mask: Tensor | None) -> Tensor:
    """Zero where there is no token."""
    return features if mask is None else features * mask.to(features.dtype)


def mean(features: Tensor, mask: Tensor | None) -> Tensor:
    """`(batch, channels, tokens)` to `(batch, channels)`: over the tokens; 0 where there are none."""
    if mask is None:
        return features.mean(-1)
    share = mask / mask.sum(-1, keepdim=True).clamp(min=1)
    return (features * share.to(features.dtype)).sum(-1)


def peak(features: Tensor, mask: Tensor | None) -> Tensor:
    """`(batch, channels, tokens)` to `(batch, channels)`: the most over the tokens; 0 where there are none."""
    if mask is None:
        return features.amax(-1)
    lowest = torch.finfo(features.dtype).min
    most = features.masked_fill(mask == 0, lowest).amax(-1)
    return most.masked_fill(mask.amax(-1) == 0, 0)
