"""A codec's models: the codes are those of the nearest entries, and a window is by itself wherever it stands."""

from pathlib import Path

import numpy as np
import pytest
from restorer_packages import rule_package
from tiny_packages import WINDOW_TOKENS, music, tiny_codec_package

from rebounce.engine.codec_models import (
    CodecModels,
    codec_id_of,
    open_codec_models,
    weights_sha256_of,
)
from rebounce.engine.codec_settings import codec_settings
from rebounce.engine.errors import CodecError, DeviceError, ModelError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.onnx_session import Array
from rebounce.engine.window_sessions import open_windows

FRAMES = WINDOW_TOKENS * 320


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("codec") / "tiny")


@pytest.fixture(scope="module")
def models(package: ModelPackage) -> CodecModels:
    return open_codec_models(package, "cpu", 1)


def windows(models: CodecModels, count: int = 5) -> Array:
    """Windows of music that overlap, each divided by its scale."""
    starts = np.linspace(0, music().shape[1] - FRAMES, count).astype(int)
    cuts = [music()[:, start : start + FRAMES] for start in starts]
    return np.stack([cut / np.float32(models.window_scale(cut)) for cut in cuts])


def entries(package: ModelPackage) -> Array:
    """`codebooks.bin` as it lies there."""
    settings = codec_settings(package)
    shape = (settings.codebooks, settings.codebook_size, settings.latent_dimension)
    return np.fromfile(package.path("codebooks.bin"), dtype="<f2").reshape(shape).astype(np.float64)


def test_the_codes_are_the_nearest_entries_one_stage_after_another(package: ModelPackage, models: CodecModels) -> None:
    latents = models.encode(windows(models))
    codes = models.quantise(latents)
    assert (codes.shape, str(codes.dtype)) == ((5, 4, WINDOW_TOKENS), "int64")
    assert len(np.unique(codes)) > 8
    rest = latents.transpose(0, 2, 1).astype(np.float64)
    for stage, book in enumerate(entries(package)):
        squares = np.square(rest[:, :, np.newaxis] - book).sum(-1)
        taken = np.take_along_axis(squares, codes[:, stage, :, np.newaxis], axis=2)[..., 0]
        assert (taken <= squares.min(-1) + 1e-5 * np.square(rest).sum(-1)).all()
        rest = rest - book[codes[:, stage]]


def test_the_latents_of_codes_are_the_sum_of_their_entries(package: ModelPackage, models: CodecModels) -> None:
    codes = np.random.default_rng(0).integers(0, 16, (3, 4, WINDOW_TOKENS))
    summed = sum(book[codes[:, stage]] for stage, book in enumerate(entries(package)))
    np.testing.assert_allclose(models.lookup(codes), np.transpose(summed, (0, 2, 1)), atol=1e-5)
    np.testing.assert_array_equal(models.lookup(codes.astype(np.int16)), models.lookup(codes))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_window_has_the_same_bits_at_every_place_among_any_number(
    package: ModelPackage, models: CodecModels, threads: int
) -> None:
    audio = windows(models)
    latents, codes = models.encode(audio), models.quantise(models.encode(audio))
    sound = models.decode(models.lookup(codes))
    other = open_codec_models(package, "cpu", threads)
    for places in ([0], [3, 3, 1], [4, 2, 0, 1, 3], [1, 0]):
        np.testing.assert_array_equal(other.encode(audio[places]), latents[places])
        np.testing.assert_array_equal(other.quantise(latents[places]), codes[places])
        np.testing.assert_array_equal(other.decode(other.lookup(codes[places])), sound[places])


def test_no_windows_are_no_windows_all_the_way(models: CodecModels) -> None:
    latents = models.encode(np.zeros((0, 2, FRAMES), dtype=np.float32))
    assert latents.shape == (0, 8, WINDOW_TOKENS)
    codes = models.quantise(latents)
    assert (codes.shape, str(codes.dtype)) == ((0, 4, WINDOW_TOKENS), "int64")
    assert models.decode(models.lookup(codes)).shape == (0, 2, FRAMES)


def test_the_scale_of_a_window_is_that_of_its_manifest(models: CodecModels) -> None:
    audio = music()[:, :777]
    assert models.window_scale(audio) == pytest.approx(np.sqrt(np.mean(audio.astype(np.float64) ** 2)), rel=1e-6)
    assert models.window_scale(np.zeros((2, 5), dtype=np.float32)) == pytest.approx(1e-5)


@pytest.mark.parametrize("code", [-1, 16, 1_000_000])
def test_codes_that_no_codebook_has_are_refused(models: CodecModels, code: int) -> None:
    codes = np.zeros((2, 4, WINDOW_TOKENS), dtype=np.int64)
    codes[1, 2, 3] = code
    with pytest.raises(CodecError, match=r"tiny-codec@.*: expected codes of 0 to 15, found "):
        models.lookup(codes)


def test_audio_of_another_length_than_the_window_is_refused(models: CodecModels) -> None:
    with pytest.raises(ModelError, match=r"encoder\.onnx: expected input 'audio' as float32 \(1, 2, 5120\)"):
        models.encode(np.zeros((1, 2, FRAMES - 1), dtype=np.float32))


def test_a_restorers_codec_is_opened_without_its_u_net(package: ModelPackage, tmp_path: Path) -> None:
    restorer = rule_package(tmp_path / "rule", [0])
    assert codec_id_of(restorer) == codec_id_of(package)
    assert weights_sha256_of(restorer) == weights_sha256_of(package)
    (restorer.folder / "unet.onnx").write_bytes(b"damaged after it was loaded")
    models = open_codec_models(restorer, "cpu", 1)
    np.testing.assert_array_equal(
        models.encode(windows(models)), open_codec_models(package, "cpu", 1).encode(windows(models))
    )
    with pytest.raises(ModelError, match=r"unet\.onnx"):
        open_windows(restorer, "cpu", 1)


def test_a_gpu_asked_for_is_used_or_refused(package: ModelPackage) -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        open_codec_models(package, "cuda:99")
