"""Windows in, what repairs them out: encode, ask the network, decode twice, and compare the two decodes.

Always true here: a window's repair depends on nothing but the window; where the network, or the gate, leaves a window's
tokens and latents as they are, nothing is decoded and the repair is exactly zero.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.codec_models import Codes, Latents
from rebounce.engine.errors import ModelError
from rebounce.engine.repair_modes import residual, transfer_change
from rebounce.engine.token_gate import Gate, Heard, Proposal
from rebounce.engine.token_models import TokenModels
from rebounce.engine.token_windows import Window
from rebounce.engine.window_sessions import thread_count

MOST_LEVEL_DB = 12.0
LEAST_LEVEL_DB = 0.1
"""A smaller change of level is nobody's intention, and is not made."""

Make = Callable[[Audio, Audio, Audio, str], Audio]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """What `make` makes of a window, its two decodes and the name of a weight is added to the input, or replaces it."""

    make: Make
    replaces: bool = False


MODES = {
    "residual": Mode(make=residual),
    "transfer": Mode(
        make=lambda x, decoded_input, decoded_restored, weight: transfer_change(x, decoded_input, decoded_restored)
    ),
    "decode": Mode(make=lambda x, decoded_input, decoded_restored, weight: decoded_restored, replaces=True),
}

SOURCES = ("latents", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPlan:
    """How windows are repaired, by the names in `MODES`, `SOURCES` and `WEIGHTS`."""

    mode: str
    source: str
    weight: str
    gate: Gate

    @property
    def replaces(self) -> bool:
        """True where what is made stands in the input's place, and is not added to it."""
        return MODES[self.mode].replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Repairs:
    """What was made of windows: `audio` `(windows, channels, window_frames)`, `level_db` and `is_changed` of each."""

    audio: NDArray[np.float32]
    level_db: NDArray[np.float32]
    is_changed: NDArray[np.bool_]


class TokenRepair:
    """One way to repair windows, with one package's models."""

    def __init__(self, models: TokenModels, plan: RepairPlan) -> None:
        self._models = models
        self._plan = plan

    def __call__(self, windows: Sequence[Window]) -> Repairs:
        """The repairs of windows whose audio is at the codec's rate."""
        codec = self._models.codec
        scales = [codec.window_scale(window.own) for window in windows]
        # At the floor there is silence, or what nobody hears. Scales are float32, which may round the floor up.
        floor = np.float32(codec.settings.scaling.floor)
        heard = [index for index, scale in enumerate(scales) if scale > floor]
        count = len(windows)
        repairs = Repairs(
            audio=np.zeros((count, *windows[0].audio.shape), dtype=np.float32),
            level_db=np.zeros(count, dtype=np.float32),
            is_changed=np.zeros(count, dtype=np.bool_),
        )
        if heard:
            audio = np.stack([windows[index].audio / np.float32(scales[index]) for index in heard])
            self._repair(audio, [windows[index] for index in heard], heard, repairs)
            repairs.audio[heard] *= np.array(scales, dtype=np.float32)[heard, np.newaxis, np.newaxis]
        return repairs

    def _repair(
        self, audio: NDArray[np.float32], windows: Sequence[Window], places: list[int], repairs: Repairs
    ) -> None:
        """Repair windows, whose audio was divided by their scales, each into its place."""
        codec = self._models.codec
        encoded = self._numbers(codec.encode(audio))
        codes = codec.quantise(encoded)
        seen = encoded if self._models.sees_encoded else codec.lookup(codes)
        proposal = self._models.propose(codes, seen)
        for chances in (proposal.mask, proposal.confidence):
            self._numbers(chances)
        latents, restored = self._before_and_after(codes, seen, proposal, self._is_heard(windows))
        is_changed = (restored != latents).any(axis=(1, 2))
        repairs.is_changed[places] = is_changed
        repairs.level_db[places] = _level_db(self._numbers(proposal.level_db))
        busy = np.flatnonzero(is_changed | self._plan.replaces)
        if busy.size:
            both = np.stack([latents[busy], restored[busy]], axis=1)
            decoded = codec.decode(both.reshape(-1, *latents.shape[1:])).reshape(busy.size, 2, *audio.shape[1:])
            made = _each_in_a_thread(self._made, audio[busy], decoded)
            repairs.audio[np.array(places)[busy]] = made

    def _is_heard(self, windows: Sequence[Window]) -> Heard:
        """In which tokens of each window the piece is."""
        settings = self._models.codec.settings
        firsts = np.arange(settings.window_tokens) * settings.framing.hop_frames
        lasts = firsts + settings.framing.hop_frames
        return np.stack([(lasts > window.first) & (firsts < window.end) for window in windows])

    def _before_and_after(
        self, codes: Codes, seen: Latents, proposal: Proposal, is_heard: Heard
    ) -> tuple[Latents, Latents]:
        """The input's latents, and what the network and the gate make of them."""
        if self._plan.source == "latents":
            return seen, self._plan.gate.latents(seen, proposal, is_heard)
        own = self._models.codec.lookup(codes) if self._models.sees_encoded else seen
        chosen = self._plan.gate.codes(codes, proposal)
        is_other = (chosen != codes).any(axis=(1, 2))
        restored = own.copy()
        if is_other.any():
            restored[is_other] = self._models.codec.lookup(chosen[is_other])
        return own, restored

    def _made(self, audio: Audio, decoded: NDArray[np.float32]) -> Audio:
        # Here, as what is set for a thread does not hold in those it starts.
        with np.errstate(all="ignore"):
            return self._numbers(MODES[self._plan.mode].make(audio, decoded[0], decoded[1], self._plan.weight))

    def _numbers(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values, or a ModelError: what is no number must not pass for a window in which nothing is wrong."""
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self._models.package_id}: expected numbers from its models, found NaN or infinity; "
                "use the package in fp32, or another model"
            )
        return values


def _level_db(proposed_db: NDArray[np.float32]) -> NDArray[np.float32]:
    level_db: NDArray[np.float32] = np.clip(proposed_db, -MOST_LEVEL_DB, MOST_LEVEL_DB)
    return np.where(np.abs(level_db) < LEAST_LEVEL_DB, np.float32(0), level_db)


def _each_in_a_thread(
    make: Callable[[Audio, NDArray[np.float32]], Audio], audio: NDArray[np.float32], decoded: NDArray[np.float32]
) -> list[Audio]:
    """Several windows at the same time: NumPy and SciPy let go of the interpreter while they compute."""
    with ThreadPoolExecutor(min(len(audio), thread_count(None))) as pool:
        return list(pool.map(make, audio, decoded))
