"""Spectra on a fixed grid: the way there and back is exact, and blocks fit together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.overlap_add import (
    Framing,
    audio_of,
    powers_of,
    separate_spectra_of,
    size_near,
    slabs_of,
    spectra_of,
)


@settings(max_examples=15, deadline=None)
@given(
    size=st.sampled_from([64, 96, 512, 1536]),
    overlap=st.sampled_from([2, 4]),
    hops=st.integers(8, 30),
    channels=st.integers(1, 3),
)
def test_the_way_back_is_exact(size: int, overlap: int, hops: int, channels: int) -> None:
    framing = Framing(size=size, overlap=overlap)
    audio = noise(hops * framing.hop, channels)
    back = audio_of(spectra_of(audio, framing), framing)
    np.testing.assert_allclose(back, audio[:, framing.margin : -framing.margin], atol=5e-7)


def test_a_spectrum_is_the_windowed_transform_at_its_place() -> None:
    framing = Framing(size=64, overlap=4)
    audio = noise(640, 1)
    hann = np.sin(np.pi * np.arange(64) / 64) ** 2
    expected = np.fft.rfft(audio[0, 3 * 16 : 3 * 16 + 64] * hann)
    np.testing.assert_allclose(spectra_of(audio, framing)[0, 3], expected, atol=1e-5)
    np.testing.assert_allclose(separate_spectra_of(audio, framing)[0], spectra_of(audio, framing)[0, ::4], atol=1e-5)


@pytest.mark.parametrize("overlap", [2, 4])
def test_blocks_with_their_margins_fit_together(overlap: int) -> None:
    framing = Framing(size=256, overlap=overlap)
    block, margin = 4 * framing.hop, framing.margin
    audio = noise(5 * block + 2 * margin)
    whole = audio_of(spectra_of(audio, framing), framing)
    for start in range(0, 5 * block, block):
        window = audio[:, start : start + block + 2 * margin]
        part = audio_of(spectra_of(window, framing), framing)
        np.testing.assert_allclose(part, whole[:, start : start + block], atol=5e-7)


@pytest.mark.parametrize("overlap", [2, 4])
def test_no_change_is_exactly_no_change(overlap: int) -> None:
    framing = Framing(size=128, overlap=overlap)
    spectra = spectra_of(noise(1280), framing)
    assert not audio_of(spectra * np.float32(0), framing).any()


@pytest.mark.parametrize("overlap", [2, 4])
def test_the_density_of_white_noise_is_its_power_over_half_the_rate(overlap: int) -> None:
    framing = Framing(size=512, overlap=overlap)
    powers = powers_of(spectra_of(noise(200_000, level=0.1), framing)) / framing.density_scale(48_000)
    assert np.mean(powers[..., 5:-5]) == pytest.approx(0.01 / 24_000, rel=0.02)


def test_sizes_are_near_in_ratio_at_any_rate() -> None:
    sizes = [size_near(0.0464 * rate) for rate in (8_000, 32_000, 44_100, 48_000, 96_000, 192_000)]
    assert sizes == [384, 1536, 2048, 2048, 4096, 8192]


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 5_000), sizes=st.lists(st.integers(1, 900), min_size=1, max_size=4))
def test_slabs_are_the_same_audio_on_a_grid(frames: int, sizes: list[int]) -> None:
    audio = noise(frames)
    slabs = list(slabs_of(cut(audio, sizes), 512))
    assert all(slab.shape[1] % 512 == 0 for slab in slabs[:-1])
    np.testing.assert_array_equal(np.concatenate(slabs, axis=1), audio)


def test_a_source_may_reuse_its_block() -> None:
    def reusing() -> object:
        block = np.empty((1, 300), dtype=np.float32)
        for value in range(10):
            block[:] = value
            yield block

    slabs = np.concatenate(list(slabs_of(reusing(), 512)), axis=1)  # type: ignore[arg-type]
    np.testing.assert_array_equal(slabs[0], np.repeat(np.arange(10), 300))
