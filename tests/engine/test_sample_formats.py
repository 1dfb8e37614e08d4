import pytest

from rebounce.engine.errors import UsageError
from rebounce.engine.sample_formats import CONTAINER_SUBTYPES, check_container, check_depth, choose_subtype


@pytest.mark.parametrize(
    ("container", "bit_depth", "is_possible"),
    [
        ("WAV", "16", True),
        ("RF64", "32f", True),
        ("AIFF", "32f", True),
        ("FLAC", "24", True),
        ("FLAC", "32f", False),
        ("MP3", "16", False),
        ("OGG", "24", False),
        ("OGG", "keep", True),
        ("WAV", "20", False),
    ],
)
def test_a_depth_is_refused_where_the_container_cannot_hold_it(
    container: str, bit_depth: str, is_possible: bool
) -> None:
    if is_possible:
        check_depth(container, bit_depth)
    else:
        with pytest.raises(UsageError, match=f"--bit-depth {bit_depth}"):
            check_depth(container, bit_depth)


@pytest.mark.parametrize(
    ("subtype", "container", "bit_depth", "passes_full_scale", "expected"),
    [
        ("PCM_32", "WAV", "keep", False, "PCM_32"),
        ("DOUBLE", "AIFF", "keep", False, "DOUBLE"),
        ("DOUBLE", "FLAC", "keep", False, "PCM_24"),
        ("PCM_U8", "FLAC", "keep", False, "PCM_S8"),
        ("PCM_S8", "WAV", "keep", False, "PCM_U8"),
        ("PCM_16", "WAV", "32f", False, "FLOAT"),
        ("MPEG_LAYER_III", "WAV", "keep", False, "PCM_24"),
        ("VORBIS", "WAV", "keep", True, "FLOAT"),
        ("OPUS", "FLAC", "keep", True, "PCM_24"),
        ("PCM_24", "MP3", "keep", False, "MPEG_LAYER_III"),
        ("PCM_24", "OGG", "keep", False, "VORBIS"),
    ],
)
def test_the_depth_of_a_result_is_the_inputs_or_the_next_that_its_container_holds(
    subtype: str, container: str, bit_depth: str, passes_full_scale: bool, expected: str
) -> None:
    assert choose_subtype(subtype, container, bit_depth, passes_full_scale) == expected


@pytest.mark.parametrize("container", sorted(CONTAINER_SUBTYPES))
def test_every_subtype_finds_a_place_in_every_container(container: str) -> None:
    for subtype in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "VORBIS"):
        chosen = choose_subtype(subtype, container)
        assert chosen in (CONTAINER_SUBTYPES[container] or ("MPEG_LAYER_III", "VORBIS"))


@pytest.mark.parametrize(
    ("container", "rate", "channels", "frames"),
    [("MP3", 96_000, 2, 10), ("MP3", 48_000, 3, 10), ("FLAC", 48_000, 9, 10), ("MP3", 48_000, 2, 0)],
)
def test_what_a_format_cannot_hold_is_refused(container: str, rate: int, channels: int, frames: int) -> None:
    with pytest.raises(UsageError, match=f"--format {container.lower()}"):
        check_container(container, rate, channels, frames)
    check_container("WAV", rate, channels, frames)
