"""Codes and logits to latents, against sums in numpy."""

import numpy as np
import pytest
import torch
from loss_making import CODEBOOK_SIZE, CODEBOOKS, TOKENS, SoundCodec, make_batch

from rebounce.engine.tokens import PAD
from rebounce.training.losses.codebook_use import CodebookUse, codebook_use
from rebounce.training.losses.token_space import token_space

SPACE = token_space(SoundCodec())


def test_latents_are_the_sum_of_one_entry_of_each_codebook() -> None:
    codes = make_batch()["codes_clean"].flatten(0, 1)
    found = SPACE.latents_of(codes).numpy()
    entries = SPACE.entries.numpy()
    for window in range(len(codes)):
        for token in range(0, TOKENS, 5):
            column = codes[window, :, token].numpy()
            if column[0] == PAD:
                assert not found[window, :, token].any()
            else:
                expected = entries[np.arange(CODEBOOKS), column].sum(0)
                np.testing.assert_allclose(found[window, :, token], expected, rtol=1e-5, atol=1e-6)


def test_expected_latents_are_the_mean_of_the_entries_under_the_logits() -> None:
    logits = torch.randn(2, CODEBOOK_SIZE, CODEBOOKS, 3, generator=torch.Generator().manual_seed(0))
    shares = np.exp(logits.numpy())
    shares /= shares.sum(1, keepdims=True)
    expected = np.einsum("nckt,kcd->ndt", shares, SPACE.entries.numpy())
    np.testing.assert_allclose(SPACE.expected_latents(logits).numpy(), expected, rtol=1e-4, atol=1e-6)


def test_who_is_sure_expects_the_latents_of_the_codes() -> None:
    codes = torch.randint(0, CODEBOOK_SIZE, (2, CODEBOOKS, 5), generator=torch.Generator().manual_seed(0))
    logits = 50 * torch.nn.functional.one_hot(codes, CODEBOOK_SIZE).movedim(-1, 1).float()
    torch.testing.assert_close(SPACE.expected_latents(logits), SPACE.latents_of(codes))


def test_the_gradient_of_expected_latents_is_that_of_the_plain_sum() -> None:
    logits = torch.randn(2, CODEBOOK_SIZE, CODEBOOKS, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    plain = torch.einsum("nckt,kcd->ndt", logits.softmax(1), SPACE.entries).square().sum()
    (expected,) = torch.autograd.grad(plain, logits)
    (found,) = torch.autograd.grad(SPACE.expected_latents(logits).square().sum(), logits)
    torch.testing.assert_close(found, expected)


def test_half_precision_logits_are_summed_in_full() -> None:
    logits = torch.randn(1, CODEBOOK_SIZE, CODEBOOKS, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = SPACE.expected_latents(logits)
    assert found.dtype == torch.float32
    assert torch.equal(found, SPACE.expected_latents(logits.float()))


def test_a_space_is_weighted_by_use_or_as_if_all_entries_were_used_alike() -> None:
    entries = SoundCodec().codebooks()
    use = codebook_use([make_batch()], CODEBOOK_SIZE)
    assert torch.equal(token_space(SoundCodec(), use).weights, use.weights(entries))
    assert torch.equal(SPACE.weights, CodebookUse.uniform(entries).weights(entries))
    assert float(SPACE.weights.mean()) == pytest.approx(1)
    assert (SPACE.weights[1:] < SPACE.weights[:-1]).all()


def test_tokens_of_a_lower_bit_rate_have_the_first_codebooks() -> None:
    use = CodebookUse(counts=torch.ones(2, CODEBOOK_SIZE, dtype=torch.float64))
    small = token_space(SoundCodec(), use)
    assert torch.equal(small.entries, SPACE.entries[:2])
    assert small.weights.shape == (2,)
