"""Masks and the figures taken over a window's tokens, against plain ones of the tokens alone."""

import torch

from rebounce.training.networks.window import kept, mean, peak, pyramid


def mask_of(*lengths: int, tokens: int = 12) -> torch.Tensor:
    return (torch.arange(tokens) < torch.tensor(lengths)[:, None]).float()[:, None]


def test_the_mean_and_the_peak_are_those_of_the_tokens_alone() -> None:
    features = torch.randn(3, 5, 12, generator=torch.Generator().manual_seed(0)) - 3
    mask = mask_of(12, 7, 1)
    for index, length in enumerate((12, 7, 1)):
        tokens = features[index, :, :length]
        torch.testing.assert_close(mean(features, mask)[index], tokens.mean(1))
        assert torch.equal(peak(features, mask)[index], tokens.max(1).values)


def test_without_a_mask_every_moment_counts() -> None:
    features = torch.arange(24.0).reshape(1, 2, 12)
    assert mean(features, None).tolist() == [[5.5, 17.5]]
    assert peak(features, None).tolist() == [[11.0, 23.0]]


def test_a_window_without_tokens_has_a_mean_and_a_peak_of_nothing() -> None:
    features = torch.randn(1, 3, 12)
    assert not mean(features, mask_of(0)).any()
    assert not peak(features, mask_of(0)).any()


def test_one_mask_serves_every_window_of_a_batch() -> None:
    features = torch.randn(3, 2, 12)
    assert mean(features, mask_of(7)).shape == (3, 2)
    torch.testing.assert_close(peak(features, mask_of(7)), features[..., :7].amax(-1))


def test_what_is_a_token_in_part_is_one_at_the_halved_rates() -> None:
    lengths = [None if mask is None else mask.sum(-1).int().flatten().tolist() for mask in pyramid(mask_of(7, 4, 0), 2)]
    assert lengths == [[7, 4, 0], [4, 2, 0], [2, 1, 0]]
    assert pyramid(None, 2) == [None, None, None]


def test_nothing_is_kept_where_there_is_no_token() -> None:
    features = torch.ones(1, 2, 12, dtype=torch.float16)
    assert kept(features, None) is features
    assert kept(features, mask_of(5)).dtype == torch.float16
    assert kept(features, mask_of(5)).sum() == 2 * 5
