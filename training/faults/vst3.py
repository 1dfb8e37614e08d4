"""Any VST3 effect as a fault: its parameters are drawn, and the plugin runs in a process of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rebounce.engine.audio import Audio
from rebounce.engine.errors import RecipeError
from rebounce.engine.vst3 import Vst3
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick, Range, Table, Text


class Vst3Fault:
    """The plugin at `path`, with every parameter that `parameters` gives a range; what it says nothing of stays as the
    plugin has it. Each piece goes through a plugin that was just loaded: nothing is left over from the one before."""

    name = "vst3"
    about = "a VST3 effect of your own, its parameters drawn in given ranges"
    ranges: ClassVar[Mapping[str, Range]] = {"path": Text(), "plugin_name": Text(), "parameters": Table(drawn={})}

    def draw(self, pick: Pick) -> Parameters:
        path, plugin_name = pick("path"), pick("plugin_name")
        if not path:
            raise RecipeError(
                "vst3: expected path = where a VST3 bundle is, found none; this fault needs a recipe that names one"
            )
        return {"path": path, "plugin_name": plugin_name or None, "parameters": pick("parameters")}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        where = {"plugin": parameters["path"], "plugin_name": parameters["plugin_name"]}
        plugin = Vst3.from_dict(parameters["parameters"] | where)
        try:
            return plugin(audio, sample_rate_hz)
        finally:
            plugin.close()


def vst3_paths(ranges: Mapping[str, Any]) -> list[str]:
    """The bundles that a recipe's ranges for this fault name: native code, to be allowed before it is loaded."""
    return [ranges["path"]] if "path" in ranges else []
