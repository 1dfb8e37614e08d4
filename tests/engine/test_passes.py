"""Several passes over one piece: each plugin sees what those before it put out, and nothing is computed twice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from doubles import Delay, MakesNan, Smooth, ToPeak
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import PluginError
from rebounce.engine.passes import ChainRun, MemorySpool, run_through, settle
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Kernel, Timing

RATE = 44_100


class Piece:
    """A piece that can be walked again, and counts how often it was."""

    def __init__(self, audio: Audio, sizes: list[int]) -> None:
        self.audio = audio
        self.sizes = sizes
        self.walks = 0

    def __iter__(self) -> Iterator[Audio]:
        self.walks += 1
        return cut(self.audio, self.sizes)


class CountedSpools:
    """Makes spools in memory and knows which were given back."""

    def __init__(self) -> None:
        self.made: list[CountedSpool] = []

    def __call__(self) -> MemorySpool:
        self.made.append(CountedSpool())
        return self.made[-1]


class CountedSpool(MemorySpool):
    """A spool that knows whether it was given back."""

    is_discarded = False

    def discard(self) -> None:
        super().discard()
        self.is_discarded = True


class Halve(Plugin):
    """Half the level; counts the frames it was given."""

    frames = 0

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        def halve(block: Audio) -> Audio:
            self.frames += block.shape[1]
            return block * np.float32(0.5)

        return halve

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=1, takes_many=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """The level of the first block."""

    peak: float


class LooksOnce(ToPeak):
    """Decides by the first block alone, and leaves the rest unread."""

    analysis_type = Glimpse  # type: ignore[assignment]

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Glimpse:  # type: ignore[override]
        return Glimpse(peak=float(np.abs(next(iter(blocks))).max()))


def restored(stages: list[Plugin], piece: Piece, spools: CountedSpools) -> Audio:
    waiting, source = settle(stages, piece, RATE, len(piece.audio), spools)
    return np.concatenate(list(run_through(waiting, source, RATE, len(piece.audio))), axis=1)


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=3), frames=st.integers(1, 20_000))
def test_each_analysis_sees_the_output_of_the_plugins_before_it(sizes: list[int], frames: int) -> None:
    audio = noise(frames)
    stages: list[Plugin] = [ToPeak(level=0.8), Delay(frames=41), Halve(), ToPeak(level=0.3), Halve()]
    out = restored(stages, Piece(audio, sizes), CountedSpools())
    assert out.shape == audio.shape
    np.testing.assert_allclose(out, audio * (0.15 / np.abs(audio).max()), rtol=1e-5, atol=1e-9)


def test_nothing_is_computed_twice_and_a_spool_is_given_back_as_soon_as_the_next_is_whole() -> None:
    halves = [Halve(), Halve(), Halve()]
    piece, spools = Piece(noise(30_000), [4096]), CountedSpools()
    restored([halves[0], ToPeak(), halves[1], ToPeak(), halves[2]], piece, spools)
    assert [half.frames for half in halves] == [30_000] * 3
    assert piece.walks == 1
    assert [spool.is_discarded for spool in spools.made] == [True, False]


def test_a_first_plugin_that_looks_needs_no_spool() -> None:
    piece, spools = Piece(noise(10_000), [1000]), CountedSpools()
    restored([ToPeak(), Smooth()], piece, spools)
    assert (spools.made, piece.walks) == ([], 2)


def test_a_plugin_that_stops_looking_early_does_not_cost_the_rest_of_the_file() -> None:
    audio = noise(10_000)
    out = restored([Halve(), LooksOnce(level=0.25)], Piece(audio, [1000]), CountedSpools())
    np.testing.assert_allclose(out, audio * (0.25 / np.abs(audio[:, :1000]).max()), rtol=1e-5)


def test_samples_that_are_no_numbers_name_their_plugin_in_mid_piece_and_in_the_tail() -> None:
    with pytest.raises(PluginError, match="MakesNan: expected numbers"):
        ChainRun([Halve(), MakesNan()], RATE, 2).push(noise(20_000))
    run = ChainRun([MakesNan(), Halve()], RATE, 2)
    assert run.push(noise(10)).shape == (2, 0)  # less than a block: the plugin has not been called yet
    with pytest.raises(PluginError, match="MakesNan: expected numbers"):
        run.finish()


def test_no_stages_and_no_frames_give_nothing_back_but_what_went_in() -> None:
    audio = noise(100)
    assert np.array_equal(np.concatenate(list(run_through([], [audio], RATE, 2)), axis=1), audio)
    assert np.concatenate(list(run_through([Delay()], [audio[:, :0]], RATE, 2)), axis=1).shape == (2, 0)
