"""What all terms have in common: a real gradient to their own heads, and numbers that mean the same everywhere."""

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest
import torch
from loss_making import (
    CODEBOOK_SIZE,
    CODEBOOKS,
    TOKENS,
    SoundCodec,
    heads_with_gradient,
    make_batch,
    make_prediction,
    make_targets,
    perfect_prediction,
)
from tiny_packages import tiny_codec

from rebounce.engine.errors import UsageError
from rebounce.training.bundle_features import FEATURES
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.registry import (
    LOSSES,
    features_needed,
    loss_terms,
    needs_decoder,
    needs_tokens,
    weighted_sum,
)
from rebounce.training.losses.targets import Targets, targets_of
from rebounce.training.losses.token_space import token_space
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.registry import make_network

SPACE = token_space(SoundCodec())
DECODER = DifferentiableDecoder(SoundCodec())
BOTH_WAYS = {"logits", "latent_change"}
HEADS = {
    "token": {"logits"},
    "latent": {"latent_change"},
    "mask": {"mask_logits"},
    "level": {"level"},
    "compression": {"compression"},
    "stereo": {"stereo"},
    "perceptual": {"perceptual"},
    "mel": BOTH_WAYS,
    "stft": BOTH_WAYS,
    "time": BOTH_WAYS,
    "token-spectrum": {"logits"},
}


def term(name: str, prediction: Prediction, targets: Targets, decoder: DifferentiableDecoder = DECODER) -> torch.Tensor:
    return loss_terms(prediction, targets, [name], decoder)[name]


def stepped(prediction: Prediction, size: float, towards: Mapping[str, torch.Tensor]) -> Prediction:
    tensors = {field.name: getattr(prediction, field.name).detach() for field in fields(prediction)}
    return Prediction(**{name: tensor + size * towards.get(name, 0) for name, tensor in tensors.items()})


@pytest.mark.parametrize("name", LOSSES)
def test_a_term_has_a_gradient_to_its_own_heads_and_to_no_others(name: str) -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    torch.autograd.backward(term(name, prediction, targets))
    assert heads_with_gradient(prediction) == HEADS[name]


@pytest.mark.parametrize("name", LOSSES)
def test_a_term_needs_the_tokens_of_a_prediction_if_it_goes_by_their_logits(name: str) -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    without = replace(prediction, logits=torch.zeros(0))
    assert needs_tokens([name]) is ("logits" in HEADS[name])
    if not needs_tokens([name]):
        assert torch.equal(term(name, without, targets), term(name, prediction, targets))
    assert needs_tokens(["mask", name]) is needs_tokens([name])


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_the_slope_and_a_step_down_it_lowers_the_term(name: str) -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    before = term(name, prediction, targets)
    torch.autograd.backward(before)
    slopes = {head: getattr(prediction, head).grad for head in HEADS[name]}
    steepness = sum(float(slope.square().sum()) for slope in slopes.values())
    size = 0.02 * before.item() / steepness
    down, up = (term(name, stepped(prediction, way * size, slopes), targets).item() for way in (-1, 1))
    assert down < before.item()
    assert (up - down) / (2 * size) == pytest.approx(steepness, rel=0.02)


