"""EnCodec behind the losses is the EnCodec that makes the tokens. Random weights: no sound is judged here."""

import numpy as np
import torch
from signals import noise
from torch_threads import threads

from rebounce.training.encodec_codec import EncodecCodec
from rebounce.training.encodec_weights import random_weights
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.encodec_parts import EncodecParts
from rebounce.training.losses.token_space import token_space


def test_tokens_of_a_segment_decode_as_the_codec_decodes_them_and_the_gradient_passes() -> None:
    state = random_weights(0)
    codec, parts = EncodecCodec(state, 6.0), EncodecParts(state, 6.0)
    space, decoder = token_space(parts), DifferentiableDecoder(parts)
    assert space.entries.shape == (4, 1024, 128)
    tokens = codec.encode(noise(6_400))
    codes = torch.from_numpy(tokens.codes.astype(np.int64))
    latents = space.latents_of(codes).requires_grad_()
    with threads(1):
        found = decoder(latents)
    expected = codec.decode(tokens) / tokens.scales[0]
    np.testing.assert_allclose(found[0].detach().numpy(), expected, atol=1e-4 * np.abs(expected).max())
    found.square().mean().backward()
    assert latents.grad is not None
    assert latents.grad.abs().sum((0, 1)).all()
