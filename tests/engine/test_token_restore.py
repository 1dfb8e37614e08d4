"""TokenRestore from outside: exact length, no seams, bit-identical where nothing is predicted, and what it refuses."""

import copy
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from restorer_packages import LEVEL_DB, rule_package
from signals import cut, noise, tone
from tiny_packages import music, tiny_restorer_package

from rebounce import Board, TokenRestore
from rebounce.engine.audio import Audio, joined
from rebounce.engine.errors import ChainError, DeviceError, ModelError, UsageError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.engine.resampling import Resampler
from rebounce.engine.token_models import open_token_models
from rebounce.engine.token_windows import WindowCutter, WindowGrid

RATE = 48_000
RATES = (8_000, 44_100, 48_000, 96_000, 192_000)
HOP, CONTEXT = 4_096, 512
MODES = ("residual", "transfer", "decode")
PIECE = np.concatenate([music(seed) for seed in range(3)], axis=1)[:, :40_001]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> str:
    """To this network every token is wrong."""
    return str(rule_package(tmp_path_factory.mktemp("all"), wrong=range(16), name="everything").folder)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """To this network every token is right."""
    return str(rule_package(tmp_path_factory.mktemp("none"), wrong=[], name="nothing").folder)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same to one that sees latents as they were before tokens were chosen."""
    return str(rule_package(tmp_path_factory.mktemp("still"), wrong=[], latents="encoded").folder)


@pytest.fixture(scope="module")
def random(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A U-Net of random weights."""
    return str(tiny_restorer_package(tmp_path_factory.mktemp("random")).folder)


def streamed(plugin: TokenRestore, audio: Audio, sizes: list[int], rate_hz: float = RATE) -> Audio:
    blocks = [plugin.process(block, rate_hz, reset=False) for block in cut(audio, sizes)]
    return joined([*blocks, plugin.flush()], len(audio))


# Length and blocks.


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("mode", MODES)
def test_as_many_frames_come_out_as_went_in(everything: str, mode: str, rate_hz: int) -> None:
    plugin = TokenRestore(model=everything, mode=mode)
    for frames in (0, 1, 2, 319, 4_097):
        for channels in (1, 2):
            assert plugin(PIECE[:channels, :frames], rate_hz).shape == (channels, frames)


@pytest.mark.parametrize("frames", [47_519, 48_001])
def test_a_second_more_or_less_keeps_its_length(everything: str, frames: int) -> None:
    assert TokenRestore(model=everything)(np.resize(PIECE, (2, frames)), RATE).shape == (2, frames)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", [[1, 0, 977], [319], [8_192], [33_333, 5]])
def test_the_block_size_does_not_matter(random: str, mode: str, sizes: list[int]) -> None:
    plugin = TokenRestore(model=random, mode=mode, least_mask=0.2)
    whole = plugin(PIECE, RATE)
    assert streamed(plugin, PIECE, sizes).tobytes() == whole.tobytes()
    assert not np.array_equal(whole, PIECE)


@settings(max_examples=8, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=4),
    rate_hz=st.sampled_from(RATES),
    source=st.sampled_from(["latents", "tokens"]),
    level=st.booleans(),
)
def test_nor_does_it_at_any_rate(everything: str, sizes: list[int], rate_hz: int, source: str, level: bool) -> None:
    plugin = TokenRestore(model=everything, source=source, level=level)
    piece = PIECE[:, :20_001]
    pieces = sizes if min(sizes) > 100 else [size + 100 for size in sizes]
    assert streamed(plugin, piece, pieces, rate_hz).tobytes() == plugin(piece, rate_hz).tobytes()


def test_one_frame_at_a_time_is_the_same_again(everything: str) -> None:
    plugin, piece = TokenRestore(model=everything), PIECE[:, :6_001]
    assert streamed(plugin, piece, [1]).tobytes() == plugin(piece, RATE).tobytes()


def test_a_caller_may_use_its_block_again(everything: str) -> None:
    plugin = TokenRestore(model=everything)
    block = np.empty((2, 700), dtype=np.float32)
    made = []
    for start in range(0, 14_000, 700):
        block[:] = PIECE[:, start : start + 700]
        made.append(plugin.process(block, RATE, reset=False))
        block[:] = 9.0
    assert joined([*made, plugin.flush()], 2).tobytes() == plugin(PIECE[:, :14_000], RATE).tobytes()


