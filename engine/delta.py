"""What a restoration took away: input minus output, as audio of its own.

What always holds: the difference is taken in float64 from the samples as both files store them, and kept as 32-bit
float; it has the input's length, rate and time stamps, so that a DAW puts it in the input's place.
"""

from pathlib import Path

import numpy as np

from rebounce import __version__
from rebounce.engine.audio import Audio
from rebounce.engine.errors import UnsupportedAudio
from rebounce.engine.pcm import exact
from rebounce.engine.sink import open_sink
from rebounce.engine.source import Block, Source, open_source
from rebounce.engine.target import Target


def write_delta(source: Source, output: Path, delta: Path, *, replaces: bool) -> None:
    """Write `source` minus the result in `output` as a WAV file of 32-bit floats."""
    info = source.info
    target = Target(
        path=delta,
        container="RF64" if info.container == "RF64" else "WAV",
        subtype="FLOAT",
        sample_rate_hz=info.sample_rate_hz,
        maker=f"rebounce {__version__};delta",
        replaces=replaces,
    )
    with open_source(output) as result, open_sink(source, target) as sink:
        if result.info.frames != info.frames:
            raise UnsupportedAudio(
                f"{delta}: no delta, since {output} has {result.info.frames} frames and the input has {info.frames}, "
                f"as an encoder of {result.info.container} adds some; restore to --format wav or flac for a delta"
            )
        for before, after in zip(source.blocks(), result.blocks(), strict=True):
            sink.write(before, _difference(before, after))
        sink.finish()
        sink.publish()


def _difference(before: Block, after: Block) -> Audio:
    difference: Audio = (exact(before.original) - exact(after.original)).T.astype(np.float32)
    return difference
