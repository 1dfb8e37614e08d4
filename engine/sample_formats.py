"""How samples are stored: what each subtype holds, which container takes which, and what a restored file gets.

Subtypes carry soundfile's names. What always holds: integers travel left-justified in `int16` or `int32`, so that a
carrier's full scale is the file's full scale.
"""

from dataclasses import dataclass

from rebounce.engine.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """One subtype: `bits` a sample, and the dtype in which soundfile hands it over without loss."""

    bits: int
    carrier: str

    @property
    def is_float(self) -> bool:
        return self.carrier.startswith("float")

    @property
    def sample_bytes(self) -> int:
        return self.bits // 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFormat:
    """How the samples of one file are stored. `bits` are those in use, which may be fewer than the subtype's."""

    subtype: str
    bits: int
    endian: str
    sample_rate_hz: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        return DEPTHS[self.subtype].sample_bytes * self.channels


DEPTHS = {
    "PCM_S8": Depth(bits=8, carrier="int16"),
    "PCM_U8": Depth(bits=8, carrier="int16"),
    "PCM_16": Depth(bits=16, carrier="int16"),
    "PCM_24": Depth(bits=24, carrier="int32"),
    "PCM_32": Depth(bits=32, carrier="int32"),
    "FLOAT": Depth(bits=32, carrier="float32"),
    "DOUBLE": Depth(bits=64, carrier="float64"),
}
LOSSY_DEPTH = Depth(bits=32, carrier="float32")
LOSSY_SUBTYPES = {"MP3": "MPEG_LAYER_III", "OGG": "VORBIS"}

_WAVE_SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
CONTAINER_SUBTYPES = {
    "WAV": _WAVE_SUBTYPES,
    "RF64": _WAVE_SUBTYPES,
    "W64": _WAVE_SUBTYPES,
    "AIFF": ("PCM_S8", *_WAVE_SUBTYPES),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "MP3": (),
    "OGG": (),
}
BIT_DEPTHS = {"16": "PCM_16", "24": "PCM_24", "32f": "FLOAT"}
# Where a container lacks a subtype, this is the next that loses the least.
_NEXT_BEST = {"PCM_S8": "PCM_U8", "PCM_U8": "PCM_S8", "PCM_32": "PCM_24", "FLOAT": "PCM_24", "DOUBLE": "PCM_24"}

FLAC_MOST_CHANNELS = 8
MP3_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def depth_of(subtype: str) -> Depth:
    """What a subtype holds; whatever was compressed with loss is read as float32."""
    return DEPTHS.get(subtype, LOSSY_DEPTH)


def check_depth(container: str, bit_depth: str) -> None:
    """Refuse a `--bit-depth` that the container cannot hold; nothing needs to be read for it."""
    if bit_depth == "keep":
        return
    if bit_depth not in BIT_DEPTHS:
        raise UsageError(f"--bit-depth {bit_depth}: expected keep, {', '.join(BIT_DEPTHS)}")
    if BIT_DEPTHS[bit_depth] not in CONTAINER_SUBTYPES[container]:
        takes = [name for name, subtype in BIT_DEPTHS.items() if subtype in CONTAINER_SUBTYPES[container]]
        can = f"{container} takes {' or '.join(takes)}" if takes else f"{container} has no bit depth"
        raise UsageError(f"--bit-depth {bit_depth}: {can}; leave --bit-depth out or choose --format wav")


def check_container(container: str, sample_rate_hz: int, channels: int, frames: int = 1) -> None:
    """Refuse a rate or channel count that a format asked for with `--format` cannot hold."""
    if container == "MP3" and sample_rate_hz not in MP3_RATES_HZ:
        raise UsageError(
            f"--format mp3: MP3 has no {sample_rate_hz} Hz; add --sample-rate 48000, or choose --format flac or wav"
        )
    if container == "MP3" and frames == 0:
        raise UsageError("--format mp3: an MP3 cannot be without a single frame of audio; choose --format wav or flac")
    most = {"MP3": 2, "FLAC": FLAC_MOST_CHANNELS}.get(container)
    if most is not None and channels > most:
        raise UsageError(
            f"--format {container.lower()}: {container} holds at most {most} channels, got {channels}; use --format wav"
        )


def choose_subtype(subtype: str, container: str, bit_depth: str = "keep", passes_full_scale: bool = False) -> str:
    """What a result is stored as, from the subtype of its input.

    `passes_full_scale` says that a lossy input was decoded to peaks that 24 bits would clip.
    """
    check_depth(container, bit_depth)
    if bit_depth != "keep":
        return BIT_DEPTHS[bit_depth]
    if container in LOSSY_SUBTYPES:
        return LOSSY_SUBTYPES[container]
    allowed = CONTAINER_SUBTYPES[container]
    if subtype not in DEPTHS:
        return "FLOAT" if passes_full_scale and "FLOAT" in allowed else "PCM_24"
    return subtype if subtype in allowed else _NEXT_BEST[subtype]