def test_two_pieces_in_turn_do_not_mix(everything: str) -> None:
    plugin = TokenRestore(model=everything)
    first, second = plugin.stream(RATE, 2), plugin.stream(RATE, 2)
    made: tuple[list[Audio], list[Audio]] = ([], [])
    other = PIECE[:, ::-1]
    for start in range(0, 40_001, 5_000):
        made[0].append(first.push(PIECE[:, start : start + 5_000]))
        made[1].append(second.push(other[:, start : start + 5_000]))
    for run, blocks, piece in zip((first, second), made, (PIECE, other), strict=True):
        assert joined([*blocks, run.finish()], 2).tobytes() == plugin(piece, RATE).tobytes()


def test_memory_does_not_grow_with_the_length(everything: str) -> None:
    def peak_bytes(blocks: int) -> int:
        run = TokenRestore(model=everything).stream(44_100, 2)
        block = noise(8_192)
        tracemalloc.start()
        for _ in range(blocks):
            run.push(block)
        run.finish()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(4)
    assert peak_bytes(100) < 1.3 * peak_bytes(25)


# What is left alone.


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("mode", ["residual", "transfer"])
@pytest.mark.parametrize("source", ["latents", "tokens"])
@pytest.mark.parametrize("seen", ["codes", "encoded"])
def test_equal_tokens_and_latents_return_the_input_bit_identical(
    nothing: str, still: str, mode: str, source: str, seen: str, rate_hz: int
) -> None:
    plugin = TokenRestore(model=still if seen == "encoded" else nothing, mode=mode, source=source)
    piece = PIECE.copy()
    piece[:, 100:200] = -0.0
    assert plugin(piece, rate_hz).tobytes() == piece.tobytes()
    of_latents = "the network is sure of no repair: none comes to 0.25 of the latents' level"
    (said,) = plugin.notes()
    assert said.startswith(of_latents if source == "latents" else "the network found nothing to repair")


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
@pytest.mark.parametrize("weight", ["coherence", "known-error", "none"])
def test_the_parts_where_nothing_is_predicted_keep_their_samples(tmp_path: Path, weight: str, rate_hz: int) -> None:
    calm = tone(110, 30_000, rate_hz)
    piece = np.concatenate([calm, noise(20_000, level=0.3), calm], axis=1)
    harmless = set(first_codes(rule_package(tmp_path / "any", wrong=[]), calm, rate_hz).ravel().tolist())
    package = rule_package(tmp_path / "rule", wrong=set(range(16)) - harmless)
    is_hit = np.isin(first_codes(package, piece, rate_hz), list(harmless), invert=True).any(axis=1)
    restored = TokenRestore(model=str(package.folder), source="tokens", weight=weight)(piece, rate_hz)
    is_changed = (restored != piece).any(axis=0)
    # The fade into a neighbour's hop, and the reach of the filter on the way back from the model's rate.
    margin = 64 if rate_hz == RATE else 64 + 170 + 2 * 256
    for index in np.flatnonzero(~is_hit):
        begin, end = (round(frame * rate_hz / RATE) for frame in (index * HOP + margin, (index + 1) * HOP - margin))
        assert not is_changed[begin:end].any()
        assert restored[:, begin:end].tobytes() == piece[:, begin:end].tobytes()
    assert 3 < is_hit.sum() < 12
    assert is_changed.sum() > HOP


def first_codes(package: ModelPackage, audio: Audio, rate_hz: int) -> np.ndarray:
    """The codes of the first codebook in each window: `(windows, tokens)`."""
    resampler = Resampler(rate_hz, RATE, 2)
    audio = joined([resampler.push(audio), resampler.finish()], 2)
    codec = open_token_models(package, "cpu").codec
    cutter = WindowCutter(WindowGrid(window_frames=5_120, hop_frames=HOP, context_frames=CONTEXT), 2)
    windows = [*cutter.push(audio), *cutter.finish()]
    scaled = np.stack([window.audio / np.float32(codec.window_scale(window.own)) for window in windows])
    return codec.quantise(codec.encode(scaled))[:, 0]


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_at_other_rates_too_a_piece_is_untouched_away_from_what_is_repaired(everything: str, rate_hz: int) -> None:
    """Silence is never repaired, and so nothing may leak into it further than windows and filters reach."""
    piece = np.zeros((2, 120_000), dtype=np.float32)
    piece[:, 50_000:60_000] = PIECE[:, :10_000]
    restored = TokenRestore(model=everything, weight="none")(piece, rate_hz)
    reach = (5_120 + 600) * rate_hz // RATE
    assert restored[:, 50_000:60_000].tobytes() != piece[:, 50_000:60_000].tobytes()
    assert not restored[:, : 50_000 - reach].any()
    assert not restored[:, 60_000 + reach :].any()


