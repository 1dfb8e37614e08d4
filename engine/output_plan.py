"""How a result is to be stored, from what its input is and what was asked for."""

from dataclasses import dataclass

from rebounce.engine.job import Options
from rebounce.engine.sample_formats import LOSSY_SUBTYPES, check_container, choose_subtype
from rebounce.engine.source import AudioInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlan:
    """Container, subtype and rate of the result; `converts` says that they, or its header, are not the input's."""

    container: str
    subtype: str
    sample_rate_hz: int
    converts: bool


def plan_output(info: AudioInfo, options: Options) -> OutputPlan:
    """Refuses what the container cannot hold."""
    container = _container(info, options.file_format)
    rate_hz = options.sample_rate_hz or info.sample_rate_hz
    check_container(container, rate_hz, info.channels, info.frames)
    subtype = choose_subtype(info.subtype, container, options.bit_depth)
    is_kept = options.file_format == "keep" and options.bit_depth == "keep"
    is_same = (container, subtype) == (info.container, info.subtype)
    return OutputPlan(
        container=container,
        subtype=subtype,
        sample_rate_hz=rate_hz,
        # A lossy file of which nothing is asked but repair comes back as it is when there was nothing to repair.
        # One whose header was never filled in is of no use as it is, though every sample stays.
        converts=not (is_kept or is_same) or rate_hz != info.sample_rate_hz or info.is_unfinished,
    )


def _container(info: AudioInfo, file_format: str) -> str:
    if file_format == "keep":
        return "WAV" if info.container in LOSSY_SUBTYPES else info.container
    if file_format == "wav" and info.container == "RF64":
        return info.container  # the long form of WAV
    return file_format.upper()
