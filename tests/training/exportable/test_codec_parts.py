"""The four parts of a codec compute what the codec in torch computes, on codebooks rounded to float16."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_packages import WINDOW_TOKENS, music, request, tiny_codec
from torch import Tensor

from rebounce.engine.window_scale import Scaling
from rebounce.exporters.parity import run_module
from rebounce.exporters.part import Part
from rebounce.training.exportable import light_codec
from rebounce.training.exportable.codec_parts import NEAR_TIE, WINDOWS, scaled_windows
from rebounce.training.networks.light_codec import LightCodec

WINDOW = WINDOW_TOKENS * 320
LOUD = Scaling(kind="both-rms", floor=1e-5)


@pytest.fixture(scope="module")
def parts() -> dict[str, Part]:
    plan = light_codec.plan_of(tiny_codec(), WINDOW_TOKENS, request())
    return {part.file: part for part in plan.parts}


@pytest.fixture(scope="module")
def codec() -> LightCodec:
    """The codec itself, with the codebooks as they are stored."""
    model = tiny_codec().eval().requires_grad_(False)
    for layer in model.quantiser.layers:
        layer._codebook.embed.copy_(layer._codebook.embed.half().float())
    return model


def run(part: Part, values: Tensor) -> Tensor:
    (name,) = part.inputs
    return run_module(part, {name: values})[part.outputs[0]]


def test_folding_weight_norm_changes_nothing(parts: dict[str, Part], codec: LightCodec) -> None:
    windows = parts["encoder.onnx"].inputs["audio"]
    with torch.inference_mode():
        latents = codec.encoder(windows)
        made = codec.decoder(latents)
    torch.testing.assert_close(run(parts["encoder.onnx"], windows), latents, rtol=0, atol=1e-5)
    torch.testing.assert_close(run(parts["decoder.onnx"], latents), made, rtol=0, atol=1e-4)
    assert not any("weight_g" in name for part in parts.values() for name in part.module.state_dict())


def test_codes_and_their_latents_are_the_codecs_own(parts: dict[str, Part], codec: LightCodec) -> None:
    latents = run(parts["encoder.onnx"], parts["encoder.onnx"].inputs["audio"])
    codes = run(parts["quantiser.onnx"], latents)
    assert (codes.dtype, codes.shape) == (torch.int64, (WINDOWS, 4, WINDOW_TOKENS))
    torch.testing.assert_close(codes, codec.quantiser.encode(latents).transpose(0, 1))
    torch.testing.assert_close(
        run(parts["lookup.onnx"], codes), codec.quantiser.decode(codes.transpose(0, 1)), rtol=0, atol=1e-5
    )
    assert len(set(codes.flatten().tolist())) == 16


def test_examples_follow_one_another_through_the_codec(parts: dict[str, Part]) -> None:
    latents = run(parts["encoder.onnx"], parts["encoder.onnx"].inputs["audio"])
    codes = run(parts["quantiser.onnx"], latents)
    torch.testing.assert_close(parts["quantiser.onnx"].inputs["latents"], latents)
    torch.testing.assert_close(parts["lookup.onnx"].inputs["codes"], codes)
    torch.testing.assert_close(parts["decoder.onnx"].inputs["latents"], run(parts["lookup.onnx"], codes))


def test_of_two_codes_the_gap_is_by_how_much_the_second_is_further_from_the_rest(parts: dict[str, Part]) -> None:
    part = parts["quantiser.onnx"]
    books = part.shared["codebooks"].double()
    latents = part.inputs["latents"][:1, :, :1]
    expected = run(part, latents)
    found = expected.clone()
    found[0, 1, 0] = (found[0, 1, 0] + 1) % 16
    found[0, 3, 0] = (found[0, 3, 0] + 1) % 16  # after the first that differs there is nothing to compare
    rest = latents[0, :, 0].double() - books[0, expected[0, 0, 0]]
    far = [float((rest - books[1, codes[0, 1, 0]]).square().sum()) for codes in (expected, found)]
    gap = part.gaps["codes"]({"latents": latents}, expected, found)
    assert gap.shape == (1, 1)
    assert float(gap) == pytest.approx((far[1] - far[0]) / float(rest.square().sum()))
    assert float(gap) > NEAR_TIE
    assert float(part.gaps["codes"]({"latents": latents}, expected, expected).max()) == 0


def test_golden_latents_are_those_whose_codes_stand_firm(parts: dict[str, Part]) -> None:
    part = parts["quantiser.onnx"]
    clear = part.golden["latents"]
    assert clear.shape == (1, 8, WINDOW_TOKENS)
    codes = run(part, clear)
    noise = torch.randn(20, *clear.shape[1:], generator=torch.Generator().manual_seed(0))
    moved = run(part, clear + 1e-4 * clear.std() * noise)
    assert torch.equal(moved, codes.expand(20, -1, -1))


def test_windows_are_divided_by_their_own_scale_and_short_music_is_repeated() -> None:
    audio = music()[:, : 2 * WINDOW]
    windows = scaled_windows(audio, WINDOW, LOUD).numpy()
    assert (windows.shape, str(windows.dtype)) == ((WINDOWS, 2, WINDOW), "float32")
    np.testing.assert_allclose(np.sqrt(np.square(windows, dtype=np.float64).mean((1, 2))), 1, rtol=1e-5)
    np.testing.assert_array_equal(windows[2:], windows[:2])
    np.testing.assert_allclose(windows[1] * LOUD.of(audio[:, WINDOW:]), audio[:, WINDOW:], rtol=1e-5, atol=1e-7)


def test_a_package_for_short_music_is_planned_all_the_same() -> None:
    short = replace(request(), music=music()[:, :1000])
    plan = light_codec.plan_of(tiny_codec(), WINDOW_TOKENS, short)
    assert plan.parts[0].inputs["audio"].shape == (WINDOWS, 2, WINDOW)
