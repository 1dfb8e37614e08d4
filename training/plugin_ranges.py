"""Whether a VST3 plugin has the parameters that a recipe draws, and takes both ends of their ranges.

The plugin itself is asked, since only it knows; a bundle is loaded once for that in a process.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rebounce.engine.errors import ChainError
from rebounce.engine.parameters import Spec, unknown_name
from rebounce.engine.vst3 import Vst3
from rebounce.training.faults.ranges import Value, is_range


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """The plugin's own name, and what each of its parameters takes."""

    name: str
    specs: Mapping[str, Spec]


def check_plugin_ranges(ranges: Mapping[str, Any]) -> None:
    """ChainError if the plugin of these ranges of the fault `vst3` does not load, or would refuse what is drawn."""
    takes = _takes(ranges["path"], ranges.get("plugin_name") or None)
    for name, given in ranges.get("parameters", {}).items():
        if name not in takes.specs:
            raise unknown_name(takes.name, name, list(takes.specs))
        spec = takes.specs[name]
        if is_range(given) and spec.words:
            raise ChainError(
                f"{takes.name}: {name} = {given!r} is a range, and it takes nothing between its words; "
                f"list those you want in quotes, expected {spec.describe()}"
            )
        for value in _ends(given):
            # A word may be written as a number; so the plugin's own check has it.
            is_word = not isinstance(value, bool) and str(value) in spec.words
            spec.check(takes.name, name, str(value) if is_word else value)


def _ends(given: Any) -> Iterator[Value]:
    yield from given if isinstance(given, list | tuple) else [given]


@cache
def _takes(path: str, plugin_name: str | None) -> Takes:
    plugin = Vst3(path, plugin_name=plugin_name)
    try:
        return Takes(name=plugin.name, specs=plugin.parameters())
    finally:
        plugin.close()
