import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen import id3

from rebounce.engine.id3_tags import (
    FRAME_KEYS,
    make_id3,
    make_info_list,
    read_id3,
    read_info_list,
    without_measured_gain,
)
from rebounce.engine.tags import (
    Tags,
    joined_tags,
    make_vorbis_comment,
    read_vorbis_comment,
    without_loudness,
)

KEYS = st.sampled_from([*sorted(FRAME_KEYS.values()), "COMMENT", "COMMENT:MIXED BY", "LYRICS", "MY OWN", "X"])
# An ID3 date is a date, and its texts are divided by zeros.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def packed(*frames: Any) -> bytes:
    tag = id3.ID3()
    for frame in frames:
        tag.add(frame)
    out = io.BytesIO()
    tag.save(out)
    return out.getvalue()


@given(comments=st.dictionaries(KEYS.filter(lambda key: "DATE" not in key and key != "GENRE"), TEXTS, max_size=8))
@settings(max_examples=25, deadline=None)
def test_comments_come_back_from_an_id3_tag(comments: dict[str, str]) -> None:
    tags = Tags(comments=tuple(comments.items()))
    back = read_id3(make_id3(tags)) if comments else Tags()
    assert sorted(back.comments) == sorted(tags.comments)
    assert back.left_out == ()


def test_several_texts_of_one_kind_stay_several() -> None:
    tags = Tags(comments=(("ARTIST", "One"), ("DATE", "2026-11-20"), ("ARTIST", "Two"), ("GENRE", "Dub")))
    back = read_id3(make_id3(tags))
    assert sorted(back.comments) == [("ARTIST", "One"), ("ARTIST", "Two"), ("DATE", "2026-11-20"), ("GENRE", "Dub")]


def test_a_tag_of_the_input_is_handed_on_as_it_was() -> None:
    data = packed(id3.TIT2(encoding=3, text="Mix"), id3.PRIV(owner="x", data=b"\1\2"))
    tags = read_id3(data)
    assert make_id3(tags) == data
    assert tags.comments == (("TITLE", "Mix"),)
    assert tags.left_out == ("ID3 PRIV",)


def test_what_cannot_be_read_is_kept_and_said() -> None:
    tags = read_id3(b"ID3\x09\0\0\0\0\0\x04abcd")
    assert tags.id3 == b"ID3\x09\0\0\0\0\0\x04abcd"
    assert "cannot be read" in tags.left_out[0]


@pytest.mark.parametrize("encoding", [0, 1, 3])
@pytest.mark.parametrize("version", [3, 4])
def test_measured_gain_goes_and_the_rest_of_a_tag_stays(encoding: int, version: int) -> None:
    tag = id3.ID3()
    for frame in (
        id3.TIT2(encoding=encoding, text="Mix"),
        id3.TXXX(encoding=encoding, desc="replaygain_track_gain", text="-7 dB"),
        id3.TXXX(encoding=encoding, desc="other", text="kept"),
        id3.PRIV(owner="daw", data=b"\0\1"),
    ):
        tag.add(frame)
    out = io.BytesIO()
    tag.save(out, v2_version=version)
    data, had_gain = without_measured_gain(out.getvalue())
    found = id3.ID3(io.BytesIO(data))
    assert had_gain
    assert data[3] == version
    assert sorted(found) == ["PRIV:daw:\x00\x01", "TIT2", "TXXX:other"]
    assert without_measured_gain(data) == (data, False)


def test_pictures_come_back_and_are_told_apart() -> None:
    frames = [id3.APIC(encoding=3, mime="image/png", type=3, desc=text, data=text.encode()) for text in ("a", "b")]
    tags = read_id3(packed(*frames))
    back = read_id3(make_id3(Tags(pictures=tags.pictures)))
    assert sorted(back.pictures) == sorted(tags.pictures)
    assert len(tags.pictures) == 2


@given(comments=st.dictionaries(st.sampled_from(["TITLE", "ARTIST", "ALBUM", "COMMENT", "ENGINEER"]), TEXTS))
def test_comments_come_back_from_a_list_of_kind_info(comments: dict[str, str]) -> None:
    tags = Tags(comments=tuple(comments.items()))
    assert read_info_list(make_info_list(tags)).comments == tags.comments


@pytest.mark.parametrize("text", ["Müll".encode(), "Müll".encode("cp1252")])
def test_old_text_is_read_in_either_encoding(text: bytes) -> None:
    data = b"INFOINAM" + len(text).to_bytes(4, "little") + text + bytes(len(text) % 2)
    assert read_info_list(data).comments == (("TITLE", "Müll"),)


def test_what_the_first_does_not_know_the_second_adds() -> None:
    first = Tags(comments=(("TITLE", "a"),), pictures=(b"p",))
    second = Tags(comments=(("TITLE", "b"), ("ARTIST", "c")), pictures=(b"q",), id3=b"ID3")
    assert joined_tags(first, second) == Tags(comments=(("TITLE", "a"), ("ARTIST", "c")), pictures=(b"p",), id3=b"ID3")


def test_measured_gain_goes_and_all_else_stays() -> None:
    tags = Tags(comments=(("REPLAYGAIN_TRACK_PEAK", "1"), ("R128_TRACK_GAIN", "0"), ("REPLAY", "x")))
    assert without_loudness(tags) == (Tags(comments=(("REPLAY", "x"),)), True)
    assert without_loudness(Tags()) == (Tags(), False)


@given(comments=st.lists(st.tuples(KEYS, TEXTS), max_size=5), vendor=TEXTS)
def test_a_vorbis_comment_comes_back(comments: list[tuple[str, str]], vendor: str) -> None:
    made = make_vorbis_comment(vendor, Tags(comments=tuple(comments)))
    read = read_vorbis_comment(made.pack())
    assert read == made
    assert read.pairs() == tuple(comments)


@given(data=st.binary(max_size=60))
def test_a_damaged_vorbis_comment_is_read_as_far_as_it_goes(data: bytes) -> None:
    assert len(read_vorbis_comment(data).entries) <= len(data) // 4
