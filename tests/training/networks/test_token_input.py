"""What goes into a network: tables by codebook, latents, and windows filled up to what can be halved."""

import torch
from token_making import SHAPE, drawn_tokens

from rebounce.engine.tokens import PAD
from rebounce.training.networks.token_input import TokenInput, Window, ready_window


def made() -> TokenInput:
    torch.manual_seed(0)
    return TokenInput(SHAPE, 3, 8)


def test_features_are_the_projected_entries_of_each_codebook_and_the_projected_latents() -> None:
    layer = made()
    codes, latents = drawn_tokens(2, 5)
    found = layer(Window(codes=codes, latents=latents, mask=None))
    assert layer.latents is not None
    for window in range(2):
        for place in range(5):
            rows = [int(codes[window, book, place]) + 16 * book for book in range(4)]
            entries = torch.cat([layer.table.weight[row] for row in rows])
            expected = layer.projection.weight[..., 0] @ entries + layer.projection.get_parameter("bias")
            expected = expected + layer.latents.weight[..., 0] @ latents[window, :, place]
            torch.testing.assert_close(found[window, :, place], expected)


def test_no_token_has_an_entry_of_zeros_that_is_never_learned() -> None:
    layer = made()
    codes, latents = drawn_tokens(1, 4)
    codes[0, 1:, 2] = PAD
    entries = layer.projection.weight[..., 0][:, :3] @ layer.table.weight[codes[0, 0, 2]]
    bias = layer.projection.get_parameter("bias")
    found = layer(Window(codes=codes, latents=torch.zeros_like(latents), mask=None))
    torch.testing.assert_close(found[0, :, 2], entries + bias)
    found.sum().backward()
    assert layer.table.weight.grad is not None
    assert not layer.table.weight.grad[-1].any()


def test_a_window_is_filled_up_on_the_right_to_what_can_be_halved() -> None:
    codes, latents = drawn_tokens(2, 5)
    window = ready_window(codes, latents, SHAPE, 4)
    assert torch.equal(window.codes[..., :5], codes)
    assert (window.codes[..., 5:] == PAD).all()
    assert window.latents.shape == (2, 6, 8)
    assert not window.latents[..., 5:].any()
    assert window.mask is not None
    assert window.mask.tolist() == [[[1, 1, 1, 1, 1, 0, 0, 0]]]


def test_a_full_window_has_no_mask() -> None:
    assert ready_window(*drawn_tokens(2, 8), SHAPE, 4).mask is None


def test_where_windows_are_short_each_has_its_own_mask() -> None:
    codes, latents = drawn_tokens(2, 7)
    codes[0, :, 3:] = PAD
    window = ready_window(codes, latents, SHAPE, 4)
    assert window.mask is not None
    assert window.mask.sum(-1).flatten().tolist() == [3, 7]
