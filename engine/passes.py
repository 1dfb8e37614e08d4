"""How a piece of audio goes through a chain: once, or once more for every plugin that must see the whole of it first.

A plugin that needs an analysis looks at what the plugins before it put out. That output is kept in a spool while the
plugin looks, and read back from there, so that nothing is computed twice and memory does not grow with the length of
the file.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from rebounce.engine.audio import Audio, check_numbers, is_one_shot
from rebounce.engine.errors import PluginError, UsageError
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import Run


class Spool(Protocol):
    """Keeps the blocks of one pass: write them, then read them as often as wanted."""

    def write(self, block: Audio) -> None: ...

    def __iter__(self) -> Iterator[Audio]: ...

    def discard(self) -> None: ...


@runtime_checkable
class Treats(Protocol):
    """A plugin that looks at a piece and makes its result on the way."""

    def treat(
        self, source: Iterable[Audio], sample_rate_hz: float, channels: int, new_spool: Callable[[], Spool]
    ) -> Spool | None:
        """The spool that holds the result; None where nothing is to be changed."""


class MemorySpool:
    """A spool for audio that is in memory anyway."""

    def __init__(self) -> None:
        self._blocks: list[Audio] = []

    def write(self, block: Audio) -> None:
        self._blocks.append(block)

    def __iter__(self) -> Iterator[Audio]:
        return iter(self._blocks)

    def discard(self) -> None:
        self._blocks.clear()


class ChainRun:
    """The runs of a chain as one run; it refuses samples that are not numbers and says who made them."""

    def __init__(self, stages: Sequence[Plugin], sample_rate_hz: float, channels: int) -> None:
        self._names = [stage.name for stage in stages]
        self._runs: list[Run] = [stage.stream(sample_rate_hz, channels) for stage in stages]
        self._channels = channels

    def push(self, audio: Audio) -> Audio:
        return self._through(audio, first=0)

    def finish(self) -> Audio:
        blocks = []
        for index, run in enumerate(self._runs):
            rest = checked(run.finish(), self._names[index])
            blocks.append(self._through(rest, first=index + 1))
        return np.concatenate(blocks, axis=1) if blocks else np.zeros((self._channels, 0), dtype=np.float32)

    def _through(self, audio: Audio, first: int) -> Audio:
        for index in range(first, len(self._runs)):
            audio = checked(self._runs[index].push(audio), self._names[index])
        return audio


def checked(block: Audio, name: str) -> Audio:
    """The block, or an error that names the plugin whose samples are no numbers."""
    try:
        return check_numbers(block)
    except UsageError as problem:
        raise PluginError(
            f"{name}: expected numbers, got NaN or infinity; one of its parameters does not suit this sample rate "
            "(a filter above half of it, say) - correct it or take the plugin out of the chain"
        ) from problem


def run_through(
    stages: Sequence[Plugin], source: Iterable[Audio], sample_rate_hz: float, channels: int
) -> Iterator[Audio]:
    """Every block that comes out of the stages, the rest included."""
    run = ChainRun(stages, sample_rate_hz, channels)
    for block in source:
        yield run.push(block)
    yield run.finish()


def settle(
    stages: Sequence[Plugin],
    source: Iterable[Audio],
    sample_rate_hz: float,
    channels: int,
    new_spool: Callable[[], Spool],
) -> tuple[list[Plugin], Iterable[Audio]]:
    """Let every stage that must see the whole file see it; return the stages still to run and what they run on.

    `source` must be one that can be walked again, as the passes need it.
    """
    settling = _Settling(source, sample_rate_hz, channels, new_spool)
    for stage in stages:
        if not stage.wants_analysis():
            settling.waiting.append(stage)
        elif isinstance(stage, Treats):
            settling.treat(stage)
        else:
            settling.show(stage)
    return settling.waiting, settling.source


class _Settling:
    """What is run so far: the stages that wait to be run on `source`, which is a spool once there had to be one."""

    def __init__(
        self, source: Iterable[Audio], sample_rate_hz: float, channels: int, new_spool: Callable[[], Spool]
    ) -> None:
        self._rate = sample_rate_hz
        self._channels = channels
        self._new_spool = new_spool
        self._spool: Spool | None = None
        self.source = source
        self.waiting: list[Plugin] = []

    def show(self, stage: Plugin) -> None:
        """Let a stage see what those before it put out; it waits to be run then."""
        if self.waiting:
            tee = _Tee(self._through_waiting(), self._new_spool())
            stage.look(tee, self._rate)
            tee.drain()
            self._go_on_with(tee.spool)
        else:
            stage.look(self.source, self._rate)
        self.waiting.append(stage)

    def treat(self, stage: Treats) -> None:
        """Let a stage make its result of what those before it put out."""
        if self.waiting:
            spool = self._new_spool()
            for block in self._through_waiting():
                spool.write(block)
            self._go_on_with(spool)
        treated = stage.treat(self.source, self._rate, self._channels, self._new_spool)
        if treated is not None:
            self._go_on_with(treated)

    def _through_waiting(self) -> Iterator[Audio]:
        return run_through(self.waiting, self.source, self._rate, self._channels)

    def _go_on_with(self, spool: Spool) -> None:
        if self._spool is not None:
            self._spool.discard()
        self.source, self._spool, self.waiting = spool, spool, []


class _Tee:
    """Blocks that are written to a spool as they are first walked over, and read from it ever after."""

    def __init__(self, blocks: Iterator[Audio], spool: Spool) -> None:
        assert is_one_shot(blocks)
        self._blocks = blocks
        self._is_drained = False
        self.spool = spool

    def __iter__(self) -> Iterator[Audio]:
        if self._is_drained:
            yield from self.spool
            return
        yield from self._spooling()

    def drain(self) -> None:
        """Walk over what is left, so that the spool holds everything."""
        for _ in self._spooling():
            pass

    def _spooling(self) -> Iterator[Audio]:
        for block in self._blocks:
            self.spool.write(block)
            yield block
        self._is_drained = True
