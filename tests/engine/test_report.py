"""The report page: whole in itself, safe with any name, and right in its numbers."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import soundfile
from signals import noise, tone

from rebounce.engine.errors import OutputError
from rebounce.engine.overview import Overview, overview_of
from rebounce.engine.pictures import spectrogram_picture, waveform_picture
from rebounce.engine.report import ReportEntry, report_html, write_report

NASTY = 'mix <img src=x onerror=alert(1)> & "friends" {{style}} \'.wav'


def record(**changes: Any) -> dict[str, Any]:
    return {
        "input": "/in/mix.wav",
        "output": "/out/mix.wav",
        "status": "restored",
        "error": None,
        "messages": [],
        "version": "0.1.0",
        "preset": "five-stage",
        "device": "cpu",
        "seconds": 1.5,
        "realtime_factor": 20.0,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "frames": 88_200,
        "subtype": "PCM_24",
        "lufs_in": -23.44,
        "lufs_out": -14.0,
        "true_peak_in_dbtp": -7.04,
        "true_peak_out_dbtp": -1.0,
        "level_change_db": 9.3,
        "clipped_samples": 0,
        "findings": None,
    } | changes


def entry(folder: Path, **changes: Any) -> ReportEntry:
    before, after = folder / "before.wav", folder / "after.wav"
    soundfile.write(before, tone(500.0, 88_200, level=0.1).T, 44_100)
    soundfile.write(after, tone(500.0, 88_200, level=0.4).T, 44_100)
    return ReportEntry(
        record=record(**changes),
        before=overview_of(before),
        after=overview_of(after),
        before_audio=before,
        after_audio=after,
    )


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, open tags left over, and text."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def says(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_the_page_loads_nothing_from_anywhere(tmp_path: Path) -> None:
    text = report_html([entry(tmp_path)])
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)) == []
    page = Page(text)
    assert page.open == []
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert addresses
    assert all(str(address).startswith(("data:", "#")) for address in addresses)
    assert "url(" not in text
    assert "@import" not in text
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none'")


def test_both_versions_can_be_seen_and_heard(tmp_path: Path) -> None:
    page = Page(report_html([entry(tmp_path)]))
    assert [str(image["alt"]).split(",")[0] for image in page.all("img")] == [
        "Waveform Before",
        "Spectrogram Before",
        "Waveform After",
        "Spectrogram After",
    ]
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in page.all("img"))
    before, after = page.all("audio")
    assert str(before["src"]).startswith("data:audio/flac;base64,")
    assert before["src"] != after["src"]
    assert float(str(before["data-matched"])) == 1.0
    assert float(str(after["data-matched"])) == pytest.approx(0.25, rel=1e-3)


def test_the_numbers_are_those_of_the_record(tmp_path: Path) -> None:
    says = Page(report_html([entry(tmp_path)])).says()
    assert "Integrated loudness, LUFS \N{MINUS SIGN}23.4 \N{MINUS SIGN}14.0 +9.4" in says
    assert "True peak, dBTP \N{MINUS SIGN}7.0 \N{MINUS SIGN}1.0 +6.0" in says
    assert "Level set by the chain, dB +9.3" in says
    assert "0.1 kHz" not in says
    assert "44.1 kHz, stereo, 24 bit, preset five-stage, on cpu, took 1.5 s, 20 times as fast as it plays" in says


def test_names_messages_and_findings_are_escaped(tmp_path: Path) -> None:
    finding = {"fault": NASTY, "confidence": 1.0, "detail": {NASTY: NASTY}, "action": NASTY}
    hostile = entry(
        tmp_path, input=NASTY, messages=[NASTY], findings=[finding], preset=NASTY, model=NASTY, device=NASTY
    )
    broken = ReportEntry(record=record(input=NASTY, status="error", error=NASTY))
    page = Page(report_html([hostile, broken], title=NASTY))
    assert page.open == []
    assert all(str(image["src"]).startswith("data:image/png") for image in page.all("img"))
    assert len(page.all("script")) == 1
    assert len(page.all("style")) == 1
    assert page.says().count(NASTY) >= 7


def test_no_analysis_and_nothing_found_are_told_apart(tmp_path: Path) -> None:
    assert "No analysis of faults ran" in Page(report_html([entry(tmp_path)])).says()
    assert "found nothing wrong" in Page(report_html([entry(tmp_path, findings=[])])).says()
    found = [{"fault": "hum", "confidence": 0.9, "detail": {"frequency_hz": 50.0}, "action": "reduced"}]
    assert (
        "Mains hum, 90% sure, frequency 50 Hz: reduced." in Page(report_html([entry(tmp_path, findings=found)])).says()
    )


def test_an_unchanged_file_is_shown_once_and_without_players(tmp_path: Path) -> None:
    page = Page(report_html([entry(tmp_path, status="unchanged")]))
    assert len(page.all("img")) == 2
    assert page.all("audio") == []
    assert "Before and after" in page.says()


def test_a_failed_file_shows_its_error_and_the_others_are_linked(tmp_path: Path) -> None:
    failed = ReportEntry(record=record(input="bad.wav", status="error", error="bad.wav: expected audio, found text"))
    page = Page(report_html([entry(tmp_path), failed]))
    assert "bad.wav: expected audio, found text" in page.says()
    assert [link["href"] for link in page.all("a")] == ["#file-1", "#file-2"]
    assert {"file-1", "file-2"} <= {str(article["id"]) for article in page.all("article")}
    assert "2 files: 1 restored, 1 failed" in page.says()


def test_undefined_numbers_are_dashes(tmp_path: Path) -> None:
    says = Page(report_html([entry(tmp_path, lufs_in=None, lufs_out=None)])).says()
    assert "Integrated loudness, LUFS \N{EN DASH} \N{EN DASH} \N{EN DASH}" in says


def test_both_sides_share_one_frequency_scale(tmp_path: Path) -> None:
    low = Overview(frames=8_000, channels=1, sample_rate_hz=16_000)
    low.add(noise(8_000, channels=1))
    high = Overview(frames=24_000, channels=1, sample_rate_hz=48_000)
    high.add(noise(24_000, channels=1))
    text = report_html([ReportEntry(record=record(), before=low, after=high)])
    assert text.count(">20 kHz<") == 2


def test_an_empty_file_has_a_section(tmp_path: Path) -> None:
    nothing = Overview(frames=0, channels=2, sample_rate_hz=48_000)
    empty = ReportEntry(
        record=record(frames=0), before=nothing, after=nothing, before_audio=tmp_path, after_audio=tmp_path
    )
    page = Page(report_html([empty]))
    assert page.open == []
    assert page.all("audio") == []


def test_sound_is_shared_out_so_that_the_page_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, noise(44_100 * 20, channels=1, level=0.001).T, 44_100)
    seen = overview_of(path)
    one = ReportEntry(record=record(), before=seen, after=seen, before_audio=path, after_audio=path)
    page = report_html([one, one, one], most_sound_bytes=3_600_000)
    sound = sum(len(address) for address in re.findall(r"data:audio/[^']+", page))
    assert 1_800_000 < sound <= 3_600_000
    assert "No excerpt of this file fits" in report_html([one], most_sound_bytes=1_000)


def test_the_page_is_the_same_again_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    one = entry(tmp_path)
    folder = tmp_path / "page"
    folder.mkdir()
    write_report(folder / "report.html", [one])
    first = (folder / "report.html").read_bytes()
    write_report(folder / "report.html", [one])
    assert (folder / "report.html").read_bytes() == first
    assert [path.name for path in folder.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="report"):
        write_report(tmp_path / "file" / "report.html", [])


def test_the_pictures_are_those_of_the_overviews(tmp_path: Path) -> None:
    one = entry(tmp_path)
    assert one.before is not None
    assert one.after is not None
    top_hz = 22_050.0
    drawn = [
        picture
        for side in (one.before, one.after)
        for picture in (waveform_picture(side), spectrogram_picture(side, top_hz))
    ]
    shown = [str(image["src"]).split(",")[1] for image in Page(report_html([one])).all("img")]
    assert [base64.b64decode(text) for text in shown] == drawn
