"""Windows are repaired each by itself, in every mode by its own formula."""

from pathlib import Path

import numpy as np
import pytest
from restorer_packages import CHANGE, LEVEL_DB, changed_manifest, rule_package
from signals import noise
from tiny_packages import music

from rebounce.engine.audio import Audio
from rebounce.engine.errors import ModelError
from rebounce.engine.repair_modes import residual, transfer_change
from rebounce.engine.token_gate import Gate
from rebounce.engine.token_models import TokenModels, open_token_models
from rebounce.engine.token_repair import MODES, SOURCES, RepairPlan, TokenRepair
from rebounce.engine.token_windows import Window

FRAMES = 5_120


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> TokenModels:
    """To this network everything is wrong."""
    return open_token_models(rule_package(tmp_path_factory.mktemp("all"), wrong=range(16)), "cpu")


@pytest.fixture(scope="module")
def encoding(tmp_path_factory: pytest.TempPathFactory) -> TokenModels:
    """The same, but that it sees latents as they were before tokens were chosen."""
    folder = tmp_path_factory.mktemp("encoded")
    return open_token_models(rule_package(folder, wrong=range(16), latents="encoded"), "cpu")


def plan(mode: str = "residual", source: str = "latents", weight: str = "none", least_mask: float = 0.5) -> RepairPlan:
    return RepairPlan(
        mode=mode,
        source=source,
        weight=weight,
        gate=Gate(least_mask=least_mask, least_confidence=0.0, least_change=0.0),
    )


def window(audio: Audio) -> Window:
    return Window(audio=audio, first=0, end=FRAMES)


