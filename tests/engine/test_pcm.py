import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.pcm import GRID_FRAMES, Conversion, Samples, as_float32, merge, unchanged

CARRIERS = {8: "int16", 16: "int16", 24: "int32", 32: "int32"}


def between(source: str, target: str) -> Conversion:
    bits = {"FLOAT": 32, "DOUBLE": 64}
    return Conversion(
        source=source,
        source_bits=bits.get(source) or int(source[4:]),
        target=target,
        target_bits=bits.get(target) or int(target[4:]),
    )


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_the_view_for_processing_has_full_scale_at_one(dtype: str) -> None:
    info = np.iinfo(dtype)
    original = np.array([[info.min, 0], [info.max, info.min // 2]], dtype=dtype)
    audio = as_float32(original)
    assert audio.flags.c_contiguous
    assert audio.dtype == np.float32
    assert audio.tolist() == [[-1.0, np.float32(info.max / -info.min)], [0.0, -0.5]]


@given(seed=st.integers(0, 1000), bits=st.sampled_from([16, 24]), changed=st.integers(0, 199))
@settings(max_examples=25, deadline=None)
def test_untouched_samples_are_the_originals_and_touched_ones_within_a_step_and_a_half(
    seed: int, bits: int, changed: int
) -> None:
    rng = np.random.default_rng(seed)
    original = (rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (100, 2)) << (8 if bits == 24 else 0)).astype(
        CARRIERS[bits]
    )
    audio = as_float32(original)
    frame, channel = divmod(changed, 2)
    audio[channel, frame] *= np.float32(0.37)
    merged = merge(0, original, audio, between(f"PCM_{bits}", f"PCM_{bits}"))
    differs = merged.samples != original
    differs[frame, channel] = False
    assert not differs.any()
    step = 1 << (8 if bits == 24 else 0)
    assert abs(merged.samples[frame, channel] - audio[channel, frame] * 2.0 ** (15 if bits == 16 else 31)) <= 1.5 * step


@pytest.mark.parametrize("bits", [16, 24])
def test_dither_has_no_offset_and_the_variance_of_tpdf_whatever_the_value(bits: int) -> None:
    """The whole error of non-subtractive TPDF: 2/12 LSB^2 of noise and 1/12 of rounding, none of it from the signal."""
    frames = GRID_FRAMES
    step = 2.0 ** (1 - bits)
    for fraction in (0.0, 0.25, 0.5):
        audio = np.full((2, frames), np.float32(0.25 + fraction * step), dtype=np.float32)
        samples = merge(7, None, audio, between(f"PCM_{bits}", f"PCM_{bits}")).samples
        carried = samples.astype(np.float64) / (1 if bits == 16 else 256)
        error = carried - audio.T.astype(np.float64) / step
        assert abs(error.mean()) < 5 * 0.5 / np.sqrt(2 * frames)
        assert error.var() == pytest.approx(0.25, rel=0.02)
        assert set(np.unique(np.round(error + fraction))) <= {-1.0, 0.0, 1.0}


def test_dither_of_other_content_and_of_another_place_is_other_noise() -> None:
    audio = np.full((2, 5000), 0.1, dtype=np.float32)
    conversion = between("PCM_16", "PCM_16")
    original = np.zeros((5000, 2), dtype=np.int16)
    first = merge(0, original, audio, conversion).samples
    assert np.array_equal(first, merge(0, original, audio, conversion).samples)
    for other in (merge(1, original, audio, conversion), merge(0, original + np.int16(1), audio, conversion)):
        noise = first - first.mean(), other.samples - other.samples.mean()
        assert abs(np.mean(noise[0] * noise[1])) < 5 * 0.25 / np.sqrt(10_000)


def test_channels_get_noise_of_their_own() -> None:
    samples = merge(0, None, np.full((2, GRID_FRAMES), 0.1, dtype=np.float32), between("PCM_16", "PCM_16")).samples
    noise = samples - samples.mean(axis=0)
    assert abs(np.mean(noise[:, 0] * noise[:, 1])) < 5 * 0.25 / np.sqrt(GRID_FRAMES)


@pytest.mark.parametrize("target", ["PCM_32", "FLOAT", "DOUBLE"])
def test_what_float32_cannot_resolve_gets_no_dither(target: str) -> None:
    audio = np.linspace(-0.9, 0.9, 2000, dtype=np.float32).reshape(2, 1000)
    samples = merge(0, None, audio, between("FLOAT", target)).samples
    scale = 2.0**31 if target == "PCM_32" else 1.0
    assert np.array_equal(samples.T.astype(np.float64), np.rint(audio * scale) if scale > 1 else audio)


ORDER = ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]
LOSSLESS = {
    "PCM_16": ORDER,
    "PCM_24": ["PCM_24", "PCM_32", "FLOAT", "DOUBLE"],
    "PCM_32": ["PCM_32", "DOUBLE"],
    "FLOAT": ["FLOAT", "DOUBLE"],
    "DOUBLE": ["DOUBLE"],
}


@pytest.mark.parametrize(("source", "target"), [(a, b) for a in ORDER for b in ORDER])
def test_a_conversion_says_whether_it_keeps_all_and_then_does(source: str, target: str) -> None:
    conversion = between(source, target)
    assert conversion.keeps_all == (target in LOSSLESS[source])
    rng = np.random.default_rng(0)
    original = rng.standard_normal((500, 1)).astype("float32" if source == "FLOAT" else "float64")
    if source.startswith("PCM"):
        bits = int(source[4:])
        values = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (500, 1)) << (8 if bits == 24 else 0)
        original = values.astype(CARRIERS[bits])
    if conversion.keeps_all:
        assert np.array_equal(value_of(original), value_of(unchanged(original, conversion)))


def value_of(samples: Samples) -> Samples:
    """Full scale at 1, without loss."""
    return samples.astype(np.float64) / {"int16": 2.0**15, "int32": 2.0**31}.get(samples.dtype.name, 1.0)


def test_samples_past_full_scale_are_held_and_counted() -> None:
    audio = np.array([[1.0, 1.0001, -1.0, -3.0, 0.5]], dtype=np.float32)
    merged = merge(0, None, audio, between("FLOAT", "PCM_24"))
    assert merged.clipped == 2
    assert (merged.samples[:4, 0] >> 8).tolist()[1::2] == [2**23 - 1, -(2**23)]


def test_bits_in_use_below_those_stored_stay_empty() -> None:
    conversion = Conversion(source="PCM_32", source_bits=20, target="PCM_32", target_bits=20)
    samples = merge(0, None, np.linspace(-1, 1, 999, dtype=np.float32)[np.newaxis], conversion).samples
    assert not (samples & 0xFFF).any()
