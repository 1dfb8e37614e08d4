"""What a restored file is to be: where, in which container, stored how."""

from dataclasses import dataclass
from pathlib import Path

from rebounce.engine.chunk_positions import Rescale
from rebounce.engine.chunks import AIFF, RIFX
from rebounce.engine.sample_formats import SampleFormat, depth_of
from rebounce.engine.source import Source
from rebounce.engine.wave_layout import RIFF_MOST_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One output. `maker` goes into the coding history, like "rebounce 0.1.0;five-stage".

    `riff_most_bytes` is the length past which a WAV becomes RF64.
    """

    path: Path
    container: str
    subtype: str
    sample_rate_hz: int
    maker: str
    replaces: bool = False
    keeps_mtime: bool = False
    riff_most_bytes: int = RIFF_MOST_BYTES

    def rescale(self, source: Source) -> Rescale:
        return Rescale(old_rate_hz=source.info.sample_rate_hz, new_rate_hz=self.sample_rate_hz)

    def frames(self, source: Source) -> int:
        """How many frames the output has."""
        return self.rescale(source).frames(source.info.frames)

    def stored(self, source: Source) -> SampleFormat:
        """How its samples are stored; as in the input where container and subtype are the same."""
        old = source.container.format if source.container else None
        is_same = old is not None and (source.info.container, old.subtype) == (self.container, self.subtype)
        return SampleFormat(
            subtype=self.subtype,
            bits=old.bits if old and is_same else depth_of(self.subtype).bits,
            endian=old.endian if old and is_same else self._endian(source),
            sample_rate_hz=self.sample_rate_hz,
            channels=source.info.channels,
        )

    def _endian(self, source: Source) -> str:
        """The byte order of a new kind of samples: fixed by the container, which for RIFX and AIFF is big-endian."""
        dialect = source.container.dialect if source.container else None
        is_big = (dialect is RIFX and self.container == "WAV") or (dialect is AIFF and self.container == "AIFF")
        return "BIG" if is_big else "LITTLE"
