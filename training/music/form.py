"""The form of a piece: which section comes when."""

from dataclasses import dataclass

from rebounce.training.music.style import Form, Style

BARS_PER_CYCLE = 18
"""Beyond this many bars the middle of the form comes round again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stretch of bars that plays one scene of the style."""

    name: str
    first_bar: int
    bars: int


def plan_form(style: Style, form: Form, bars: int) -> tuple[Section, ...]:
    """Sections that fill exactly `bars`, each as long as its scene's weight asks, none empty."""
    cycles = max(1, round(bars / BARS_PER_CYCLE))
    names = [*form.opening, *(form.cycle * cycles), *form.closing]
    if len(names) > bars:
        # A piece too short for its whole form keeps the middle, where everything plays sooner or later.
        names = list(form.cycle)[:bars]
    lengths = _shared_out(bars, [style.scenes[name].weight for name in names])
    sections, first = [], 0
    for name, length in zip(names, lengths, strict=True):
        sections.append(Section(name=name, first_bar=first, bars=length))
        first += length
    return tuple(sections)


def _shared_out(total: int, weights: list[float]) -> list[int]:
    """Whole shares of `total` in proportion to the weights, at least one each."""
    exact = [weight * total / sum(weights) for weight in weights]
    shares = [max(1, int(share)) for share in exact]
    while sum(shares) < total:
        neediest = max(range(len(shares)), key=lambda i: exact[i] - shares[i])
        shares[neediest] += 1
    while sum(shares) > total:
        richest = max((i for i in range(len(shares)) if shares[i] > 1), key=lambda i: shares[i] - exact[i])
        shares[richest] -= 1
    return shares
