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

from rebounce.engine.errors import BundleError, OutputError, UsageError
from rebounce.engine.tokens import PAD, Tokens
from rebounce.training.bundle import METADATA_KEY, bundle_bytes, read_bundle, tensor_sha256, write_bundle
from rebounce.training.bundle_facts import sealed_text
from rebounce.training.bundle_item import Bundle
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
@pytest.mark.parametrize("features", [(), ("mel",), ("mel", "stft"), ("measures",), ("latents", "mel")])
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


@pytest.mark.parametrize(
    ("features", "most_bytes"),
    [((), 350_000), (("measures",), 353_500), (("latents",), 3_950_000), (("mel", "stft"), 7_500_000)],
)
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
    """What a writer with other ideas would have left: a sound bundle with something changed, and hashes that fit."""
    write_bundle(path, make_bundle(100_000, features=("mel",)))
    with safe_open(path, framework="np") as file:
        told = json.loads(file.metadata()[METADATA_KEY])
    held = load_file(path)
    tensors(held)
    told["tensors"] = {name: tensor_sha256(values) for name, values in held.items()}
    facts(told)
    save_file(held, path, metadata={METADATA_KEY: sealed_text(told)})
    return path


def relabelled(path: Path, text: str) -> Path:
    """A sound bundle with another text in its header."""
    write_bundle(path, make_bundle(100))
    held = load_file(path)
    save_file(held, path, metadata={METADATA_KEY: text})
    return path


def item(**facts: object) -> Callable[[dict[str, Any]], object]:
    return lambda told: told["item"].update(facts)


def codec(**facts: object) -> Callable[[dict[str, Any]], object]:
    return lambda told: told["codec"].update(facts)


def track(**facts: object) -> Callable[[dict[str, Any]], object]:
    return lambda told: told["track"].update(facts)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (lambda told: told.update(version=2), "expected version 1, found version 2"),
        (lambda told: told.update(version=True), "header.version: expected a whole number of 0 or more, found True"),
        (lambda told: told.pop("version"), "header.version: expected it, found no such entry"),
        (lambda told: told.pop("codec"), "header.codec: expected it, found no such entry"),
        (lambda told: told.update(track=[]), r"track: expected a table, found \[\]"),
        (lambda told: told["item"].pop("seed"), "item.seed: expected it, found no such entry"),
        (item(frames=95_040), r"expected feature.mel F16 \(128, 186\), found F16 \(128, 196\)"),
        (item(frames="many"), "item.frames: expected a whole number of 0 or more, found 'many'"),
        (item(frames=100_000.0), "item.frames: expected a whole number of 0 or more, found 100000.0"),
        (item(frames=-1), "item.frames: expected a whole number of 0 or more, found -1"),
        (item(split="banana"), "split: expected train, validation, test, found 'banana'"),
        (item(stage=None), "item.stage: expected a text, found None"),
        (item(stage=""), "stage: expected a name, found none"),
        (item(exercise=""), "exercise: expected a name, found none"),
        (item(seed="x"), "item.seed: expected a whole number of 0 or more, found 'x'"),
        (item(index=-5), "item.index: expected a whole number of 0 or more, found -5"),
        (item(start_frame=-9), "item.start_frame: expected a whole number of 0 or more, found -9"),
        (track(sha256=7), "track.sha256: expected a text, found 7"),
        (track(sha256="F" * 64), "track.sha256: expected 64 hex digits, found 'FFF"),
        (track(name=None), "track.name: expected a text, found None"),
        (track(sample_rate_hz=0), "track.sample_rate_hz: expected a whole number of 1 or more, found 0"),
        (track(channels=0), "track.channels: expected a whole number of 1 or more, found 0"),
        (codec(id=5), "codec.id: expected a text, found 5"),
        (codec(id=""), "clean tokens: expected the name of their codec, found ''"),
        (codec(weights_sha256="ab"), "codec.weights_sha256: expected 64 hex digits, found 'ab'"),
        (codec(sample_rate_hz=0), "codec.sample_rate_hz: expected a whole number of 1 or more, found 0"),
        (codec(hop_frames=0), "codec.hop_frames: expected a whole number of 1 or more, found 0"),
        (codec(stride_frames=0), "codec.stride_frames: expected a whole number of 1 or more, found 0"),
        (codec(stride_frames=48_001), "codec: segments of 48000 frames every 48001, 320 a token leave gaps"),
        (codec(codebook_size=8), "clean tokens: expected codes of 0 to 7, found"),
        (codec(codebook_size=1024.5), "codec.codebook_size: expected a whole number of 1 or more, found 1024.5"),
        (codec(codebook_size=32_769), "expected a codebook or more, of entries that fit into int16, found 4 of 32769"),
        (lambda told: told.update(damage={"a": 1}), "header.damage: expected a list of faults, found {'a': 1}"),
        (lambda told: told.update(damage=[{}]), r"damage\[0\].fault: expected it, found no such entry"),
        (lambda told: told.update(damage=[7]), r"damage\[0\]: expected a table, found 7"),
        (lambda told: told.update(damage=[{"fault": 3, "parameters": {}}]), r"damage\[0\].fault: expected a text"),
        (
            lambda told: told.update(damage=[{"fault": "eq", "parameters": None}]),
            "parameters: expected a table, found None",
        ),
        (lambda told: told["tensors"].pop("clean.codes"), "expected the tensors clean.codes, .* found clean.codes"),
        (lambda told: told["tensors"].update({"clean.codes": "00" * 32}), "clean.codes: expected the SHA-256 00000000"),
    ],
)
def test_a_header_that_cannot_be_is_an_error(tmp_path: Path, facts: Callable[[Any], object], message: str) -> None:
    path = rewritten(tmp_path / "b.safetensors", facts=facts)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "delete it and run prepare again" in str(caught.value)