def test_strength_0_is_the_input_and_needs_no_model() -> None:
    plugin = TokenRestore(model="no such model", strength=0.0)
    assert plugin(PIECE, RATE).tobytes() == PIECE.tobytes()
    assert (plugin.model_id(), plugin.device_used(), plugin.latency_frames) == (None, None, 0)


@pytest.mark.parametrize("mode", MODES)
def test_strength_scales_what_is_done(everything: str, mode: str) -> None:
    full = TokenRestore(model=everything, mode=mode)(PIECE, RATE) - PIECE
    half = TokenRestore(model=everything, mode=mode, strength=0.5)(PIECE, RATE) - PIECE
    assert np.abs(half - full / 2).max() < 1e-6


# What is done.


def test_the_highest_octave_of_a_faster_file_is_its_own(everything: str) -> None:
    """Above what the model hears, nothing is taken away, as the piece itself is never resampled."""
    piece = PIECE + tone(40_000, PIECE.shape[1], 96_000, level=0.1)
    for mode in ("residual", "transfer"):
        change = TokenRestore(model=everything, mode=mode, weight="none")(piece, 96_000) - piece
        spectrum = np.abs(np.fft.rfft(change[0] * np.hanning(change.shape[1])))
        above = spectrum[int(24_500 / 96_000 * 2 * spectrum.size) :]
        assert above.max() < 1e-4 * spectrum.max()


def test_a_mono_file_is_the_mean_of_its_two_doubled_sides(everything: str) -> None:
    plugin = TokenRestore(model=everything)
    mono = PIECE[:1]
    both = plugin(np.repeat(mono, 2, axis=0), RATE)
    assert np.abs(plugin(mono, RATE) - both.mean(axis=0)).max() < 1e-6


def test_the_level_that_is_proposed_is_applied_only_when_asked_for(everything: str, nothing: str) -> None:
    plain, louder = (TokenRestore(model=everything, level=level) for level in (False, True))
    gain = np.float32(10 ** (LEVEL_DB / 20))
    assert np.abs(louder(PIECE, RATE) - gain * plain(PIECE, RATE)).max() < 1e-5
    assert louder.notes()[-1] == "level changed by +1.5 to +1.5 dB"
    assert len(plain.notes()) == 1
    half = TokenRestore(model=nothing, level=True, strength=0.5)
    begun = np.concatenate([np.zeros((2, 3 * HOP), dtype=np.float32), PIECE], axis=1)
    assert np.abs(half(PIECE, 44_100) - gain**0.5 * PIECE).max() < 1e-6
    half(begun, RATE)
    assert half.notes()[-1] == "level changed by +0.0 to +0.8 dB"


def test_louder_in_is_louder_out(everything: str) -> None:
    plugin = TokenRestore(model=everything)
    assert np.abs(plugin(np.float32(0.25) * PIECE, RATE) - np.float32(0.25) * plugin(PIECE, RATE)).max() < 1e-5


