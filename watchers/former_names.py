"""The names that the folders for results, originals and failures ever had: none of them is a place where bounces come.

What always holds: what was once put into one of our own folders is never restored again because they are called
otherwise now. The names lie in `.rebounce/names`, one a line; who wants to drop files into a folder of such a name
takes its line out.
"""

import contextlib
from dataclasses import replace

from rebounce.engine.errors import OutputError
from rebounce.engine.staging import Staged
from rebounce.watchers.layout import Layout

NAMES = "names"


def remembering(layout: Layout) -> Layout:
    """The layout with all names of before reserved; those of today are written down."""
    place = layout.private / NAMES
    try:
        before = [name for name in place.read_text(encoding="utf-8").splitlines() if name]
    except (OSError, ValueError):
        before = []
    now = [layout.restored, layout.done, layout.errors]
    new = [name for name in now if name not in before]
    if new:
        # A folder that cannot be written to is told of where it is opened.
        with contextlib.suppress(OSError, OutputError):
            layout.private.mkdir(exist_ok=True)
            with Staged(place, replaces=True) as staged:
                staged.file.write("".join(f"{name}\n" for name in [*before, *new]).encode())
                staged.publish()
    return replace(layout, former=tuple(name for name in before if name not in now))