@pytest.mark.parametrize("frames", [95_040, 10**12, 10**15, 10**30])
def test_frames_that_are_not_those_of_the_tokens_are_refused_before_anything_is_counted_out(
    tmp_path: Path, frames: int
) -> None:
    path = rewritten(tmp_path / "b.safetensors", item(frames=frames), lambda tensors: tensors.pop("feature.mel"))
    with pytest.raises(BundleError, match=rf"clean tokens: expected codes .* for {frames} frames, found \(3, 4, 150\)"):
        read_bundle(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("null", "header: expected a table, found None"),
        ("[" * 100_000, "recursion"),
        ('{"version":1,"sha256":7}', "header.sha256: expected a text, found 7"),
        ('{"version":1,"sha256":"' + "0" * 64 + '","x":NaN}', "not JSON compliant"),
    ],
)
def test_a_text_that_describes_nothing_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = relabelled(tmp_path / "b.safetensors", text)
    with pytest.raises(BundleError, match=rf"b\.safetensors: not a sound bundle: .*{message}"):
        read_bundle(path)


def test_a_changed_digit_anywhere_in_the_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    bundle = replace(make_bundle(50_000, features=("mel",)), seed=7_777_777)
    write_bundle(path, bundle)
    whole = path.read_bytes()
    places = [whole.index(word) for word in (b"7777777", b"44100", b"track 0.wav", b"token-unet/1", b"0.1}")]
    rng = np.random.default_rng(0)
    start = int.from_bytes(whole[:8], "little") + 8
    for place in [*places, *rng.integers(0, len(whole), 300), *rng.integers(8, start, 300), len(whole) - 1]:
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(BundleError, match=str(path)):
            read_bundle(path)
    path.write_bytes(whole)
    assert_same(read_bundle(path), bundle)


def test_a_feature_is_vouched_for_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_bundle(path, make_bundle(features=("mel", "stft")))
    whole = bytearray(path.read_bytes())
    whole[whole.index(make_bundle(features=("mel",)).features["mel"].tobytes())] ^= 1
    path.write_bytes(whole)
    assert list(read_bundle(path, features=["stft"]).features) == ["stft"]
    with pytest.raises(BundleError, match=r"tensor feature\.mel: expected the SHA-256 .* it is damaged"):
        read_bundle(path, features=["mel"])


def test_the_features_to_read_are_a_list_of_names(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.safetensors", make_bundle(100))
    with pytest.raises(UsageError, match=r"expected a list of names, found the text 'mel'; write \['mel'\]"):
        read_bundle(tmp_path / "b.safetensors", features="mel")


@pytest.mark.parametrize("value", [float("nan"), np.float32(1)])
def test_parameters_that_json_cannot_hold_are_refused_before_anything_is_written(tmp_path: Path, value: object) -> None:
    bundle = replace(make_bundle(100), damage=(Applied(fault="gain", parameters={"gain_db": value}),))
    with pytest.raises(UsageError, match="expected parameters that JSON can hold"):
        write_bundle(tmp_path / "b.safetensors", bundle)
    assert list(tmp_path.iterdir()) == []


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
        (
            swap("clean.codes", lambda codes: codes[:2]),
            r"clean tokens: expected one float32 scale for each of 2 segments, found float32 \(3,\)",
        ),
        (swap("clean.codes", lambda codes: codes[:, :, :149].copy()), r"\(3, 4, 150\).*found \(3, 4, 149\)"),
        (swap("clean.codes", lambda codes: codes.astype(np.int64)), "found int64"),
        (swap("clean.codes", lambda codes: codes.astype(np.uint16)), "found uint16"),
        (swap("damaged.scales", lambda scales: scales[:1]), r"damaged tokens: expected one float32 .* \(1,\)"),
        (swap("damaged.codes", lambda codes: codes[:, :2].copy()), "as many codebooks on both sides, found 4 and 2"),
        (
            lambda tensors: tensors.update(
                {name: tensors[name][:, :0].copy() for name in ("clean.codes", "damaged.codes")}
            ),
            "expected a codebook or more, .* found 0 of 1024",
        ),
        (swap("feature.mel", lambda mel: mel[:, 1:].copy()), r"feature.mel F16 \(128, 196\), found F16 \(128, 195\)"),
        (swap("feature.mel", lambda mel: mel.astype(np.float32)), r"feature.mel F16 .*, found F32 \(128, 196\)"),
        (put("feature.mel", (3, 5), np.nan), "expected numbers in feature.mel, found nan in row 3, column 5"),
        (put("feature.mel", (3, 5), -np.inf), "expected numbers in feature.mel, found -inf in row 3, column 5"),
        (lambda tensors: tensors.pop("damaged.codes"), "found damaged.codes missing or in excess"),
        (lambda tensors: tensors.update(zzz=np.zeros(3)), "found zzz missing or in excess"),
        (
            lambda tensors: tensors.update({"feature.colour": np.zeros((1, 1), np.float16)}),
            "found feature.colour missing or in excess",
        ),
    ],
)
def test_tensors_that_cannot_be_are_an_error(tmp_path: Path, tensors: Callable[[Any], object], message: str) -> None:
    path = rewritten(tmp_path / "b.safetensors", tensors=tensors)
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("shape", [(128, 195), (127, 196)])
def test_features_that_nobody_asks_for_are_looked_at(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = rewritten(tmp_path / "b.safetensors", tensors=swap("feature.mel", lambda mel: np.zeros(shape, np.float16)))
    with pytest.raises(BundleError, match=r"expected feature\.mel F16 \(128, 196\)"):
        read_bundle(path, features=())


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