def test_where_windows_meet_there_is_no_jump(everything: str) -> None:
    """The change where one window gives way to the next is as smooth as within a window."""
    piece = tone(55, 60_000, RATE)
    change = (TokenRestore(model=everything, weight="none")(piece, RATE) - piece)[0]
    steps = np.abs(np.diff(change, 2))
    meetings = np.arange(HOP, 60_000 - HOP, HOP)
    at_meetings = [steps[place - 80 : place + 80].max() for place in meetings]
    within = [steps[place + HOP // 2 - 80 : place + HOP // 2 + 80].max() for place in meetings]
    assert np.median(at_meetings) < 1.5 * np.median(within)


# What it says of itself.


def test_it_says_what_it_did_with_which_model_on_which_device(everything: str) -> None:
    plugin = TokenRestore(model=everything, device="cpu")
    plugin(PIECE, RATE)
    assert plugin.notes() == ["10 of 10 windows were repaired"]
    assert plugin.device_used() == "cpu"
    assert plugin.model_id() == plugin.package.id
    assert str(plugin.model_id()).startswith("everything@")
    assert plugin.latency_frames == CONTEXT


def test_it_is_saved_and_loaded_without_its_models(everything: str, tmp_path: Path) -> None:
    plugin = TokenRestore(model=everything, mode="transfer", strength=0.5, least_mask=0.25)
    plugin(PIECE, RATE)
    assert TokenRestore.from_dict(plugin.to_dict()).to_dict() == plugin.to_dict()
    assert set(plugin.to_dict()) == {"plugin", *plugin.parameters()}
    Board([plugin]).save(tmp_path / "chain.toml")
    again = load_preset(tmp_path / "chain.toml")
    assert again(PIECE, RATE).tobytes() == plugin(PIECE, RATE).tobytes()


def test_a_plugin_that_has_run_can_still_be_copied_and_pickled(everything: str) -> None:
    plugin = TokenRestore(model=everything, device="cpu")
    restored = plugin(PIECE, RATE)
    for again in (pickle.loads(pickle.dumps(plugin)), copy.deepcopy(plugin)):
        assert again(PIECE, RATE).tobytes() == restored.tobytes()
        assert again.device_used() == "cpu"


def test_what_identifies_a_result_is_the_package_and_not_its_place_or_the_device(
    everything: str, nothing: str, tmp_path: Path
) -> None:
    def identity(**parameters: str) -> str:
        return preset_hash(Board([TokenRestore(**parameters)]), {})  # type: ignore[arg-type]

    moved = str(rule_package(tmp_path / "moved", wrong=range(16), name="everything").folder)
    assert identity(model=everything) == identity(model=moved) == identity(model=everything, device="cpu")
    assert identity(model=everything) != identity(model=nothing)
    assert identity(model=everything) != identity(model=everything, mode="decode")


def test_a_board_tells_of_the_models_in_it(everything: str, nothing: str) -> None:
    board = Board(
        [TokenRestore(model=everything), Board([TokenRestore(model=nothing), TokenRestore(model=everything)])]
    )
    assert board.device_used() is None
    board(PIECE, RATE)
    everything_id, nothing_id = (TokenRestore(model=model).model_id() for model in (everything, nothing))
    assert board.model_id() == f"{everything_id}, {nothing_id}"
    assert board.device_used() == "cpu"
    assert Board([]).model_id() is None
    assert board.at_strength(0).model_id() is None


def test_the_preset_runs_the_bundled_model() -> None:
    (plugin,) = load_preset("token-restore")
    assert (type(plugin), plugin.model, plugin.device) == (TokenRestore, "light", "auto")


def test_another_model_is_looked_up_when_the_name_changes(everything: str, nothing: str) -> None:
    plugin = TokenRestore(model=everything)
    first = plugin.model_id()
    plugin.model = nothing
    assert plugin.model_id() != first


# What it refuses.


def test_more_than_two_channels_are_refused(everything: str) -> None:
    with pytest.raises(UsageError, match="TokenRestore: expected at most 2 channels, got 3"):
        TokenRestore(model=everything)(noise(100, channels=3), RATE)


def test_a_model_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ModelError, match=r"'no such model'.*bundled"):
        TokenRestore(model="no such model")(PIECE, RATE)


def test_a_gpu_that_is_not_there_is_refused(everything: str) -> None:
    with pytest.raises(DeviceError, match="--device cuda:9"):
        TokenRestore(model=everything, device="cuda:9").prepare()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mode": "residul"}, "expected one of residual, transfer, decode; did you mean 'residual'"),
        ({"source": "audio"}, "expected one of latents, tokens"),
        ({"weight": 1}, "expected one of coherence, known-error, none"),
        ({"device": "gpu"}, "device = 'gpu', expected auto, cpu, cuda or cuda:N"),
        ({"model": ""}, "model = '', expected the name of a model, or its folder"),
        ({"least_mask": 1.5}, "expected a number from 0 to 1"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ChainError, match=message):
        TokenRestore(**parameters)  # type: ignore[arg-type]
