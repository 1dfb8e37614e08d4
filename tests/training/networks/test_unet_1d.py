"""The plain U-Net is what it is compared as: the token U-Net's input and heads, and nothing that attends."""

import torch
from token_making import SHAPE, drawn_tokens, shaken

from rebounce.training.networks.attention import Cbam
from rebounce.training.networks.blocks import Context, Film
from rebounce.training.networks.token_unet import SIZES
from rebounce.training.networks.unet_1d import UNet1d


def test_there_is_no_attention_in_it() -> None:
    assert not [part for part in UNet1d(SIZES["tiny"], SHAPE).modules() if isinstance(part, Cbam | Film | Context)]


def test_a_token_reaches_the_heads_past_every_strided_convolution() -> None:
    network = shaken(UNet1d(SIZES["tiny"], SHAPE))
    codes, latents = drawn_tokens(1, 32)
    with torch.no_grad():
        for part in (*network.down.parameters(), *network.up.parameters()):
            part.zero_()
        before = network(codes, latents).logits
        codes[0, 0, 13] = (codes[0, 0, 13] + 1) % SHAPE.codebook_size
        after = network(codes, latents).logits
    assert (after - before)[0, :, 1, 13].abs().max() > 1e-3
