"""A prediction decoded: what the codec itself would decode, with a way back that leaves the codec as it is."""

import pytest
import torch
from loss_making import SoundCodec
from tiny_packages import tiny_codec
from torch import nn

from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.token_space import token_space
from rebounce.training.networks.light_codec import LightCodec


@pytest.fixture(scope="module")
def codec() -> LightCodec:
    return tiny_codec()


def test_the_light_codec_is_decoded_as_it_decodes_itself(codec: LightCodec) -> None:
    codes = torch.randint(0, 16, (2, 4, 10), generator=torch.Generator().manual_seed(0))
    expected = codec.decoder(codec.quantiser.decode(codes.transpose(0, 1)))
    found = DifferentiableDecoder(codec)(token_space(codec).latents_of(codes))
    assert found.shape == (2, 2, 3200)
    torch.testing.assert_close(found, expected)


def test_the_gradient_passes_and_nothing_of_the_codec_learns(codec: LightCodec) -> None:
    decoder = DifferentiableDecoder(codec)
    decoder.train()
    latents = torch.randn(1, 8, 10, generator=torch.Generator().manual_seed(0)).requires_grad_()
    decoder(latents).square().sum().backward()
    assert latents.grad is not None
    assert latents.grad.any()
    assert all(not parameter.requires_grad and parameter.grad is None for parameter in decoder.parameters())


def test_it_stays_as_it_decodes_whatever_the_network_does_but_for_what_cudnn_asks() -> None:
    codec = SoundCodec()
    codec.decoder = nn.Sequential(nn.Dropout(0.5), nn.LSTM(4, 4))
    decoder = DifferentiableDecoder(codec)
    for mode in (True, False):
        nn.ModuleList([decoder]).train(mode)
        assert [module.training for module in codec.decoder] == [False, True]


def test_half_precision_around_it_does_not_touch_it(codec: LightCodec) -> None:
    decoder = DifferentiableDecoder(codec)
    latents = torch.randn(1, 8, 10, generator=torch.Generator().manual_seed(0))
    expected = decoder(latents)
    with torch.autocast("cpu", torch.bfloat16):
        found = decoder(latents)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_another_batch_is_heard_in_another_place_and_the_same_in_the_same() -> None:
    decoder = DifferentiableDecoder(SoundCodec(), stretch_tokens=8)
    drawn = [torch.randint(0, 16, (2, 4, 32), generator=torch.Generator().manual_seed(seed)) for seed in range(200)]
    places = [decoder.stretch(codes) for codes in drawn]
    assert places == [decoder.stretch(codes.clone()) for codes in drawn]
    assert {place.stop - place.start for place in places} == {8}
    assert {place.start for place in places} == set(range(25))


@pytest.mark.parametrize("stretch_tokens", [None, 32, 100])
def test_without_a_stretch_the_whole_window_is_heard(stretch_tokens: int | None) -> None:
    decoder = DifferentiableDecoder(SoundCodec(), stretch_tokens=stretch_tokens)
    assert decoder.stretch(torch.full((1, 4, 32), 3)) == slice(0, 32)
