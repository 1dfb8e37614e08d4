"""The codec is the encodec package's own, for any length, any number of threads and any stereo image.

Random weights: what is shown here does not depend on what a decoder sounds like.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from signals import noise
from torch_threads import threads

from rebounce.engine.audio import Audio
from rebounce.engine.codec import MOST_LEVEL, Codec, LatentCodec
from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.segments import cross_fade
from rebounce.engine.tokens import PAD, Tokens
from rebounce.training.encodec_codec import SCALE_FLOOR, EncodecCodec
from rebounce.training.encodec_import import import_encodec
from rebounce.training.encodec_weights import State, random_weights
from rebounce.training.music.mix import make_mix


@pytest.fixture(scope="module")
def state() -> State:
    return random_weights(0)


@pytest.fixture(scope="module")
def codec(state: State) -> EncodecCodec:
    return EncodecCodec(state)


@pytest.fixture(scope="module")
def music() -> Audio:
    return make_mix(1, 5.0, 48_000).audio[:, 48_000:175_200]


@pytest.fixture(scope="module")
def package(state: State) -> Any:
    """The package's own model, made and filled by the package: nothing of ours is in it but the numbers."""
    model = import_encodec().EncodecModel.encodec_model_48khz(pretrained=False)
    model.load_state_dict(state)
    return model.eval()


def package_decode(model: Any, coded: list[tuple[torch.Tensor, torch.Tensor]], frames: int) -> Audio:
    with torch.inference_mode(), threads(1):
        decoded: Audio = model.decode(coded)[0, :, :frames].numpy()
    return decoded


