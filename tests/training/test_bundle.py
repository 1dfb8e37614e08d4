"""One bundle: it comes back as it was, is as small as it must be, and nothing unsound is ever read."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundle_making import CODEBOOK_SIZE, FRAMING, make_bundle, random_tokens
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from rebounce.engine.errors import BundleError, OutputError
from rebounce.engine.tokens import PAD, Tokens
from rebounce.training.bundle import METADATA_KEY, Bundle, bundle_bytes, read_bundle, write_bundle
from rebounce.training.damage import Applied


def assert_same(left: Bundle, right: Bundle) -> None:
    for field in fields(Bundle):
        one, other = getattr(left, field.name), getattr(right, field.name)
        if isinstance(one, Tokens):
            np.testing.assert_array_equal(one.codes, other.codes)
            np.testing.assert_array_equal(one.scales, other.scales)
            assert (one.frames, one.sample_rate_hz, one.codec_id) == (
                other.frames,
                other.sample_rate_hz,
                other.codec_id,
            )
        elif field.name == "features":
            assert sorted(one) == sorted(other)
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
        else:
            assert one == other, field.name


# Five examples: a tiny tail, one segment exactly, less than one, a single frame, none at all.
@pytest.mark.parametrize("frames", [48_001, 48_000, 20_000, 1, 0])
@pytest.mark.parametrize("features", [(), ("mel",), ("mel", "stft")])
def test_it_comes_back_as_it_was(tmp_path: Path, frames: int, features: tuple[str, ...]) -> None:
    bundle = make_bundle(frames, features=features)
    size = write_bundle(tmp_path / "a" / "b.safetensors", bundle)
    assert size == (tmp_path / "a" / "b.safetensors").stat().st_size
    assert_same(read_bundle(tmp_path / "a" / "b.safetensors"), bundle)


NUMBERS = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(NUMBERS | st.booleans() | st.text() | st.none(), st.lists)


@settings(max_examples=50, deadline=None)
@given(
    parameters=st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5),
    name=st.text(),
    seed=st.integers(0, 2**63),
)
def test_parameters_and_names_of_any_kind_come_back(
    tmp_path_factory: pytest.TempPathFactory, parameters: list[dict[str, Any]], name: str, seed: int
) -> None:
    path = tmp_path_factory.mktemp("bundle") / "b.safetensors"
    damage = tuple(Applied(fault="eq", parameters=table) for table in parameters)
    bundle = replace(make_bundle(100), damage=damage, track_name=name, seed=seed)
    write_bundle(path, bundle)
    assert_same(read_bundle(path), bundle)


def test_a_name_that_is_no_text_comes_back(tmp_path: Path) -> None:
    bundle = replace(make_bundle(100), track_name="na\udcefve.wav")
    write_bundle(tmp_path / "b.safetensors", bundle)
    assert read_bundle(tmp_path / "b.safetensors").track_name == "na\udcefve.wav"


def test_equal_bundles_are_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_bundle(tmp_path / name, make_bundle(features=("stft", "mel")))
    backwards = make_bundle(features=("stft", "mel"))
    write_bundle(
        tmp_path / "c", replace(backwards, features={name: backwards.features[name] for name in ("mel", "stft")})
    )
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1


@pytest.mark.parametrize(("features", "most_bytes"), [((), 350_000), (("mel", "stft"), 7_500_000)])
def test_30_s_of_16_codebooks_are_as_small_as_promised(
    tmp_path: Path, features: tuple[str, ...], most_bytes: int
) -> None:
    bundle = make_bundle(1_440_000, features=features)
    clean, damaged = (
        replace(tokens, codes=np.tile(tokens.codes, (1, 4, 1))) for tokens in (bundle.clean, bundle.damaged)
    )
    size = write_bundle(tmp_path / "b.safetensors", replace(bundle, clean=clean, damaged=damaged))
    assert size <= bundle_bytes(FRAMING, 16, 1_440_000, features) <= most_bytes
    assert bundle_bytes(FRAMING, 16, 1_440_000, features) - size < 10_000


def test_features_that_nobody_asks_for_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_bundle(path, make_bundle(features=("mel", "stft")))
    assert list(read_bundle(path, features=()).features) == []
    assert list(read_bundle(path, features=("stft",)).features) == ["stft"]
    write_bundle(path, make_bundle(), replaces=True)
    with pytest.raises(BundleError, match=r"b\.safetensors: expected the feature mel, found none"):
        read_bundle(path, features=("mel",))


def test_a_bundle_that_is_there_is_replaced_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_bundle(path, make_bundle(seed=1))
    with pytest.raises(OutputError, match="there is a file of that name already"):
        write_bundle(path, make_bundle(seed=2))
    assert_same(read_bundle(path), make_bundle(seed=1))
    write_bundle(path, make_bundle(seed=2), replaces=True)
    assert_same(read_bundle(path), make_bundle(seed=2))


@pytest.mark.parametrize("keep", [0, 7, 100, 1000, -1])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "b.safetensors"
    write_bundle(path, make_bundle())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        BundleError, match=r"b\.safetensors: expected a token bundle, .*delete it and run prepare again"
    ):
        read_bundle(path)


def test_no_file_and_a_folder_are_errors_that_name_them(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BundleError, match=f"{path}: expected a token bundle"):
            read_bundle(path)


def test_foreign_bytes_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "b.safetensors").write_bytes(b"RIFF" + bytes(10_000))
    with pytest.raises(BundleError, match="cannot be read as one"):
        read_bundle(tmp_path / "b.safetensors")
    save_file({"x": np.zeros(3)}, tmp_path / "c.safetensors")
    with pytest.raises(BundleError, match="a safetensors file of another kind"):
        read_bundle(tmp_path / "c.safetensors")


def rewritten(
    path: Path,
    facts: Callable[[dict[str, Any]], object] = lambda facts: None,
    tensors: Callable[[dict[str, Any]], object] = lambda tensors: None,
) -> Path:
    """A sound bundle with something changed behind its back."""
    write_bundle(path, make_bundle(100_000, features=("mel",)))
    with safe_open(path, framework="np") as file:
        told = json.loads(file.metadata()[METADATA_KEY])
    held = load_file(path)
    facts(told)
    tensors(held)
    save_file(held, path, metadata={METADATA_KEY: json.dumps(told)})
    return path


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (lambda facts: facts.update(version=2), "expected a bundle of version 1, found version 2"),
        (lambda facts: facts.pop("version"), "KeyError: 'version'"),
        (lambda facts: facts.pop("codec"), "KeyError: 'codec'"),
        (lambda facts: facts["item"].pop("seed"), "KeyError: 'seed'"),
        (lambda facts: facts["item"].update(frames=95_040), r"expected clean.codes int16 \(2, codebooks, 150\)"),
        (lambda facts: facts["item"].update(frames="many"), "TypeError"),
        (lambda facts: facts["item"].update(frames=-1), r"expected clean.codes int16 \(0, codebooks, 0\)"),
        (lambda facts: facts["codec"].update(hop_frames=0), "segments of 48000 frames every 47520, 0 a token"),
        (lambda facts: facts["codec"].update(stride_frames=0), "segments of 48000 frames every 0, 320 a token"),
        (lambda facts: facts["codec"].update(codebook_size=8), "expected codes of 0 to 7, found"),
        (lambda facts: facts.update(damage=[{}]), "KeyError: 'fault'"),
        (lambda facts: facts.update(damage=[7]), "TypeError"),
    ],
)
def test_a_header_that_cannot_be_is_an_error(tmp_path: Path, facts: Callable[[Any], object], message: str) -> None:
    path = rewritten(tmp_path / "b.safetensors", facts=facts)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "delete it and run prepare again" in str(caught.value)


def put(name: str, place: tuple[int, ...], value: float) -> Callable[[dict[str, Any]], object]:
    return lambda tensors: tensors[name].__setitem__(place, value)


def swap(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], object]:
    return lambda tensors: tensors.update({name: change(tensors[name])})


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (
            put("clean.codes", (0, 3, 149), CODEBOOK_SIZE),
            "clean tokens: expected codes of 0 to 1023, found 1024 in segment 0, codebook 3",
        ),
        (put("damaged.codes", (1, 0, 0), -2), "damaged tokens: expected codes of 0 to 1023, found -2 in segment 1"),
        (put("damaged.codes", (0, 0, 5), PAD), "damaged tokens: expected codes of 0 to 1023, found -1"),
        (
            put("clean.codes", (2, 0, 149), 3),
            "clean tokens: expected -1 after the end of a segment, found 3",
        ),
        (put("clean.scales", (1,), np.nan), "clean tokens: expected scales of 0 or more, found"),
        (put("damaged.scales", (0,), -1.0), "damaged tokens: expected scales of 0 or more, found"),
        (swap("clean.codes", lambda codes: codes[:2]), r"clean.codes int16 \(3, codebooks, 150\).*found int16 \(2, 4"),
        (swap("clean.codes", lambda codes: codes.astype(np.int64)), "found int64"),
        (swap("damaged.scales", lambda scales: scales[:1]), r"damaged.scales float32 \(3,\)"),
        (swap("feature.mel", lambda mel: mel[:, 1:]), r"feature.mel F16 \(128, 196\), found F16 \(128, 195\)"),
        (lambda tensors: tensors.pop("damaged.codes"), "found no damaged.codes"),
        (lambda tensors: tensors.update({"feature.colour": np.zeros((1, 1), np.float16)}), "KeyError: 'colour'"),
    ],
)
def test_tensors_that_cannot_be_are_an_error(tmp_path: Path, tensors: Callable[[Any], object], message: str) -> None:
    path = rewritten(tmp_path / "b.safetensors", tensors=tensors)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_sides_of_different_codebooks_are_an_error(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "b.safetensors", tensors=swap("damaged.codes", lambda codes: codes[:, :2].copy()))
    with pytest.raises(BundleError, match="as many codebooks on both sides, found 4 and 2"):
        read_bundle(path)


def test_random_tokens_are_padded_beyond_their_end() -> None:
    codes = random_tokens(48_001).codes
    assert codes.shape == (2, 4, 150)
    assert (codes[1, :, 2:] == PAD).all()
    assert (codes[1, :, :2] >= 0).all()


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_bundle(path, make_bundle())
    read = f"from rebounce.training.bundle import read_bundle; read_bundle({str(path)!r})"
    code = f"import sys; {read}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
