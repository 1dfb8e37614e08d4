from rebounce.engine.chunk_positions import Rescale
from rebounce.engine.ixml import change_depth, drop_loudness, rescale_ixml

IXML = b"""<?xml version="1.0" encoding="UTF-8"?>
<BWFXML>\r\n\t<PROJECT>Mix &amp; M\xc3\xbcll</PROJECT>
 <SPEED><FILE_SAMPLE_RATE>96000</FILE_SAMPLE_RATE><AUDIO_BIT_DEPTH>24</AUDIO_BIT_DEPTH>
 <DIGITIZER_SAMPLE_RATE> 88200 </DIGITIZER_SAMPLE_RATE>
 <TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>1</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>
 <TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>2000</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>
 <TIMESTAMP_SAMPLE_RATE>96000</TIMESTAMP_SAMPLE_RATE></SPEED>
 <SYNC_POINT_LIST><SYNC_POINT><SYNC_POINT_LOW>10</SYNC_POINT_LOW><SYNC_POINT_HIGH>0</SYNC_POINT_HIGH></SYNC_POINT>
 <SYNC_POINT><SYNC_POINT_LOW>20</SYNC_POINT_LOW><SYNC_POINT_HIGH>0</SYNC_POINT_HIGH>
 <SYNC_POINT_EVENT_DURATION>96</SYNC_POINT_EVENT_DURATION></SYNC_POINT></SYNC_POINT_LIST>
</BWFXML>"""


def test_nothing_changes_at_the_same_rate() -> None:
    assert rescale_ixml(IXML, Rescale(old_rate_hz=96_000, new_rate_hz=96_000)) == IXML


def test_rates_and_positions_change_and_not_a_byte_beside_them() -> None:
    moved = rescale_ixml(IXML, Rescale(old_rate_hz=96_000, new_rate_hz=48_000))
    expected = (
        IXML.replace(b">96000<", b">48000<")
        .replace(b"_HI>1<", b"_HI>0<")
        .replace(b"_LO>2000<", b"_LO>2147484648<")
        .replace(b"LOW>10<", b"LOW>5<")
        .replace(b"LOW>20<", b"LOW>10<")
        .replace(b">96<", b">48<")
    )
    assert moved == expected


def test_the_depth_changes_alone() -> None:
    assert change_depth(IXML, 16) == IXML.replace(b"<AUDIO_BIT_DEPTH>24<", b"<AUDIO_BIT_DEPTH>16<")


def test_loudness_goes() -> None:
    loudness = b"<LOUDNESS><LOUDNESS_VALUE>-14.2</LOUDNESS_VALUE>\n</LOUDNESS>\n"
    assert drop_loudness(IXML) == (IXML, False)
    assert drop_loudness(IXML.replace(b"</BWFXML>", loudness + b"</BWFXML>")) == (IXML, True)
