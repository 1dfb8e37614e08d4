"""What the gate lets through, and that the rest is the input's own to the last bit."""

import numpy as np
import pytest

from rebounce.engine.token_gate import RAMP, Gate, Proposal

WINDOWS, BOOKS, DIMENSION, TOKENS = 2, 4, 8, 40


def gate(least_mask: float = 0.0, least_confidence: float = 0.0, least_change: float = 0.0) -> Gate:
    return Gate(least_mask=least_mask, least_confidence=least_confidence, least_change=least_change)


def proposal(
    mask: np.ndarray | float = 1.0, confidence: np.ndarray | float = 1.0, change: np.ndarray | float = 1.0
) -> Proposal:
    """`change` is its level in each window."""
    generator = np.random.default_rng(0)
    shape = (WINDOWS, BOOKS, TOKENS)
    return Proposal(
        clean_codes=generator.integers(0, 16, shape),
        confidence=np.broadcast_to(np.float32(confidence), shape).astype(np.float32),
        mask=np.broadcast_to(np.float32(mask), shape).astype(np.float32),
        latent_change=at_level(generator.standard_normal((WINDOWS, DIMENSION, TOKENS)), change),
        level_db=np.zeros(WINDOWS, dtype=np.float32),
    )


def at_level(values: np.ndarray, level: np.ndarray | float) -> np.ndarray:
    found = np.sqrt(np.mean(values**2, axis=(1, 2), keepdims=True))
    levelled: np.ndarray = (values / found * np.reshape(level, (-1, 1, 1))).astype(np.float32)
    return levelled


OWN_CODES = np.full((WINDOWS, BOOKS, TOKENS), 16, dtype=np.int64)
HEARD = np.ones((WINDOWS, TOKENS), dtype=np.bool_)
OWN_LATENTS = at_level(np.random.default_rng(1).standard_normal((WINDOWS, DIMENSION, TOKENS)), 2.0)


def test_a_token_is_taken_where_it_is_likely_wrong_and_the_network_is_sure_of_its_own() -> None:
    generator = np.random.default_rng(2)
    mask, confidence = (generator.random((WINDOWS, BOOKS, TOKENS), dtype=np.float32) for _ in range(2))
    said = proposal(mask, confidence)
    chosen = gate(least_mask=0.6, least_confidence=0.3).codes(OWN_CODES, said)
    for place in np.ndindex(chosen.shape):
        is_taken = mask[place] >= 0.6 and confidence[place] >= 0.3
        assert chosen[place] == (said.clean_codes[place] if is_taken else 16)


def test_an_open_gate_lets_all_of_the_change_through_and_a_shut_one_nothing() -> None:
    said = proposal()
    assert np.array_equal(gate().latents(OWN_LATENTS, said, HEARD), OWN_LATENTS + said.latent_change)
    for shut in (gate(least_mask=1), gate(least_confidence=0.5), gate(least_change=0.7)):
        kept = shut.latents(OWN_LATENTS, proposal(mask=0.2, confidence=0.4), HEARD)
        assert kept.tobytes() == OWN_LATENTS.tobytes()


@pytest.mark.parametrize(("change", "opening"), [(2.0, 1.0), (1.0, 1.0), (0.95, 0.75), (0.9, 0.5), (0.8, 0.0), (0, 0)])
def test_a_change_of_latents_fades_out_below_the_least_part_of_their_level(change: float, opening: float) -> None:
    found = gate(least_change=0.5).opening(OWN_LATENTS, proposal(change=change), HEARD)
    assert found == pytest.approx(np.full(WINDOWS, opening), abs=1e-5)
    assert pytest.approx(0.2) == RAMP


def test_each_window_goes_by_its_own_change_and_silent_latents_by_any() -> None:
    said = proposal(change=np.array([0.5, 1.5]))
    assert gate(least_change=0.5).opening(OWN_LATENTS, said, HEARD).tolist() == [0, 1]
    assert gate(least_change=0.5).opening(np.zeros_like(OWN_LATENTS), said, HEARD).tolist() == [1, 1]


def test_all_tokens_and_codebooks_of_a_window_have_their_say_and_none_of_another() -> None:
    mask = np.zeros((WINDOWS, BOOKS, TOKENS))
    mask[0, :, : TOKENS // 4] = 1
    mask[1, :, : 3 * TOKENS // 4] = 1
    assert gate(least_mask=0.5).opening(OWN_LATENTS, proposal(mask=mask), HEARD).tolist() == [0, 1]
    assert gate(least_confidence=0.5).opening(OWN_LATENTS, proposal(confidence=mask), HEARD).tolist() == [0, 1]
    mask[:] = 0
    mask[:, :1] = 1
    assert not gate(least_mask=0.5).opening(OWN_LATENTS, proposal(mask=mask), HEARD).any()
    assert (gate(least_mask=0.25).opening(OWN_LATENTS, proposal(mask=mask), HEARD) == 1).all()


def test_tokens_beyond_the_piece_have_no_say() -> None:
    mask = np.zeros((WINDOWS, BOOKS, TOKENS))
    mask[:, :, :5] = 1
    is_heard = HEARD.copy()
    is_heard[0, 5:] = False
    assert gate(least_mask=0.5).opening(OWN_LATENTS, proposal(mask=mask), is_heard).tolist() == [1, 0]
    is_heard[0] = False
    assert not gate(least_mask=0.5).opening(OWN_LATENTS, proposal(mask=mask), is_heard).any()