WINDOWS = [window(music(seed)[:, :FRAMES]) for seed in range(5)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_makes_what_its_formula_says(models: TokenModels, mode: str, source: str) -> None:
    made = TokenRepair(models, plan(mode, source, "coherence"))(WINDOWS)
    for index, given in enumerate(WINDOWS):
        scale = np.float32(models.codec.window_scale(given.own))
        x = given.audio / scale
        codes = models.codec.quantise(models.codec.encode(x[np.newaxis]))
        latents = models.codec.lookup(codes)
        changed = {"latents": latents + np.float32(CHANGE) * latents, "tokens": models.codec.lookup((codes + 1) % 16)}
        before, after = models.codec.decode(latents)[0], models.codec.decode(changed[source])[0]
        expected = {
            "residual": residual(x, before, after, "coherence"),
            "transfer": transfer_change(x, before, after),
            "decode": after,
        }
        assert np.abs(made.audio[index] - scale * expected[mode]).max() < 1e-6
        assert made.is_changed[index]
        assert made.level_db[index] == np.float32(LEVEL_DB)


@pytest.mark.parametrize("mode", MODES)
def test_encoded_latents_are_changed_from_what_they_were_before_tokens_were_chosen(
    encoding: TokenModels, mode: str
) -> None:
    made = TokenRepair(encoding, plan(mode, "latents", "coherence"))(WINDOWS)
    for index, given in enumerate(WINDOWS):
        scale = np.float32(encoding.codec.window_scale(given.own))
        x = given.audio / scale
        encoded = encoding.codec.encode(x[np.newaxis])
        assert not np.allclose(encoded, encoding.codec.lookup(encoding.codec.quantise(encoded)), atol=1e-2)
        before, after = (encoding.codec.decode(latents)[0] for latents in (encoded, encoded * np.float32(1 + CHANGE)))
        expected = {
            "residual": residual(x, before, after, "coherence"),
            "transfer": transfer_change(x, before, after),
            "decode": after,
        }
        assert np.abs(made.audio[index] - scale * expected[mode]).max() < 1e-6
        assert made.is_changed[index]


@pytest.mark.parametrize("mode", MODES)
def test_tokens_are_what_they_are_whatever_latents_the_network_sees(
    models: TokenModels, encoding: TokenModels, mode: str
) -> None:
    one, other = (TokenRepair(each, plan(mode, "tokens"))(WINDOWS) for each in (models, encoding))
    assert one.audio.tobytes() == other.audio.tobytes()
    assert other.is_changed.all()


@pytest.mark.parametrize("mode", ["residual", "transfer"])
def test_where_the_latents_stay_what_they_are_no_sample_is_touched(tmp_path: Path, mode: str) -> None:
    """The gate is wide open, and what comes out of the decoder twice is far from the input."""
    package = rule_package(tmp_path / "still", wrong=range(16), change=0.0, latents="encoded")
    made = TokenRepair(open_token_models(package, "cpu"), plan(mode))(WINDOWS)
    assert not made.is_changed.any()
    assert not made.audio.any()


@pytest.mark.parametrize("mode", MODES)
def test_what_is_made_of_a_window_does_not_depend_on_its_neighbours(models: TokenModels, mode: str) -> None:
    repair = TokenRepair(models, plan(mode))
    together = repair(WINDOWS).audio
    for index, given in enumerate(WINDOWS):
        assert repair([given]).audio[0].tobytes() == together[index].tobytes()


def test_silence_is_left_alone_and_not_even_looked_at(models: TokenModels) -> None:
    silent = window(np.zeros((2, FRAMES), dtype=np.float32))
    faint = window(noise(FRAMES, level=1e-7))
    made = TokenRepair(models, plan())([silent, WINDOWS[0], faint])
    assert made.is_changed.tolist() == [False, True, False]
    assert not made.audio[[0, 2]].any()
    assert made.level_db.tolist() == [0.0, LEVEL_DB, 0.0]


def test_the_scale_of_a_window_is_that_of_its_own_frames(models: TokenModels) -> None:
    half = np.pad(WINDOWS[0].audio[:, : FRAMES // 2], ((0, 0), (0, FRAMES // 2)))
    made = TokenRepair(models, plan("decode"))([Window(audio=half, first=0, end=FRAMES // 2)]).audio[0]
    scale = np.float32(models.codec.window_scale(half[:, : FRAMES // 2]))
    codes = models.codec.quantise(models.codec.encode(half[np.newaxis] / scale))
    latents = models.codec.lookup(codes) * np.float32(1 + CHANGE)
    assert np.abs(made - scale * models.codec.decode(latents)[0]).max() < 1e-5


@pytest.mark.parametrize("latents", ["codes", "encoded"])
@pytest.mark.parametrize("source", SOURCES)
def test_where_no_token_is_wrong_nothing_is_made(tmp_path: Path, source: str, latents: str) -> None:
    models = open_token_models(rule_package(tmp_path / "none", wrong=[], latents=latents), "cpu")
    for mode in ("residual", "transfer"):
        made = TokenRepair(models, plan(mode, source))(WINDOWS)
        assert not made.audio.any()
        assert not made.is_changed.any()
    decoded = TokenRepair(models, plan("decode", source))(WINDOWS)
    assert all(audio.any() for audio in decoded.audio)
    assert not decoded.is_changed.any()


@pytest.mark.parametrize("mode", MODES)
def test_a_network_that_says_what_is_no_number_is_named(tmp_path: Path, mode: str) -> None:
    package = rule_package(tmp_path / "broken", wrong=range(16), name="broken", change=np.inf)
    with pytest.raises(ModelError, match=r"broken@\w+: expected numbers from its models, found NaN or infinity"):
        TokenRepair(open_token_models(package, "cpu"), plan(mode, weight="coherence"))(WINDOWS)


def test_a_level_that_is_no_number_is_named_too(tmp_path: Path) -> None:
    package = rule_package(tmp_path / "broken", wrong=range(16), name="broken", level_db=np.nan)
    with pytest.raises(ModelError, match=r"broken@\w+: expected numbers from its models, found NaN or infinity"):
        TokenRepair(open_token_models(package, "cpu"), plan())(WINDOWS)


@pytest.mark.parametrize("source", ["latents", "tokens"])
def test_a_mask_that_is_no_number_does_not_pass_for_nothing_to_repair(tmp_path: Path, source: str) -> None:
    package = rule_package(tmp_path / "broken", wrong=range(16), name="broken", chance=np.nan)
    with pytest.raises(ModelError, match=r"broken@\w+: expected numbers from its models, found NaN or infinity"):
        TokenRepair(open_token_models(package, "cpu"), plan(source=source))(WINDOWS)


def test_what_lies_beyond_the_piece_has_no_say_in_the_gate(models: TokenModels, tmp_path: Path) -> None:
    short = Window(audio=WINDOWS[0].audio.copy(), first=0, end=FRAMES // 8)
    short.audio[:, short.end :] = 0
    scaled = short.audio / np.float32(models.codec.window_scale(short.own))
    (codes,) = models.codec.quantise(models.codec.encode(scaled[np.newaxis]))
    silence = codes[0, -1]
    is_wrong = codes[0] != silence
    least = float(is_wrong[: is_wrong.size // 8].mean())
    assert is_wrong.mean() < 0.5 * least
    package = rule_package(tmp_path / "music", wrong=set(range(16)) - {int(silence)}, name="music")
    made = TokenRepair(open_token_models(package, "cpu"), plan(least_mask=0.9 * least))([short])
    assert made.is_changed.all()


@pytest.mark.parametrize("floor", [1e-5, 1e-3])
def test_silence_is_left_alone_whatever_the_floor_becomes_as_float32(tmp_path: Path, floor: float) -> None:
    package = rule_package(tmp_path / "floor", wrong=range(16))
    package = changed_manifest(package, scaling={"kind": "both-rms", "floor": floor})
    silence = window(np.zeros((2, FRAMES), dtype=np.float32))
    made = TokenRepair(open_token_models(package, "cpu"), plan())([silence])
    assert not made.audio.any()
    assert not made.is_changed.any()


def test_repairs_scale_with_the_input(models: TokenModels) -> None:
    quiet = [window(np.float32(0.25) * given.audio) for given in WINDOWS]
    loud, soft = (TokenRepair(models, plan(weight="coherence"))(given).audio for given in (WINDOWS, quiet))
    assert np.abs(loud * np.float32(0.25) - soft).max() < 1e-6
