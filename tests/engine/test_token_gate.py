"""What the gate lets through, and that the rest is the input's own to the last bit."""

import numpy as np
import pytest

from rebounce.engine.token_gate import MASK_RAMP, Gate, Proposal

WINDOWS, BOOKS, DIMENSION, TOKENS = 2, 4, 8, 40


def proposal(mask: np.ndarray | float = 1.0, confidence: np.ndarray | float = 1.0) -> Proposal:
    generator = np.random.default_rng(0)
    shape = (WINDOWS, BOOKS, TOKENS)
    return Proposal(
        clean_codes=generator.integers(0, 16, shape),
        confidence=np.broadcast_to(np.float32(confidence), shape).astype(np.float32),
        mask=np.broadcast_to(np.float32(mask), shape).astype(np.float32),
        latent_change=generator.standard_normal((WINDOWS, DIMENSION, TOKENS)).astype(np.float32),
        level_db=np.zeros(WINDOWS, dtype=np.float32),
    )


OWN_CODES = np.full((WINDOWS, BOOKS, TOKENS), 16, dtype=np.int64)
OWN_LATENTS = np.random.default_rng(1).standard_normal((WINDOWS, DIMENSION, TOKENS)).astype(np.float32)


def test_a_token_is_taken_where_it_is_likely_wrong_and_the_network_is_sure_of_its_own() -> None:
    generator = np.random.default_rng(2)
    mask, confidence = (generator.random((WINDOWS, BOOKS, TOKENS), dtype=np.float32) for _ in range(2))
    said = proposal(mask, confidence)
    chosen = Gate(least_mask=0.6, least_confidence=0.3).codes(OWN_CODES, said)
    for place in np.ndindex(chosen.shape):
        is_taken = mask[place] >= 0.6 and confidence[place] >= 0.3
        assert chosen[place] == (said.clean_codes[place] if is_taken else 16)


def test_an_open_gate_lets_all_of_the_change_through_and_a_shut_one_nothing() -> None:
    said = proposal()
    assert np.array_equal(
        Gate(least_mask=0, least_confidence=0).latents(OWN_LATENTS, said), OWN_LATENTS + said.latent_change
    )
    for shut in (Gate(least_mask=1, least_confidence=0), Gate(least_mask=0, least_confidence=0.5)):
        kept = shut.latents(OWN_LATENTS, proposal(mask=0.2, confidence=0.4))
        assert kept.tobytes() == OWN_LATENTS.tobytes()


@pytest.mark.parametrize(("mask", "opening"), [(0.7, 1.0), (0.5, 1.0), (0.475, 0.75), (0.45, 0.5), (0.4, 0.0)])
def test_a_change_of_latents_fades_out_below_the_least_mask(mask: float, opening: float) -> None:
    found = Gate(least_mask=0.5, least_confidence=0).opening(proposal(mask=mask))
    assert found == pytest.approx(np.full(WINDOWS, opening), abs=1e-5)
    assert pytest.approx(0.1) == MASK_RAMP


def test_all_tokens_of_a_window_have_their_say_and_none_of_another() -> None:
    mask = np.zeros((WINDOWS, BOOKS, TOKENS))
    mask[0, :, : TOKENS // 4] = 1
    mask[1, :, : 3 * TOKENS // 4] = 1
    assert Gate(least_mask=0.5, least_confidence=0).opening(proposal(mask=mask)).tolist() == [0, 1]


def test_every_codebook_has_its_say_in_a_change_of_latents() -> None:
    mask = np.zeros((WINDOWS, BOOKS, TOKENS))
    mask[:, :1] = 1
    assert not Gate(least_mask=0.5, least_confidence=0).opening(proposal(mask=mask)).any()
    assert (Gate(least_mask=0.25, least_confidence=0).opening(proposal(mask=mask)) == 1).all()
