"""The published wiring differs from ours in its ways alone, and has none past the strided convolutions."""

import pytest
import torch
from token_making import SHAPE, drawn_tokens, shaken

from benchmarks.ablation_networks import PublishedUNet, PublishedWithInput
from rebounce.training.networks.token_unet import SIZES, TokenUNet


@pytest.mark.parametrize(("wiring", "passes"), [(PublishedUNet, False), (PublishedWithInput, True), (TokenUNet, True)])
def test_with_the_strided_convolutions_at_nothing(wiring: type[TokenUNet], passes: bool) -> None:
    network = shaken(wiring(SIZES["tiny"], SHAPE))
    codes, latents = drawn_tokens(1, 32)
    with torch.no_grad():
        for part in (*network.down.parameters(), *network.up.parameters()):
            part.zero_()
        before = network(codes, latents).logits
        codes[0, 0, 13] = (codes[0, 0, 13] + 1) % SHAPE.codebook_size
        after = network(codes, latents).logits
    # FiLM is told the mean of the input, but what it says falls to nothing with the way up.
    assert bool((after - before)[0, :, 1, 13].any()) is passes


def test_all_wirings_have_the_same_parameters() -> None:
    names = [list(wiring(SIZES["tiny"], SHAPE).state_dict()) for wiring in (TokenUNet, PublishedUNet)]
    assert names[0] == names[1]