@pytest.mark.parametrize("name", LOSSES)
def test_who_says_everything_right_pays_nothing(name: str) -> None:
    targets = make_targets()
    assert term(name, perfect_prediction(targets), targets).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_twice_as_large_costs_the_same(name: str) -> None:
    batch = make_batch()
    prediction = make_prediction(targets_of(batch, SPACE))
    said = {field.name: getattr(prediction, field.name) for field in fields(prediction)}
    twice = Prediction(**{head: torch.cat([tensor, tensor]) for head, tensor in said.items()})
    expected = term(name, prediction, targets_of(batch, SPACE)).item()
    doubled = targets_of({key: torch.cat([values, values]) for key, values in batch.items()}, SPACE)
    assert term(name, twice, doubled).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_said_of_padding_does_not_matter(name: str) -> None:
    """Through a real decoder too, in which every token is heard around its own place."""
    codec = tiny_codec()
    decoder = DifferentiableDecoder(codec)
    targets = make_targets(space=token_space(codec))
    prediction = make_prediction(targets)
    is_token = targets.is_token
    other = make_prediction(targets, seed=2, level=3.0)
    of_tokens = {
        "logits": is_token[:, None, None],
        "mask_logits": is_token[:, None],
        "latent_change": is_token[:, None],
    }
    mixed = {
        head: torch.where(here, getattr(prediction, head), getattr(other, head)) for head, here in of_tokens.items()
    }
    found = term(name, replace(prediction, **mixed), targets, decoder).item()
    assert found == pytest.approx(term(name, prediction, targets, decoder).item(), rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_silence_and_single_tokens_cost_finite_numbers_with_finite_slopes(name: str) -> None:
    batch = make_batch()
    for side in ("clean", "damaged"):
        batch[f"scales_{side}"].fill_(1e-5)
    batch["measures"].zero_()
    batch["is_token"][1, 1, 1:] = False
    batch["is_token"][0] = False
    batch["is_token"][0, 0, :1] = True
    here = batch["is_token"][:, :, None]
    still = {f"codes_{side}": torch.where(here, 0, -1).expand_as(batch["codes_clean"]) for side in ("clean", "damaged")}
    targets = targets_of({**batch, **still}, token_space(SoundCodec()))
    prediction = make_prediction(targets, level=0.0)
    found = term(name, prediction, targets)
    torch.autograd.backward(found)
    assert torch.isfinite(found)
    for head in HEADS[name]:
        assert torch.isfinite(getattr(prediction, head).grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_changes_a_term_by_no_more_than_its_own_rounding(name: str) -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    halves = Prediction(**{field.name: getattr(prediction, field.name).bfloat16() for field in fields(prediction)})
    with torch.autocast("cpu", torch.bfloat16):
        found = term(name, halves, targets)
    torch.autograd.backward(found)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(term(name, prediction, targets).item(), rel=5e-3)
    assert heads_with_gradient(prediction) == HEADS[name]


@pytest.mark.parametrize("name", LOSSES)
def test_a_real_network_learns_each_term_through_a_real_codec(name: str) -> None:
    codec = tiny_codec()
    targets = targets_of(make_batch(), token_space(codec))
    shape = TokenShape(codebooks=CODEBOOKS, codebook_size=CODEBOOK_SIZE, latent_dimension=8, window_tokens=TOKENS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make_network("token-unet", "tiny", shape)
    decoder = DifferentiableDecoder(codec)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    costs = []
    for _ in range(5):
        said = network(targets.damaged_codes, targets.damaged_latents)
        loss = loss_terms(said, targets, [name], decoder)[name]
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        costs.append(loss.item())
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0]


def test_terms_are_added_by_their_weights() -> None:
    terms = {"token": torch.tensor(2.0), "mask": torch.tensor(3.0), "time": torch.tensor(7.0)}
    assert weighted_sum(terms, {"token": 1.0, "mask": 0.1}).item() == pytest.approx(2.3)


def test_the_weights_are_those_of_the_text() -> None:
    text = {
        "token": 1.0, "mask": 0.1, "perceptual": 0.1, "level": 0.1, "stereo": 0.1, "compression": 0.1,
        "stft": 0.1, "time": 0.1, "mel": 0.01, "token-spectrum": 0.05,
    }  # fmt: skip
    assert {name: loss.weight for name, loss in LOSSES.items() if name != "latent"} == text


def test_what_terms_need_is_known_before_anything_is_read() -> None:
    assert features_needed(["token", "time"]) == ()
    assert features_needed(["level", "stereo"]) == ("measures",)
    assert set(features_needed(LOSSES)) <= set(FEATURES)
    assert [name for name in LOSSES if needs_decoder([name])] == ["mel", "stft", "time"]


def test_terms_are_told_in_the_order_asked_for_and_unknown_ones_refused() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    assert list(loss_terms(prediction, targets, ["time", "token"], DECODER)) == ["time", "token"]
    with pytest.raises(UsageError, match=r"losses: expected some of token, latent, .*, found 'gain'"):
        loss_terms(prediction, targets, ["token", "gain"], DECODER)


def test_terms_of_audio_want_a_decoder() -> None:
    targets = make_targets()
    with pytest.raises(UsageError, match="losses: stft: expected a decoder, as it is a term of audio, found none"):
        loss_terms(make_prediction(targets), targets, ["token", "stft"])