def package_encode(model: Any, audio: Audio, kbps: float = 24.0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    model.set_target_bandwidth(kbps)
    with torch.inference_mode(), threads(1):
        coded: list[tuple[torch.Tensor, torch.Tensor]] = model.encode(torch.tensor(audio)[np.newaxis])
    return coded


def assert_equal_codes(tokens: Tokens, coded: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    assert tokens.codes.shape[0] == len(coded)
    for codes, scale, (expected, expected_scale) in zip(tokens.codes, tokens.scales, coded, strict=True):
        count = expected.shape[2]
        np.testing.assert_array_equal(codes[:, :count], expected[0].numpy())
        assert (codes[:, count:] == PAD).all()
        assert scale == expected_scale.item()


def test_it_is_a_codec(codec: EncodecCodec) -> None:
    as_codec: Codec = codec
    assert as_codec.framing.token_counts(48_000) == [150, 2]


@pytest.mark.parametrize(("kbps", "codebooks"), [(24.0, 16), (3.0, 2), (6.0, 4), (12.0, 8)])
def test_codes_and_audio_are_those_of_the_package(
    state: State, package: Any, music: Audio, kbps: float, codebooks: int
) -> None:
    codec = EncodecCodec(state, kbps)
    audio = music if kbps == 24 else music[:, :50_000]
    tokens, coded = codec.encode(audio), package_encode(package, audio, kbps)
    assert tokens.codes.shape[1] == codebooks
    assert_equal_codes(tokens, coded)
    expected = package_decode(package, coded, audio.shape[1])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(codec.decode(tokens), expected, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 47_680, 47_841, 48_001, 150_000])
def test_the_cross_fade_is_that_of_the_package(codec: EncodecCodec, frames: int) -> None:
    counts = codec.framing.token_counts(frames)
    decoded = [noise(320 * count, seed=seed) for seed, count in enumerate(counts)]
    overlap_add = import_encodec().utils._linear_overlap_add
    expected = overlap_add([torch.tensor(segment) for segment in decoded], 47_520).numpy()[:, :frames]
    np.testing.assert_allclose(cross_fade(decoded, codec.framing, 2, frames), expected, atol=1e-6)


# The package's own decode fails from 47_681 to 47_840 frames: its last segment ends before the one before it.
def test_without_choosing_tokens_it_is_the_packages_encoder_and_decoder(
    codec: EncodecCodec, package: Any, music: Audio
) -> None:
    made = codec.round_trip_unquantised(music)
    assert isinstance(codec, LatentCodec)
    parts = []
    with torch.inference_mode(), threads(1):
        for start in range(0, music.shape[1], 47_520):
            audio = torch.tensor(music[np.newaxis, :, start : start + 48_000])
            scale = audio.mean(dim=1).square().mean().sqrt() + 1e-8
            parts.append((package.decoder(package.encoder(audio / scale)) * scale)[0].numpy())
    whole = cross_fade(parts, codec.framing, 2, music.shape[1])
    assert made.shape == music.shape
    assert np.abs(made - whole).max() < 1e-5 * np.abs(whole).max()


@pytest.mark.parametrize("frames", [0, 1, 20_001, 48_001])
def test_its_latents_are_the_packages_and_what_its_tokens_are_chosen_from(
    codec: EncodecCodec, package: Any, music: Audio, frames: int
) -> None:
    audio = music[:, :frames]
    tokens = codec.encode(audio)
    latents, scales = codec.latents(audio)
    counts = codec.framing.token_counts(frames)
    assert (str(latents.dtype), latents.shape) == ("float32", (len(counts), 128, max(counts, default=0)))
    np.testing.assert_array_equal(scales, tokens.scales)
    for index, (start, count) in enumerate(zip(codec.framing.starts(frames), counts, strict=True)):
        segment = torch.tensor(audio[np.newaxis, :, start : start + 48_000])
        with torch.inference_mode(), threads(1):
            expected = package.encoder(segment / float(scales[index]))
            codes = package.quantizer.encode(torch.tensor(latents[index : index + 1, :, :count]), 150, 24.0)
        np.testing.assert_allclose(latents[index, :, :count], expected[0].numpy(), rtol=0, atol=1e-5)
        np.testing.assert_array_equal(tokens.codes[index, :, :count], codes[:, 0].numpy())
        assert not latents[index, :, count:].any()


def test_segments_are_divided_by_the_scales_that_are_given(codec: EncodecCodec, music: Audio) -> None:
    audio = music[:, :60_000]
    own, scales = codec.latents(audio)
    given = scales * np.array([2, 1], dtype=np.float32)
    found, said = codec.latents(audio, given)
    np.testing.assert_array_equal(said, given)
    np.testing.assert_array_equal(found[1], own[1])
    assert not np.allclose(found[0], own[0], atol=1e-2)
    again, _ = codec.latents(audio * np.float32(4), given * np.float32(4))
    np.testing.assert_array_equal(again, found)
    with pytest.raises(ValueError, match="zip"):
        codec.latents(audio, given[:1])


@pytest.mark.parametrize("frames", [0, 1, 2, 319, 320, 321, 47_520, 47_521, 47_681, 47_840, 48_000, 48_001])
def test_any_length_comes_back_as_long(codec: EncodecCodec, music: Audio, frames: int) -> None:
    tokens = codec.encode(music[:, :frames])
    counts = codec.framing.token_counts(frames)
    assert tokens.codes.shape == (len(counts), 16, max(counts, default=0))
    decoded = codec.decode(tokens)
    assert decoded.shape == (2, frames)
    assert decoded.dtype == np.float32
    assert np.isfinite(decoded).all()


def test_the_number_of_threads_does_not_touch_codes_or_audio(codec: EncodecCodec, music: Audio) -> None:
    results = []
    for count in (1, 2, 3):
        with threads(count):
            tokens = codec.encode(music)
            results.append((tokens, codec.decode(tokens), codec.latents(music)[0]))
            assert torch.get_num_threads() == count
    for tokens, decoded, latents in results[1:]:
        np.testing.assert_array_equal(latents, results[0][2])
        np.testing.assert_array_equal(tokens.codes, results[0][0].codes)
        np.testing.assert_array_equal(tokens.scales, results[0][0].scales)
        np.testing.assert_array_equal(decoded, results[0][1])


def test_a_segment_has_the_same_codes_whatever_its_neighbours(codec: EncodecCodec, music: Audio) -> None:
    whole = codec.encode(music)
    for index, start in enumerate(codec.framing.starts(music.shape[1])):
        alone = codec.encode(music[:, start : start + 48_000])
        count = alone.codes.shape[2]
        np.testing.assert_array_equal(alone.codes[0], whole.codes[index, :, :count])
        assert alone.scales[0] == whole.scales[index]


def test_random_weights_use_many_entries_of_each_codebook(codec: EncodecCodec, music: Audio) -> None:
    codes = codec.encode(music).codes
    used = [np.unique(codes[:, codebook]).size - 1 for codebook in range(16)]
    assert min(used) > 50, used


@pytest.mark.parametrize("right", [1.0, 0.0, -0.6], ids=["mono", "hard left", "wide"])
def test_an_ordinary_image_keeps_the_packages_scale(codec: EncodecCodec, music: Audio, right: float) -> None:
    audio = np.stack([music[0], np.float32(right) * music[0]])[:, :24_000]
    mono = audio.astype(np.float64).mean(axis=0)
    assert codec.encode(audio).scales[0] == pytest.approx(np.sqrt(np.mean(mono**2)), rel=1e-6)


@pytest.mark.parametrize("right", [-0.9, -0.98, -1.0])
def test_sides_that_cancel_keep_their_level_which_the_package_loses(
    codec: EncodecCodec, package: Any, music: Audio, right: float
) -> None:
    audio = np.stack([music[0], np.float32(right) * music[0]])[:, :24_000]
    level = np.sqrt(np.mean(audio.astype(np.float64) ** 2))
    tokens = codec.encode(audio)
    assert tokens.scales[0] == pytest.approx(SCALE_FLOOR * level, rel=1e-5)
    # These weights decode to noise of about the scale's own level.
    assert 0.1 * level < np.sqrt(np.mean(codec.decode(tokens) ** 2)) < 10 * level
    coded = package_encode(package, audio)
    mono_level = np.sqrt(np.mean(audio.astype(np.float64).mean(axis=0) ** 2))
    assert coded[0][1].item() == pytest.approx(1e-8 + mono_level, rel=1e-4)
    assert np.sqrt(np.mean(package_decode(package, coded, 24_000) ** 2)) < 0.06 * level


def test_silence_is_coded_and_stays_silent(codec: EncodecCodec) -> None:
    tokens = codec.encode(np.zeros((2, 1_000), dtype=np.float32))
    assert tokens.scales[0] == np.float32(1e-8)
    assert np.abs(codec.decode(tokens)).max() < 1e-6


def test_the_level_is_in_the_scales_alone(codec: EncodecCodec, music: Audio) -> None:
    loud, quiet = codec.encode(music[:, :48_000]), codec.encode(music[:, :48_000] / np.float32(1024))
    np.testing.assert_allclose(quiet.scales * 1024, loud.scales, rtol=1e-3)
    assert np.mean(quiet.codes == loud.codes) > 0.99


def test_audio_that_is_no_stereo_or_no_number_is_refused(codec: EncodecCodec) -> None:
    with pytest.raises(UsageError, match=r"expected audio \(2, frames\), got \(1, 100\); double a mono channel"):
        codec.encode(noise(100, channels=1))
    with pytest.raises(UsageError, match="expected numbers, got nan in channel 0 at frame 0"):
        codec.encode(np.full((2, 100), np.nan, dtype=np.float32))
    with pytest.raises(UsageError, match=r"looks channels-last - pass x\.T"):
        codec.encode(noise(100).T)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (
            np.full((2, 100), 1_000, dtype=np.int16),
            r"expected floating-point audio, got int16; divide by its full scale",
        ),
        (np.ones((2, 100), dtype=np.complex64), "expected an array of numbers, got dtype complex64"),
        (np.ones((2, 100), dtype=object), "expected an array of numbers, got dtype object"),
        (np.full((2, 100), 1e300), "expected numbers, got inf"),
        (np.full((2, 100), 1e20), r"full scale is 1, and 1e\+15 at most, got a peak of 1e\+20; divide it"),
        (np.full((2, 100), -1e30, dtype=np.float32), r"got a peak of 1e\+30"),
    ],
)
def test_what_is_no_audio_at_full_scale_1_is_refused(codec: EncodecCodec, audio: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        codec.encode(audio)


def test_lists_and_other_precisions_are_audio_too(codec: EncodecCodec) -> None:
    audio = noise(500).astype(np.float16)
    expected = codec.encode(audio.astype(np.float32))
    others: list[Any] = [audio, audio.astype(np.float64), audio.astype(np.float64).tolist()]
    for same in others:
        np.testing.assert_array_equal(codec.encode(same).codes, expected.codes)


def test_the_loudest_audio_that_is_taken_is_coded(codec: EncodecCodec, music: Audio) -> None:
    loudest = music[:, :48_000] * np.float32(MOST_LEVEL / np.abs(music[:, :48_000]).max())
    tokens = codec.encode(np.clip(loudest, -MOST_LEVEL, MOST_LEVEL))
    assert np.isfinite(codec.decode(tokens)).all()


@pytest.mark.parametrize(("part", "doing"), [("encoder.", "encoding"), ("decoder.", "decoding")])
def test_weights_that_make_no_numbers_are_an_error(codec: EncodecCodec, state: State, part: str, doing: str) -> None:
    huge = {
        name: tensor * 1e30 if name.startswith(part) and name.endswith("weight") else tensor
        for name, tensor in state.items()
    }
    broken = EncodecCodec(huge)
    with pytest.raises(CodecError, match=f"expected numbers from {doing}, found NaN or infinity; the weights"):
        broken.decode(broken.encode(noise(2_000)))


def test_tokens_of_other_weights_are_refused(codec: EncodecCodec) -> None:
    tokens = codec.encode(noise(1_000))
    with pytest.raises(CodecError, match=r"expected those of encodec-48khz-24kbps@.* found those of encodec-other"):
        codec.decode(replace(tokens, codec_id="encodec-other"))


def test_a_read_only_array_is_taken(codec: EncodecCodec) -> None:
    audio = noise(500)
    audio.flags.writeable = False
    assert codec.encode(audio).frames == 500
