"""The ways from a prediction to latents."""

import pytest
import torch
from loss_making import HOP_FRAMES, SoundCodec, make_prediction, make_targets

from rebounce.engine.tokens import PAD
from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import SOURCES, DifferentiableDecoder

TARGETS = make_targets()


@pytest.mark.parametrize("source", SOURCES)
def test_every_way_out_is_zero_where_there_is_no_token(source: str) -> None:
    latents = Comparison(make_prediction(TARGETS), TARGETS, None).latents_by(source)
    assert not latents.transpose(1, 2)[~TARGETS.is_token].any()
    assert latents.transpose(1, 2)[TARGETS.is_token].all()


def test_choices_are_the_likeliest_tokens_with_the_slope_of_the_mixture() -> None:
    prediction = make_prediction(TARGETS)
    comparison = Comparison(prediction, TARGETS, None)
    codes = torch.where(TARGETS.is_token[:, None], prediction.logits.argmax(1), PAD)
    chosen, mixed = (comparison.latents_by(source) for source in ("choices", "tokens"))
    torch.testing.assert_close(chosen, TARGETS.space.latents_of(codes))
    weights = torch.randn(chosen.shape, generator=torch.Generator().manual_seed(0))
    slopes = [
        torch.autograd.grad((weights * latents).sum(), prediction.logits, retain_graph=True)[0]
        for latents in (chosen, mixed)
    ]
    assert torch.equal(*slopes)


def test_each_source_is_decoded_after_the_other() -> None:
    comparison = Comparison(make_prediction(TARGETS), TARGETS, DifferentiableDecoder(SoundCodec(), sources=SOURCES))
    decoder = SoundCodec().decoder
    expected = torch.cat([decoder(comparison.latents_by(source)) for source in SOURCES])
    assert torch.equal(comparison.audio.made, expected)
    assert torch.equal(comparison.audio.wanted, decoder(TARGETS.clean_latents).repeat(3, 1, 1))


def test_a_stretch_is_cut_out_of_both_sides_alike() -> None:
    prediction = make_prediction(TARGETS)
    decoder = DifferentiableDecoder(SoundCodec(), sources=("latents",), stretch_tokens=9)
    part = Comparison(prediction, TARGETS, decoder).audio
    whole = Comparison(prediction, TARGETS, DifferentiableDecoder(SoundCodec(), sources=("latents",))).audio
    tokens = decoder.stretch(TARGETS.clean_codes)
    frames = slice(tokens.start * HOP_FRAMES, tokens.stop * HOP_FRAMES)
    assert torch.equal(part.made, whole.made[..., frames])
    assert torch.equal(part.wanted, whole.wanted[..., frames])
    assert torch.equal(part.is_heard, whole.is_heard[..., frames])
