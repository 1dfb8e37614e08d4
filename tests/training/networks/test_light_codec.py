"""The light codec: its shapes, its names, and codebooks that stay alive."""

import numpy as np
import pytest
import torch
from tiny_codec_training import SIZE
from torch import Tensor

from rebounce.training.networks.light_codec import SIZES, LightCodec


@pytest.fixture
def model() -> LightCodec:
    torch.manual_seed(0)
    return LightCodec(SIZE)


def latents_of(model: LightCodec, tokens: int = 50) -> Tensor:
    return torch.randn(2, model.size.dimension, tokens)


def spread_out(model: LightCodec) -> None:
    """Codebooks whose codes all get their fair share."""
    for stage in range(SIZE.codebooks):
        centres = torch.randn(SIZE.codebook_size, SIZE.dimension) / (stage + 1)
        model.set_codebook(stage, centres, torch.full((SIZE.codebook_size,), 5.0))


def test_the_one_that_ships_has_about_two_million_weights_and_a_hop_of_320() -> None:
    model = LightCodec(SIZES["light"])
    assert model.size.hop_frames == 320
    assert sum(weight.numel() for weight in model.parameters()) == 1_843_924
    assert {name.partition(".")[0] for name in model.state_dict()} == {"encoder", "decoder", "quantiser"}
    assert model.codebooks().shape == (16, 1024, 128)


@torch.no_grad()
def test_audio_comes_back_in_its_shape_with_and_without_codes(model: LightCodec) -> None:
    audio = torch.randn(3, 2, 20 * SIZE.hop_frames)
    made, codes = model.coded(audio)
    assert codes.shape == (SIZE.codebooks, 3, 20)
    assert made.shape == model.unquantised(audio).shape == audio.shape
    latents = sum(book[chosen] for book, chosen in zip(model.codebooks(), codes, strict=True))
    assert torch.allclose(model.decoder(latents.transpose(1, 2)), made, atol=1e-6)


@torch.no_grad()
def test_what_is_far_away_changes_nothing(model: LightCodec) -> None:
    audio = torch.randn(1, 2, 200 * SIZE.hop_frames)
    other = audio.clone()
    other[..., : 50 * SIZE.hop_frames] = torch.randn(2, 50 * SIZE.hop_frames)
    codes, others = (model.coded(given)[1] for given in (audio, other))
    assert not torch.equal(codes[..., :50], others[..., :50])
    assert torch.equal(codes[..., 100:], others[..., 100:])


def test_dead_codes_get_places_where_vectors_are_and_keep_them(model: LightCodec) -> None:
    spread_out(model)
    book = model.quantiser.layers[0]._codebook
    dead = [3, 7]
    book.embed[dead] = 1000.0  # so far away that nothing is ever nearest to it
    book.embed_avg[dead], book.cluster_size[dead] = 0.1, 1e-4
    before = model.codebooks().clone()
    latents = latents_of(model)
    model.train()
    codes = model.quantiser(latents)[1]
    assert model.replace_dead_codes(latents, codes, 0.5, np.random.default_rng(0)) == len(dead)
    vectors = latents.transpose(1, 2).flatten(0, 1)
    for number in dead:
        assert (vectors == book.embed[number]).all(dim=1).any()
    live = [number for number in range(SIZE.codebook_size) if number not in dead]
    # The others went where the moving average took them: not far in one step.
    assert float((model.codebooks()[0][live] - before[0][live]).abs().max()) < 0.5
    place = book.embed[dead].clone()
    model.quantiser(latents)  # the package's own expiry would be written over here
    assert float((book.embed[dead] - place).abs().max()) < 0.5
    assert bool((book.cluster_size[dead] > 1).all())


def test_later_stages_take_their_places_from_what_is_left(model: LightCodec) -> None:
    spread_out(model)
    book = model.quantiser.layers[1]._codebook
    book.cluster_size[5] = 0.0
    latents = latents_of(model)
    with torch.no_grad():
        codes = model.quantiser.encode(latents)
    first = model.codebooks()[0][codes[0].flatten()]
    assert model.replace_dead_codes(latents, codes, 0.5, np.random.default_rng(0)) == 1
    rest = latents.transpose(1, 2).flatten(0, 1) - first
    assert (rest == book.embed[5]).all(dim=1).any()


def test_where_all_codes_live_nothing_is_drawn_and_nothing_moves(model: LightCodec) -> None:
    spread_out(model)
    before = model.codebooks().clone()
    generator = np.random.default_rng(0)
    latents = latents_of(model)
    with torch.no_grad():
        codes = model.quantiser.encode(latents)
    assert model.replace_dead_codes(latents, codes, 0.5, generator) == 0
    assert torch.equal(model.codebooks(), before)
    assert generator.random() == np.random.default_rng(0).random()


def test_more_dead_codes_than_vectors_wait_for_the_next_step(model: LightCodec) -> None:
    spread_out(model)
    for layer in model.quantiser.layers:
        layer._codebook.cluster_size.zero_()
    latents = torch.randn(1, SIZE.dimension, 4)
    with torch.no_grad():
        codes = model.quantiser.encode(latents)
    assert model.replace_dead_codes(latents, codes, 0.5, np.random.default_rng(0)) == 4 * SIZE.codebooks
