"""A package's codec on audio of any length: exact lengths, and windows that know nothing of each other."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from signals import noise
from tiny_packages import WINDOW_TOKENS, music, tiny_codec_package

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Codec, LatentCodec
from rebounce.engine.codec_settings import CODEC_FILES, codec_id, weights_sha256
from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.model_package import ModelPackage, write_manifest
from rebounce.engine.onnx_codec import OnnxCodec, open_onnx_codec
from rebounce.engine.tokens import PAD

FRAMES = WINDOW_TOKENS * 320
STRIDE = FRAMES * 4 // 5


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("codec") / "tiny")


@pytest.fixture(scope="module")
def codec(package: ModelPackage) -> OnnxCodec:
    return open_onnx_codec(package, "cpu", 2)


def tune(frames: int) -> Audio:
    """So many frames of music, over and over."""
    once = music()
    return np.tile(once, -(-frames // once.shape[1]))[:, :frames]


def test_it_is_a_codec_that_also_offers_its_latents(codec: OnnxCodec, package: ModelPackage) -> None:
    asked: Codec = codec
    assert isinstance(codec, LatentCodec)
    assert (asked.sample_rate_hz, asked.channels, asked.codebooks, asked.codebook_size) == (48_000, 2, 4, 16)
    assert asked.codec_id == f"tiny-codec@{asked.weights_sha256[:12]}"
    assert asked.weights_sha256 == weights_sha256(package.manifest.files)


@pytest.mark.parametrize("frames", [0, 1, 319, 320, 321, 4_096, 4_097, 5_120, 5_121, 9_217, 47_519, 48_001])
def test_any_length_comes_back_with_its_length(codec: OnnxCodec, frames: int) -> None:
    audio = tune(frames)
    tokens = codec.encode(audio)
    assert tokens.frames == frames
    assert tokens.codes.shape == (-(-frames // STRIDE), 4, min(-(-frames // 320), WINDOW_TOKENS))
    for made in (codec.decode(tokens), codec.round_trip_unquantised(audio)):
        assert (made.shape, str(made.dtype)) == ((2, frames), "float32")
        assert np.isfinite(made).all()


def test_a_piece_within_one_stride_is_what_the_models_make_of_its_window(codec: OnnxCodec) -> None:
    audio = tune(STRIDE)
    scale = np.float32(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
    window = np.zeros((1, 2, FRAMES), dtype=np.float32)
    window[0, :, :STRIDE] = audio / scale
    latents = codec.models.encode(window)
    codes = codec.models.quantise(latents)
    count = -(-STRIDE // 320)
    tokens = codec.encode(audio)
    np.testing.assert_array_equal(tokens.codes, codes[:, :, :count])
    np.testing.assert_array_equal(tokens.scales, [scale])
    known = codec.models.lookup(codes)
    known[:, :, count:] = 0
    expected = codec.models.decode(known)[0, :, :STRIDE] * scale
    np.testing.assert_allclose(codec.decode(tokens), expected, atol=1e-6)
    unquantised = codec.models.decode(latents)[0, :, :STRIDE] * scale
    np.testing.assert_allclose(codec.round_trip_unquantised(audio), unquantised, atol=1e-6)


@pytest.mark.parametrize("frames", [0, 1, 321, 4_096, 5_121, 47_519])
def test_its_latents_are_what_its_tokens_are_chosen_from(codec: OnnxCodec, frames: int) -> None:
    audio = tune(frames)
    tokens = codec.encode(audio)
    latents, scales = codec.latents(audio)
    assert (str(latents.dtype), latents.shape) == ("float32", (len(tokens.scales), 8, tokens.codes.shape[2]))
    assert scales.dtype == np.float32
    np.testing.assert_array_equal(scales, tokens.scales)
    for segment, codes in zip(latents, tokens.codes, strict=True):
        count = int((codes[0] != PAD).sum())
        window = np.zeros((1, 8, WINDOW_TOKENS), dtype=np.float32)
        window[0, :, :count] = segment[:, :count]
        np.testing.assert_array_equal(codec.models.quantise(window)[0, :, :count], codes[:, :count])
        assert not segment[:, count:].any()


def test_the_latents_of_a_segment_are_what_the_encoder_makes_of_it(codec: OnnxCodec) -> None:
    audio = tune(3 * STRIDE)
    latents, scales = codec.latents(audio)
    for index, start in enumerate(codec.framing.starts(audio.shape[1])):
        segment = audio[:, start : start + FRAMES]
        window = np.zeros((1, 2, FRAMES), dtype=np.float32)
        window[0, :, : segment.shape[1]] = segment / scales[index]
        count = -(-segment.shape[1] // 320)
        np.testing.assert_array_equal(latents[index, :, :count], codec.models.encode(window)[0, :, :count])


def test_segments_are_divided_by_the_scales_that_are_given(codec: OnnxCodec) -> None:
    audio = tune(3 * STRIDE)
    own, scales = codec.latents(audio)
    given = scales * np.array([2, 1, 0.5], dtype=np.float32)
    found, said = codec.latents(audio, given)
    np.testing.assert_array_equal(said, given)
    np.testing.assert_array_equal(found[1], own[1])
    assert not np.allclose(found[0], own[0], atol=1e-2)
    # Of audio that is louder by as much they are the same.
    again, _ = codec.latents(audio * np.float32(4), given * np.float32(4))
    np.testing.assert_array_equal(again, found)
    with pytest.raises(ValueError, match="zip"):
        codec.latents(audio, given[:2])


def test_windows_are_put_together_with_weights_that_add_up_to_one(codec: OnnxCodec) -> None:
    audio = tune(3 * STRIDE)
    tokens = codec.encode(audio)
    rise = np.minimum(np.arange(1, FRAMES + 1), np.arange(FRAMES, 0, -1)).astype(np.float64)
    total, weights = np.zeros((2, 4 * FRAMES)), np.zeros(4 * FRAMES)
    for index, (codes, scale) in enumerate(zip(tokens.codes, tokens.scales, strict=True)):
        latents = codec.models.lookup(np.where(codes == PAD, 0, codes)[np.newaxis])
        latents[0][:, codes[0] == PAD] = 0
        place = slice(index * STRIDE, index * STRIDE + FRAMES)
        total[:, place] += rise * codec.models.decode(latents)[0] * scale
        weights[place] += rise
    expected = total[:, : 3 * STRIDE] / weights[: 3 * STRIDE]
    np.testing.assert_allclose(codec.decode(tokens), expected, atol=2e-6)


def test_a_windows_codes_are_the_same_whatever_stands_around_it(codec: OnnxCodec) -> None:
    audio = tune(47_519)
    tokens = codec.encode(audio)
    for index, start in enumerate(codec.framing.starts(audio.shape[1])):
        alone = codec.encode(audio[:, start : start + FRAMES])
        count = alone.codes.shape[2]
        np.testing.assert_array_equal(tokens.codes[index, :, :count], alone.codes[0])
        assert tokens.scales[index] == alone.scales[0]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_bits_are_the_same_for_any_number_of_threads(codec: OnnxCodec, package: ModelPackage, threads: int) -> None:
    audio = tune(48_001)
    other = open_onnx_codec(package, "cpu", 2)
    other.use_threads(threads)
    assert other.models.at_once == threads
    tokens = codec.encode(audio)
    np.testing.assert_array_equal(other.encode(audio).codes, tokens.codes)
    np.testing.assert_array_equal(other.decode(tokens), codec.decode(tokens))
    np.testing.assert_array_equal(other.round_trip_unquantised(audio), codec.round_trip_unquantised(audio))
    np.testing.assert_array_equal(other.latents(audio)[0], codec.latents(audio)[0])


@pytest.mark.parametrize("gain", [0.125, 8.0])
def test_the_level_is_in_the_scales_and_not_in_the_codes(codec: OnnxCodec, gain: float) -> None:
    quiet, loud = codec.encode(tune(20_000)), codec.encode(tune(20_000) * np.float32(gain))
    np.testing.assert_array_equal(loud.codes, quiet.codes)
    np.testing.assert_array_equal(loud.scales, quiet.scales * np.float32(gain))
    np.testing.assert_array_equal(codec.decode(loud), codec.decode(quiet) * np.float32(gain))


def test_silence_is_coded_at_the_least_level_and_comes_back_far_below_hearing(codec: OnnxCodec) -> None:
    tokens = codec.encode(np.zeros((2, 12_345), dtype=np.float32))
    np.testing.assert_array_equal(tokens.scales, np.full(4, 1e-5, dtype=np.float32))
    assert np.abs(codec.decode(tokens)).max() < 1e-4


def test_channels_that_cancel_are_coded_at_their_own_level(codec: OnnxCodec) -> None:
    side = noise(20_000, channels=1)
    tokens = codec.encode(np.concatenate([side, -side]))
    np.testing.assert_allclose(tokens.scales, 0.1, rtol=0.05)
    assert np.isfinite(codec.decode(tokens)).all()


@pytest.mark.parametrize(
    ("audio", "told"),
    [
        (np.zeros((1, 500), dtype=np.float32), r"tiny-codec@.*: expected audio \(2, frames\), got \(1, 500\)"),
        (np.zeros((3, 500), dtype=np.float32), r"expected audio \(2, frames\), got \(3, 500\)"),
        (np.zeros((500, 2), dtype=np.float32), "channels-last"),
        (np.zeros((2, 500), dtype=np.int16), "expected floating-point audio, got int16"),
        (np.full((2, 500), np.nan, dtype=np.float32), "expected numbers, got nan in channel 0 at frame 0"),
        (np.full((2, 500), 1e300), "expected numbers, got inf"),
        (np.full((2, 500), 1e16), "1e\\+15 at most, got a peak of 1e\\+16"),
        (np.full((2, 500), -1e16), "1e\\+15 at most, got a peak of 1e\\+16"),
    ],
)
def test_what_is_no_audio_for_it_is_refused(codec: OnnxCodec, audio: Any, told: str) -> None:
    for take in (codec.encode, codec.round_trip_unquantised, codec.latents):
        with pytest.raises(UsageError, match=told):
            take(audio)


def test_audio_as_loud_as_is_taken_comes_back_in_numbers(codec: OnnxCodec) -> None:
    loud = tune(6_000) * np.float32(1e15 / np.abs(tune(6_000)).max())
    assert np.isfinite(codec.decode(codec.encode(loud))).all()


def test_tokens_that_are_not_its_own_are_refused(codec: OnnxCodec) -> None:
    tokens = codec.encode(tune(9_000))
    codes = tokens.codes.copy()
    codes[1, 2, 3] = 16
    damaged = {
        "expected those of tiny-codec@.*, found those of light@": replace(tokens, codec_id="light@0123456789ab"),
        "expected codes of 0 to 15, found 16 in segment 1, codebook 2, token 3": replace(tokens, codes=codes),
        "expected codes \\(3, 4, .*cut off": replace(tokens, codes=tokens.codes[:1], scales=tokens.scales[:1]),
        "found nan for segment 0": replace(tokens, scales=np.array([np.nan, 1, 1], dtype=np.float32)),
    }
    for told, wrong in damaged.items():
        with pytest.raises(CodecError, match=told):
            codec.decode(wrong)


def test_scales_that_lead_out_of_float32_are_told(codec: OnnxCodec) -> None:
    tokens = codec.encode(tune(9_000))
    beyond = replace(tokens, scales=np.full(3, 3e38, dtype=np.float32))
    with pytest.raises(CodecError, match="expected numbers from decoding, found NaN or infinity"):
        codec.decode(beyond)


@pytest.mark.parametrize(("part", "doing"), [("encoder.onnx", "encoding"), ("decoder.onnx", "decoding")])
def test_weights_that_are_no_numbers_are_told(package: ModelPackage, tmp_path: Path, part: str, doing: str) -> None:
    def spoil(model: onnx.ModelProto) -> None:
        (weight,) = [item for item in model.graph.initializer if item.name == "model.0.conv.conv.weight"]
        weight.CopyFrom(numpy_helper.from_array(np.full(weight.dims, np.nan, dtype=np.float32), weight.name))

    codec = open_onnx_codec(_changed(package, tmp_path / "spoilt", part, spoil), "cpu", 1)
    with pytest.raises(CodecError, match=f"expected numbers from {doing}, found NaN or infinity; the weights"):
        codec.decode(codec.encode(tune(6_000)))


def test_memory_beside_audio_and_tokens_does_not_grow_with_the_length(codec: OnnxCodec) -> None:
    def most(frames: int) -> int:
        audio = tune(frames)
        tracemalloc.start()
        try:
            codec.decode(codec.encode(audio))
            return tracemalloc.get_traced_memory()[1] - audio.nbytes
        finally:
            tracemalloc.stop()

    # What comes back is as long as what went in; the rest is a few windows of 41 kB.
    assert most(60 * STRIDE) < most(15 * STRIDE) + FRAMES * 2 * 4


def _changed(package: ModelPackage, folder: Path, part: str, change: Callable[[onnx.ModelProto], None]) -> ModelPackage:
    """The package with one model changed and everything else as it should be."""
    folder.mkdir()
    for name in CODEC_FILES:
        (folder / name).write_bytes(package.path(name).read_bytes())
    model = onnx.load(folder / part, load_external_data=False)
    change(model)
    (folder / part).write_bytes(model.SerializeToString())
    plain = replace(package.manifest, goldens=(), run_script=None)
    files = write_manifest(folder, plain).manifest.files
    settings = plain.settings | {"codec_id": codec_id("spoilt", weights_sha256(files))}
    return write_manifest(folder, replace(plain, settings=settings))
