"""The two sides of a bounce as the page shows them: their files, their pictures, and how they are played."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.layout import Layout
from rebounce.watchers.web.darkroom import Darkroom
from rebounce.watchers.web.shelf import file_inside
from rebounce.watchers.web.views import View
from rebounce.watchers.web.whereabouts import original_of, result_of

BEFORE, AFTER = "before", "after"
PICTURES = ("wave", "spectrum")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The files of a bounce that are there. `key` stands for their content; `gone` says which should be there too."""

    before: Path | None
    after: Path | None
    key: str
    gone: str

    def file(self, side: str) -> Path | None:
        return {BEFORE: self.before, AFTER: self.after}.get(side)

    def to_dict(self) -> dict[str, str | None]:
        return {
            BEFORE: None if self.before is None else str(self.before),
            AFTER: None if self.after is None else str(self.after),
        }


def sides_of(layout: Layout, bounce: Bounce) -> Sides:
    """The sides of a bounce; where nothing was changed, or nothing came of it, there is one."""
    before = file_inside(layout, original_of(layout, bounce))
    after = None if bounce.state is State.FAILED else file_inside(layout, result_of(layout, bounce))
    if bounce.state is State.UNCHANGED:
        before, after = before or after, None
    digest = hashlib.blake2b(digest_size=12)
    for path in (before, after):
        status = None if path is None else path.stat()
        digest.update(repr(None if status is None else (str(path), status.st_size, status.st_mtime_ns)).encode())
    return Sides(before=before, after=after, key=digest.hexdigest(), gone=_gone(layout, bounce, before, after))


def _gone(layout: Layout, bounce: Bounce, before: Path | None, after: Path | None) -> str:
    """A sentence on what was there when the bounce was finished and is not any more; none where all of it is."""
    if before is None and after is None:
        return "Its files are not in the folder any more."
    if before is None and bounce.state is not State.UNCHANGED:
        return f"The original {_not_as_it_was(layout, bounce.source)}."
    if after is None and bounce.state is State.DONE:
        return f"The result {_not_as_it_was(layout, bounce.result)}."
    return ""


def _not_as_it_was(layout: Layout, path: str | None) -> str:
    return "is not in the folder any more" if file_inside(layout, path) is None else "was changed or replaced since"


def sights(sides: Sides, darkroom: Darkroom, address: str) -> View:
    """What there is to see and hear; `address` is that of the bounce."""
    if sides.before is None and sides.after is None:
        return {"state": "failed", "problem": sides.gone}
    made = darkroom.sights(sides.key, sides.to_dict())
    if made is None:
        return {"state": "making"}
    if made["problem"]:
        return {"state": "failed", "problem": _said(str(made["problem"]), sides)}
    named = f"{address}/{sides.key}"
    return {
        "state": "ready",
        "frequencies": made["frequencies"],
        "sides": {
            side: about
            | {"sound": f"{named}/{side}", "gone": sides.gone}
            | {picture: f"{named}/{side}-{picture}.png" for picture in PICTURES}
            for side, about in made["sides"].items()
        },
    }


def _said(problem: str, sides: Sides) -> str:
    """A sentence without the path that it begins with."""
    for path in (sides.before, sides.after):
        problem = problem.removeprefix(f"{path}: ")
    return problem
