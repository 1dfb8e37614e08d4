"""What a restorer of tokens is worth training for: where the best oracle is clearly better than doing nothing.

An oracle knows the tokens of the clean audio, so that no restorer of tokens is better: what it does not win, training
does not win either. An oracle wins where it gains `LEAST_GAIN_DB` of SI-SDR, or takes away `LEAST_SHARE` of the
log-spectral distance without losing more than `MOST_LOSS_DB` of SI-SDR: a decode fills empty bands of the spectrum
with something, and is no repair where the waveform pays for it. From `ENOUGH_DB` on nothing is lost that is heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rebounce.training.evaluation.aggregate import Row
from rebounce.training.evaluation.bench import DAMAGED, ROUND_TRIP
from rebounce.training.evaluation.run import Evaluation, Section
from rebounce.training.evaluation.tables import Shown, Table
from rebounce.training.evaluation.token_oracles import WAYS
from rebounce.training.evaluation.wording import interval_text, number_text, percent
from rebounce.training.scores.confidence import Interval

LEAST_GAIN_DB = 1.0
LEAST_SHARE = 0.1
MOST_LOSS_DB = 0.2
ENOUGH_DB = 40.0

WAVEFORM, SPECTRUM = "si_sdr_db", "log_spectral_distance_db"
ORACLES = (ROUND_TRIP, *(way.name for way in WAYS))
"""What perfect tokens give; the round trip of the clean audio is what they give where they are decoded alone."""

ABOUT = (
    f"The best that perfect tokens give. Where that gains less than {LEAST_GAIN_DB:g} dB of SI-SDR over the damaged "
    f"input, and takes away less than {percent(LEAST_SHARE)} of the log-spectral distance (or loses more than "
    f"{MOST_LOSS_DB:g} dB of SI-SDR for it, where less than {ENOUGH_DB:g} dB are left), no restorer of this codec's "
    "tokens is worth training"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """One group's best oracle: what it gains in SI-SDR, and the share of the log-spectral distance it takes away.

    `margin` is how far that goes: 1 is just as far as it must.
    """

    group: str
    oracle: str
    gain_db: Interval
    distance_share: float
    margin: float

    @property
    def is_worth(self) -> bool:
        return self.margin >= 1


def worths_of(evaluation: Evaluation) -> list[Worth]:
    """A decision for each group that has one; none without a codec, or without the two scores that it is made of."""
    if not {WAVEFORM, SPECTRUM} <= set(evaluation.plan.bench.scores):
        return []
    found = (_best(section) for section in evaluation.sections)
    return [worth for worth in found if worth is not None]


def worth_line(worths: Sequence[Worth]) -> str:
    """`worth training for: echo, reverb; not: mp3`; empty without a decision."""
    told = ((True, "worth training for"), (False, "not"))
    names = [(title, [worth.group for worth in worths if worth.is_worth == answer]) for answer, title in told]
    return "; ".join(f"{title}: {', '.join(groups) or 'nothing'}" for title, groups in names) if worths else ""


def worth_table(evaluation: Evaluation) -> Table:
    """A row a group."""
    worths = worths_of(evaluation)
    return Table(
        title="What tokens can repair",
        about=ABOUT,
        head=("worth training", "SI-SDR gained, dB", "log-spectral distance taken away", "best oracle"),
        rows=tuple((worth.group, _cells(worth)) for worth in worths),
        notes=(worth_line(worths),) if worths else (),
    )


def _cells(worth: Worth) -> tuple[Shown, ...]:
    gain = Shown(value=number_text(worth.gain_db.mean, 2, "+"), interval=interval_text(worth.gain_db, 2, "+"))
    share = f"{number_text(100 * worth.distance_share, 0, '+')} %"
    texts = ("yes" if worth.is_worth else "no", share, worth.oracle.removeprefix("oracle: "))
    answer, distance, oracle = (Shown(value=text) for text in texts)
    return answer, gain, distance, oracle


def _best(section: Section) -> Worth | None:
    rows = {row.system: row for row in section.rows}
    found = [worth for name in ORACLES if name in rows and (worth := _worth(section, rows[name], rows[DAMAGED]))]
    return max(found, key=lambda worth: worth.margin, default=None)


def _worth(section: Section, row: Row, damaged: Row) -> Worth | None:
    gain, closer = row.cells[WAVEFORM].gain, row.cells[SPECTRUM].gain
    distance = damaged.cells[SPECTRUM].interval.mean
    if gain is None or closer is None or gain.interval.mean is None or closer.interval.mean is None or distance is None:
        return None
    share = closer.interval.mean / distance if distance > 0 else 0.0
    waveform = gain.interval.mean / LEAST_GAIN_DB
    reached = row.cells[WAVEFORM].interval.mean
    is_no_loss = gain.interval.mean >= -MOST_LOSS_DB or (reached is not None and reached >= ENOUGH_DB)
    return Worth(
        group=section.group.name,
        oracle=row.system,
        gain_db=gain.interval,
        distance_share=share,
        margin=max(waveform, share / LEAST_SHARE) if is_no_loss else waveform,
    )
