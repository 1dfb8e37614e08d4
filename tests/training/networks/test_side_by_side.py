"""Two codecs for one channel as one codec for two."""

from typing import Any

import pytest
import torch
from tiny_codec_training import SIZE
from torch import Tensor

from rebounce.training.networks.light_codec import SIZES, CodecSize, LightCodec
from rebounce.training.networks.side_by_side import half_of, mid_side, side_by_side, unquantised_stereo


def pair(size: CodecSize) -> tuple[LightCodec, LightCodec]:
    """Half a codec with weights unlike those it began with, as after a step of training, and one that is made of it."""
    torch.manual_seed(0)
    half, whole = LightCodec(half_of(size)), LightCodec(size)
    with torch.no_grad():
        for weight in half.parameters():
            weight.add_(0.03 * torch.randn_like(weight))
    side_by_side(half, whole)
    return half, whole


def stereo(frames: int) -> Tensor:
    return torch.randn(3, 2, frames) * torch.tensor([1.0, 0.3])[:, None]


def test_middle_and_sides_undo_themselves_and_keep_the_energy() -> None:
    audio = stereo(100)
    parts = mid_side(audio)
    assert torch.allclose(parts[:, 0], (audio[:, 0] + audio[:, 1]) / 2**0.5)
    assert torch.allclose(parts[:, 1], (audio[:, 0] - audio[:, 1]) / 2**0.5)
    assert torch.allclose(mid_side(parts), audio, atol=1e-6)
    assert torch.allclose(parts.square().sum(dim=1), audio.square().sum(dim=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [SIZE, SIZES["tiny"], SIZES["light"]], ids=["smallest", "tiny", "light"])
@torch.no_grad()
def test_the_whole_gives_what_its_halves_give(size: CodecSize) -> None:
    half, whole = pair(size)
    audio = stereo(20 * size.hop_frames)
    made, wanted = whole.unquantised(audio), unquantised_stereo(half, audio)
    assert float((made - wanted).abs().max()) < 1e-5 * float(wanted.abs().max())
    latents = whole.encoder(audio)
    middle, sides = (half.encoder(part) for part in torch.split(mid_side(audio), 1, dim=1))
    assert torch.allclose(latents, torch.cat([middle, sides], dim=1), atol=1e-5 * float(latents.abs().max()))


def test_what_lies_between_the_halves_is_free_to_learn() -> None:
    _, whole = pair(SIZE)
    audio = stereo(20 * SIZE.hop_frames)
    torch.autograd.backward((whole.unquantised(audio) - audio).square().mean())
    inner: Any = whole.decoder.model[0]
    weight = inner.conv.conv.weight_v
    outputs, inputs = (count // 2 for count in weight.shape[:2])
    assert float(weight.detach()[:outputs, inputs:].abs().max()) == 0
    assert float(weight.grad[:outputs, inputs:].abs().min()) > 0


@torch.no_grad()
def test_stereo_through_a_codec_for_stereo_is_only_that() -> None:
    _, whole = pair(SIZE)
    audio = stereo(10 * SIZE.hop_frames)
    assert torch.equal(unquantised_stereo(whole, audio), whole.unquantised(audio))


def test_the_codebooks_are_left_as_they_are() -> None:
    torch.manual_seed(1)
    half, whole = LightCodec(half_of(SIZE)), LightCodec(SIZE)
    before = whole.codebooks().clone()
    side_by_side(half, whole)
    assert torch.equal(whole.codebooks(), before)
