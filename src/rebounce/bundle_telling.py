"""What `rebounce prepare` says: what there is to do, each bundle in a line or JSON object, and what came of it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.workers import Failure
from rebounce.progress import Say, say_plainly
from rebounce.training.prepare import Made, Task
from rebounce.training.tracks import Found

if TYPE_CHECKING:
    from rebounce.cli_prepare import Arguments


@dataclass(slots=True, kw_only=True)
class Telling:
    """What is said of the bundles, and how many of them came to what."""

    arguments: "Arguments"
    is_failed: bool
    counts: dict[str, int] = field(default_factory=lambda: {"made": 0, "kept": 0, "error": 0})
    told: set[str] = field(default_factory=set)
    say: Say = say_plainly

    def inputs(self, found: Found) -> None:
        """What is passed over: files that cannot be used, and copies, which are no failure."""
        for sentence in found.problems:
            if self.arguments.as_json:
                nothing = dict.fromkeys(("bundle", "track", "stage", "index"))
                self.say(json.dumps({**nothing, "status": "error", "error": sentence}))
            else:
                self.say(f"failed    {sentence}", err=True)
        for sentence in () if self.arguments.is_quiet else found.copies:
            self.say(f"copy      {sentence}", err=True)

    def start(self, tasks: Sequence[Task]) -> None:
        """What there is to do, and what is there already."""
        waiting = [task for task in tasks if not task.is_there]
        for task in () if self.arguments.is_quiet else waiting:
            if task.path.exists():
                self.say(f"replaced  {task.path}: damaged, or no bundle of this run; it is made again", err=True)
        for task in tasks:
            if task.is_there:
                self._one(task, "kept")
        if not (self.arguments.as_json or self.arguments.is_quiet):
            needed = spell_bytes(sum(task.most_bytes for task in waiting))
            free = spell_bytes(free_bytes(self.arguments.output))
            self.say(f"{len(waiting)} bundles to make, {self.counts['kept']} are there: {needed} needed, {free} free")

    def bundle(self, task: Task, result: Made | Failure) -> None:
        """One bundle that was made, or not."""
        if isinstance(result, Made):
            self._one(task, "made", bytes=result.bytes_written, seconds=round(result.seconds, 3))
            return
        self.is_failed = True
        path = str(task.track.path)
        sentence = result.message if path in result.message else f"{path}: {result.message}"
        self._one(task, "error", error=sentence)
        if not self.arguments.as_json and sentence not in self.told:
            # One bad master fails in every stage, and for the same reason.
            self.told.add(sentence)
            self.say(f"failed    {sentence}", err=True)

    def end(self) -> None:
        """What came of it all."""
        if self.arguments.as_json or self.arguments.is_quiet:
            return
        failed = f", {self.counts['error']} failed" if self.counts["error"] else ""
        self.say(f"{self.counts['made']} made, {self.counts['kept']} kept{failed}: {self.arguments.output}")

    def _one(self, task: Task, status: str, error: str | None = None, **numbers: float) -> None:
        self.counts[status] += 1
        if self.arguments.as_json:
            about = {"bundle": str(task.path), "track": str(task.track.path), "stage": task.stage, "index": task.index}
            self.say(json.dumps({**about, "status": status, "error": error, **numbers}))
        elif self.arguments.is_verbose and error is None:
            size = f" ({spell_bytes(int(numbers['bytes']))}, {numbers['seconds']:.1f} s)" if numbers else ""
            self.say(f"{status:9} {task.path}{size}")


def free_bytes(folder: Path) -> int:
    """The room on the disk of a folder that may not be there yet."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def spell_seconds(seconds: float) -> str:
    """For people: in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
