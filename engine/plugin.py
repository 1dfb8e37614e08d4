"""What every rebounce plugin is: pedalboard's calling shape, and exact streaming beside it.

plugin(audio, sample_rate)                          the whole piece at once, same shape out
plugin.process(block, sample_rate, reset=False)     block after block: what is ready comes back ...
plugin.flush()                                      ... and the rest here, exactly as many frames as went in
"""

import math
from abc import ABCMeta
from collections.abc import Callable, Iterable
from dataclasses import MISSING, asdict, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args, get_origin, get_type_hints

import numpy as np

from rebounce.engine.audio import Audio, as_audio, check_numbers, joined
from rebounce.engine.errors import ChainError, NotAnalysed, PluginError, UsageError
from rebounce.engine.parameters import Spec, Value, specs_of, unknown_name
from rebounce.engine.repair.scope import EVERYWHERE, Scope
from rebounce.engine.stream import Kernel, Run, Stream, Timing

if TYPE_CHECKING:
    from rebounce.engine.inspection.finding import Finding

LOWEST_RATE_HZ = 8_000
HIGHEST_RATE_HZ = 192_000


class _Sealing(ABCMeta):
    """Seals each plugin once it is built, so that a misspelt attribute is an error and not a setting without effect."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        plugin = super().__call__(*args, **kwargs)
        plugin.__dict__["_is_sealed"] = True
        return plugin


class Plugin(metaclass=_Sealing):
    """Base of our plugins: a subclass gives `timing` and `kernel`, and `measure` where it must see the whole file."""

    needs_analysis: ClassVar[bool] = False
    analysis_type: ClassVar[type[Any] | None] = None
    max_channels: ClassVar[int | None] = None
    runs_model: ClassVar[bool] = False

    def __init__(self, **parameters: Value) -> None:
        self._values: dict[str, Any] = {}
        self._stream: Run | None = None
        self._stream_shape: tuple[float, int] | None = None
        self.analysis: Any = None
        self._is_pinned = False
        specs = specs_of(type(self))
        for name, value in parameters.items():
            if name not in specs:
                raise unknown_name(self.name, name, list(specs))
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and "_is_sealed" in self.__dict__ and not hasattr(self, name):
            raise unknown_name(self.name, name, list(self.parameters()))
        super().__setattr__(name, value)

    # What a plugin gives.

    def timing(self, sample_rate_hz: float) -> Timing:
        """How this plugin wants its audio cut."""
        return Timing(takes_many=True)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        """A fresh kernel for one run."""
        raise PluginError(f"{self.name}: expected a kernel, found none; a plugin overrides kernel(), or stream()")

    def measure(self, blocks: Iterable[Audio], sample_rate_hz: float) -> Any:
        """See the whole file and return the frozen result; only where `needs_analysis` is True."""
        raise PluginError(f"{self.name}: expected an analysis, found none; a plugin that needs one overrides measure()")

    def is_identity(self) -> bool:
        """True when the output is provably the input."""
        return self._values.get("strength") == 0

    def notes(self) -> list[str]:
        """Plain sentences for the record about what was done."""
        return []

    def findings(self) -> "list[Finding] | None":
        """What an analysis of faults found in the last piece; None where none ran."""
        return None

    def scope(self, sample_rate_hz: float) -> Scope:
        """Where it may change anything at all."""
        return EVERYWHERE

    def model_id(self) -> str | None:
        """`name@hash` of the model package that a run uses; None where none does."""
        return None

    def device_used(self) -> str | None:
        """Where the model of the last run really ran, "cpu" or "cuda:0"; None where none did."""
        return None

    # What a caller uses.

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def latency_frames(self) -> int:
        """Frames of input an output frame waits for, at the rate of the current run (48 kHz before the first)."""
        rate = self._stream_shape[0] if self._stream_shape else 48_000.0
        return 0 if self.is_identity() else self.timing(rate).lookahead_frames

    def parameters(self) -> dict[str, Spec]:
        """The parameters and what each takes."""
        return specs_of(type(self))

    def analyse(self, blocks: Iterable[Any], sample_rate: float | None = None) -> None:
        """Look at the whole file before streaming it; the result stays until it is replaced, and is in `to_dict`."""
        self.look(blocks, sample_rate)
        self.keep_analysis()

    def look(self, blocks: Iterable[Any], sample_rate: float | None = None) -> None:
        """`analyse`, for one run only: the next whole-file call looks again."""
        rate = sample_rate or getattr(blocks, "sample_rate_hz", None)
        if rate is None:
            raise UsageError(
                f"{self.name}.analyse: expected a sample rate beside the blocks; call analyse(blocks, sample_rate)"
            )
        if self.needs_analysis:
            self.analysis = self.measure(blocks, check_rate(rate))

    def keep_analysis(self) -> None:
        """Let no later run replace the analysis there is."""
        self._is_pinned = self.analysis is not None

    def wants_analysis(self) -> bool:
        """True when a run must look at the whole file first: it needs to, and nobody pinned a result."""
        return self.needs_analysis and not self._is_pinned and not self.is_identity()

    def process(self, audio: Any, sample_rate: float, buffer_size: int = 8192, reset: bool = True) -> Audio:
        """Process audio `(channels, frames)`.

        With `reset` the piece is whole: the same shape comes back. Without, it is the next block: what is ready comes
        back, and `flush` returns the rest. A piece that broke with an error is forgotten, and the next block begins
        another. `buffer_size` is taken as pedalboard takes it and changes nothing.
        """
        block = check_numbers(as_audio(audio))
        rate = check_rate(sample_rate)
        if buffer_size < 1:
            raise UsageError(f"{self.name}: buffer_size = {buffer_size}, expected at least 1")
        if reset:
            self.reset()
            made = self.process_whole(block, rate)
        else:
            made = self._unless_broken(self._stream_for(rate, block.shape[0]).push, block)
        # The caller may change what it gets without changing what it gave.
        own = made.copy() if np.may_share_memory(made, block) else made
        return own[0] if np.ndim(audio) == 1 else own

    __call__ = process

    def process_whole(self, audio: Audio, sample_rate_hz: float) -> Audio:
        """The whole piece at once, its analysis included."""
        if self.wants_analysis():
            self.look([audio], sample_rate_hz)
        run = self.stream(sample_rate_hz, audio.shape[0])
        return joined([run.push(audio), run.finish()], audio.shape[0])

    def flush(self) -> Audio:
        """Everything still held back; the plugin is ready for the next piece afterwards."""
        channels = self._stream_shape[1] if self._stream_shape else 1
        rest = self._unless_broken(self._stream.finish) if self._stream else np.zeros((channels, 0), dtype=np.float32)
        self.reset()
        return rest

    def _unless_broken(self, step: Callable[..., Audio], *blocks: Audio) -> Audio:
        """One step of the current run; after an error there is no telling what the run still holds."""
        try:
            return step(*blocks)
        except BaseException:
            self.reset()
            raise

    def reset(self) -> None:
        """Forget the current run."""
        self._stream = None

    def stream(self, sample_rate_hz: float, channels: int) -> Run:
        """A run of its own over one piece of audio."""
        if self.max_channels is not None and channels > self.max_channels:
            raise UsageError(
                f"{self.name}: expected at most {self.max_channels} channels, got {channels}; "
                "take it out of the chain, or split the file"
            )
        if self.is_identity():
            return Stream(lambda block: block, Timing(block_frames=1, takes_many=True), channels, self.name)
        if self.needs_analysis and self.analysis is None:
            self._refuse_unseen()
        return Stream(self.kernel(sample_rate_hz, channels), self.timing(sample_rate_hz), channels, self.name)

    def _stream_for(self, rate: float, channels: int) -> Run:
        if self._stream is not None and self._stream_shape != (rate, channels):
            raise UsageError(
                f"{self.name}: the stream began with (sample rate, channels) = {self._stream_shape}, "
                f"this block has {(rate, channels)}; call reset() or flush() between pieces"
            )
        if self._stream is None:
            self._refuse_unseen()
            self._stream_shape = (rate, channels)
            self._stream = self.stream(rate, channels)
        return self._stream

    def _refuse_unseen(self) -> None:
        """What one file showed says nothing of the next: a stream needs an analysis that was asked for."""
        if self.wants_analysis():
            raise NotAnalysed(
                f"{self.name} must see the whole file before it is streamed: call analyse(blocks, sample_rate) first, "
                "or pass the whole piece at once with reset=True"
            )

    def at_strength(self, strength: float) -> "Plugin":
        """The same with its own strength scaled, a pinned analysis kept; or its dry signal mixed in if it has none."""
        if strength == 1:
            return self
        own = getattr(self, "strength", None)
        if own is None:
            from rebounce.engine.blend import Blend

            return Blend(self, strength)
        return type(self).from_dict(self.settings() | {"strength": own * strength})

    # How it is saved.

    def to_dict(self) -> dict[str, Any]:
        """Name, parameters and, if there is one, the analysis: what `from_dict` takes."""
        table: dict[str, Any] = {"plugin": self.name}
        table |= {name: value for name, value in self._values.items() if value is not None}
        if self.analysis is not None:
            table["analysis"] = {name: value for name, value in asdict(self.analysis).items() if value is not None}
        return table

    def settings(self) -> dict[str, Any]:
        """`to_dict` without what a run found out by itself: what the next file has in common with this one."""
        table = self.to_dict()
        if not self._is_pinned:
            table.pop("analysis", None)
        return table

    def identity(self) -> dict[str, Any]:
        """What two runs must have in common for equal results: the settings, and what they stand for."""
        return self.settings()

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Self:
        """The plugin that `to_dict` described."""
        rest = {name: value for name, value in table.items() if name not in ("plugin", "analysis")}
        known = specs_of(cls)
        for name in rest:
            if name not in known:
                raise unknown_name(cls.__name__, name, list(known))
        plugin = cls(**rest)
        if "analysis" in table:
            plugin.pin(table["analysis"])
        return plugin

    def pin(self, table: Any) -> None:
        """Take an analysis from its saved form."""
        if self.analysis_type is None:
            raise ChainError(f"{self.name}: found an analysis, but this plugin needs none; delete it")
        hints = get_type_hints(self.analysis_type)
        if not isinstance(table, dict) or not set(table) <= set(hints):
            raise ChainError(
                f"{self.name}: analysis = {table!r}, expected a table with {', '.join(sorted(hints))}; "
                "delete it to analyse afresh"
            )
        # What a chain of an earlier version does not know yet is as it was then.
        whole = (
            dict.fromkeys(hints)
            | _defaults(self.analysis_type)
            | {name: _as_tuple(value) for name, value in table.items()}
        )
        wrong = [name for name, value in whole.items() if not _fits(value, hints[name])]
        if wrong:
            raise ChainError(
                f"{self.name}: analysis: {wrong[0]} = {whole[wrong[0]]!r} is not what an analysis gives; "
                "delete the analysis to look at the file afresh"
            )
        self.analysis = self.analysis_type(**whole)
        self._is_pinned = True

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self._values.items())
        return f"{self.name}({inside})"


def check_rate(sample_rate: float) -> float:
    """The rate, or a UsageError when it lies outside what rebounce handles."""
    if not LOWEST_RATE_HZ <= sample_rate <= HIGHEST_RATE_HZ:
        raise UsageError(f"sample rate {sample_rate:g} Hz: expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
    return float(sample_rate)


def _defaults(kind: type[Any]) -> dict[str, Any]:
    return {field.name: field.default for field in fields(kind) if field.default is not MISSING}


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from a file is of the type that a field of an analysis has."""
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(item, get_args(hint)[0]) for item in value)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    kinds = get_args(hint)
    return any(_fits(value, kind) for kind in kinds) if kinds else isinstance(value, hint)
