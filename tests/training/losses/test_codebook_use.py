"""How codebooks are used, against small ones that can be counted by hand."""

import numpy as np
import pytest
import torch
from loss_making import CODEBOOK_SIZE, CODEBOOKS, make_batch

from rebounce.engine.tokens import PAD
from rebounce.training.losses.codebook_use import CodebookUse, codebook_use

ENTRIES = torch.tensor([[[-1.0, 0], [1, 0], [0, 5]], [[0, 0.5], [0, -0.5], [9, 9]], [[3, 3], [3, 3], [3, 3]]])
USE = CodebookUse(counts=torch.tensor([[2.0, 2, 0], [6, 6, 0], [4, 4, 4]], dtype=torch.float64))


def test_clean_tokens_are_counted_and_padding_is_not() -> None:
    batches = [make_batch(seed) for seed in (0, 1)]
    counts = codebook_use(batches, CODEBOOK_SIZE).counts.numpy()
    codes = np.concatenate([batch["codes_clean"].numpy() for batch in batches])
    for book in range(CODEBOOKS):
        found = codes[:, :, book][codes[:, :, book] != PAD]
        np.testing.assert_array_equal(counts[book], np.bincount(found, minlength=CODEBOOK_SIZE))


def test_items_count_as_batches_do() -> None:
    batch = make_batch()
    items = [{name: values[row] for name, values in batch.items()} for row in range(2)]
    assert torch.equal(codebook_use(items, CODEBOOK_SIZE).counts, codebook_use([batch], CODEBOOK_SIZE).counts)


def test_the_perplexity_is_the_number_of_entries_that_are_equally_often_used() -> None:
    assert USE.perplexity().tolist() == pytest.approx([2, 2, 3])
    one = CodebookUse(counts=torch.tensor([[0.0, 7, 0]], dtype=torch.float64))
    assert one.perplexity().tolist() == pytest.approx([1])


def test_the_energy_is_how_far_the_used_entries_lie_apart() -> None:
    """One step of 1 either way; half of one; and entries that are all the same."""
    assert USE.energy(ENTRIES).tolist() == pytest.approx([1, 0.25, 0])


def test_codebooks_count_by_what_they_move_and_by_1_on_average() -> None:
    weights = USE.weights(ENTRIES)
    assert weights.tolist() == pytest.approx([2, 1, 0])
    assert weights.dtype == torch.float32


def test_codebooks_that_move_nothing_count_alike() -> None:
    still = CodebookUse(counts=torch.tensor([[3.0, 0, 0]] * 3, dtype=torch.float64))
    assert still.weights(ENTRIES).tolist() == [1, 1, 1]
    assert float(still.latent_level(ENTRIES)) > 0


def test_the_level_of_latents_is_their_standard_deviation() -> None:
    generator = torch.Generator().manual_seed(0)
    entries = torch.randn(3, 8, 5, generator=generator) * torch.tensor([1.0, 0.5, 0.2])[:, None, None]
    codes = torch.randint(0, 8, (100_000, 3), generator=generator)
    latents = sum(entries[book, codes[:, book]] for book in range(3))
    assert isinstance(latents, torch.Tensor)
    expected = float(latents.var(0).mean().sqrt())
    assert float(CodebookUse.uniform(entries).latent_level(entries)) == pytest.approx(expected, rel=0.01)
