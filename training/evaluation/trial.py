"""One item: damaged, given to every system, scored. What comes back is numbers, so that memory stays bounded."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.codecs import opened
from rebounce.training.damage import Damage
from rebounce.training.evaluation.bench import DAMAGED, ORIGINAL, Bench
from rebounce.training.evaluation.coding import Coder, Encoded
from rebounce.training.evaluation.groups import CLEAN
from rebounce.training.evaluation.systems import Missing, Output, bounds, results
from rebounce.training.evaluation.token_scores import ItemTokens, item_tokens
from rebounce.training.exercise import Exercise, draw_item
from rebounce.training.scores.registry import SCORES
from rebounce.training.tracks import Pair, Track, make_pair

SMALLEST = 2.0**-149
"""The smallest number above 0 in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An item to be judged: a track, what it is drawn from, and the bench that it lies on."""

    track: Track
    group: str
    exercise: Exercise
    seed: int
    bench: Bench


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one system made of an item; a score that is undefined is None.

    `scores` is empty where there is no audio, and `message` says why: `is_failure` tells what went wrong from what does
    not exist. `change_dbfs` is the largest difference to the damaged input; None where not one sample differs.
    """

    scores: Mapping[str, float | None]
    change_dbfs: float | None = None
    message: str | None = None
    is_failure: bool = False

    @property
    def is_there(self) -> bool:
        """True when the system gave audio."""
        return self.message is None

    @property
    def is_unchanged(self) -> bool:
        """True when it gave the damaged input back bit by bit."""
        return self.is_there and self.change_dbfs is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An item with the outcome of every system, by name; `tokens` only with a codec that could encode it.

    `is_silent` where not one sample of the clean audio is anything but zero.
    """

    group: str
    track: Track
    seed: int
    start_s: float
    seconds: float
    damage: Damage
    outcomes: Mapping[str, Outcome]
    tokens: ItemTokens | None = None
    is_silent: bool = False


def measure(trial: Trial) -> Measured:
    """Make the item, let every system have it, and score what they give."""
    pair = pair_of(trial)
    coder = _coder(trial, pair)
    tokens: dict[str, Encoded | None] = {}
    outcomes = {}
    for name, output in outputs(trial, pair, coder):
        outcomes[name] = _outcome(output, pair, trial.bench.scores)
        if coder and not isinstance(output, Missing) and name in _answers(trial):
            # What came back as it was is not encoded again.
            tokens[name] = _tokens(coder, DAMAGED if outcomes[name].is_unchanged else name, output)
    clean = _tokens(coder, ORIGINAL, pair.clean) if coder else None
    return Measured(
        group=trial.group,
        track=trial.track,
        seed=trial.seed,
        start_s=pair.start_frame / pair.sample_rate_hz,
        seconds=pair.clean.shape[1] / pair.sample_rate_hz,
        damage=pair.damage,
        outcomes=outcomes,
        tokens=item_tokens(clean, tokens, coder.codec.codebook_size) if coder and clean else None,
        is_silent=not pair.clean.any(),
    )


def outputs(trial: Trial, pair: Pair, coder: Coder | None = None) -> Iterator[tuple[str, Output]]:
    """Every system's name with what it makes of the item, one at a time; where nothing is wrong there are no bounds.

    A `coder` given has their tokens at hand for more than this.
    """
    yield from results(pair, trial.bench)
    if trial.group != CLEAN:
        yield from bounds(trial.track, pair, coder or _coder(trial, pair))


def pair_of(trial: Trial) -> Pair:
    """The item's audio, clean and damaged: the same each time."""
    item = draw_item(trial.track.sha256, trial.exercise, trial.seed)
    return make_pair(trial.track, item, seconds=trial.bench.seconds)


def is_same(left: Audio, right: Audio) -> bool:
    """True when every bit is the same."""
    return left is right or left.tobytes() == right.tobytes()


def _coder(trial: Trial, pair: Pair) -> Coder | None:
    """None without a codec, and for the audit of clean audio, which asks for bits."""
    codec = trial.bench.codec
    return None if codec is None or trial.group == CLEAN else Coder(opened(codec), pair.sample_rate_hz)


def _answers(trial: Trial) -> set[str]:
    """The systems whose tokens are judged."""
    return {DAMAGED, *(preset.name for preset in trial.bench.presets)}


def _tokens(coder: Coder, name: str, audio: Audio) -> Encoded | None:
    """None for what the codec cannot encode, of which a preset may put out any; its audio is scored all the same."""
    try:
        with np.errstate(all="ignore"):
            return coder.tokens(name, audio)
    except Exception:
        return None


def _outcome(output: Output, pair: Pair, scores: tuple[str, ...]) -> Outcome:
    if isinstance(output, Missing):
        return Outcome(scores={}, message=output.message, is_failure=output.is_failure)
    values = {name: SCORES[name].function(pair.clean, output, pair.sample_rate_hz, pair.damaged) for name in scores}
    return Outcome(scores=values, change_dbfs=_change_dbfs(output, pair.damaged))


def _change_dbfs(output: Audio, damaged: Audio) -> float | None:
    """The largest difference of two samples; None where every bit is the same."""
    if is_same(output, damaged):
        return None
    # Where nothing but the sign of a zero differs there is a change, and no size of it.
    largest = max(float(np.abs(output - damaged).max(initial=0.0)), SMALLEST)
    return 20 * math.log10(largest)
