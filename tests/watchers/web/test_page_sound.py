"""What is really heard of a bounce, in a real browser: samples of its audio graph, and what happens without them."""

import re
from collections.abc import Iterator
from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bouncing import HALF
from page_asking import page_of
from page_browsing import GAINS, TIMES, opened, opener, playing, until
from page_folders import RATE_HZ, folder_at, mix, restored, restored_from
from page_hearing import TAP, encoded, heard, heard_in_step, seek_to, unlike_itself
from playwright.sync_api import BrowserContext, Locator, Page, expect

from rebounce.training.demo_damage import ECHO
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import Watched

LONG_S = 60.0
IN_STEP_S = 0.012
"""The page leaves 4 ms; Chromium alone is 20 ms and more beside itself in an MP3 or OGG."""

MICROSECONDS = 1e-5
CONNECTED = "[...document.querySelectorAll('audio[src]')].map((audio) => audio.src)"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "half.toml").write_text(HALF, encoding="utf-8")
    return folder_at(tmp_path / "Bounces", str(tmp_path / "half.toml"))


@pytest.fixture
def page_url(watched: Watched) -> Iterator[str]:
    """Where the page of the folder is."""
    with page_of(watched) as asker:
        yield asker.url


@pytest.fixture
def listening(context: BrowserContext, page_url: str) -> Iterator[Page]:
    """The page, with both sides tapped; it is closed before the service ends, with what it still streams."""
    context.add_init_script(TAP)
    with context.new_page() as tab:
        tab.goto(page_url)
        yield tab


@pytest.mark.parametrize(
    ("name", "subtype", "how"),
    [
        ("Mix.mp3", "MPEG_LAYER_III", {"bitrate_mode": "VARIABLE", "compression_level": 0.3}),
        ("Mix.ogg", "VORBIS", {}),
        ("Mix.flac", "PCM_24", {}),
        ("Mix.aiff", "PCM_24", {}),
    ],
)
def test_both_sides_are_heard_at_the_same_place_and_equally_loud_after_every_seek(
    listening: Page, watched: Watched, name: str, subtype: str, how: dict[str, Any]
) -> None:
    encoded(watched, name, unlike_itself(LONG_S), subtype, **how)
    restored_from(watched, name)
    detail = opened(listening, name)
    playing(listening, detail)
    gains = [gain_of(listening, detail, side) for side in (0, 1)]
    for share in (0.5, 0.8, 0.1):
        seek_to(listening, share)
        sound = heard_in_step(listening, IN_STEP_S)
        assert abs(sound.apart_s) < IN_STEP_S, share
        assert sound.level_db + 20 * log10(gains[1] / gains[0]) == pytest.approx(0, abs=0.5)


def gain_of(page: Page, detail: Locator, side: int) -> float:
    """Hear that side, and what it is played at then."""
    detail.locator(".sides button").nth(side).click()
    until(page, f"{GAINS}[{side}] > 0.4 && {GAINS}[{1 - side}] < 0.0001")
    return float(page.evaluate(GAINS)[side])


def test_what_passes_full_scale_is_heard_unclipped(listening: Page, watched: Watched) -> None:
    audio = mix(4) * 20
    peak = float(np.abs(audio).max())
    restored(watched, "Mix.w64", audio, subtype="FLOAT")
    playing(listening, opened(listening, "Mix.w64"))
    sound = heard(listening, 2.5)
    assert np.abs(sound.audio[0]).max() > max(2.0, 0.5 * peak)
    assert np.abs(sound.audio[1]).max() > max(1.0, 0.25 * peak)


def test_a_result_that_went_away_is_named_and_the_other_side_is_heard(listening: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(4))
    detail = opened(listening, "Mix.wav")
    watched.layout.at("Restored/Mix.wav").unlink()
    for _ in range(2):  # pressed again, it says so again
        detail.get_by_role("button", name="Play").click()
        expect(detail.get_by_role("alert")).to_have_text("The result is not in the folder any more.")
        expect(detail.get_by_role("button", name="Play")).to_be_visible()
    opener(listening, "Mix.wav").click()
    opened(listening, "Mix.wav")
    expect(detail.locator(".about-sound")).to_contain_text("The result is not in the folder any more.")
    expect(detail.locator("figcaption")).to_have_text("Before")
    playing(listening, detail)


def test_a_result_that_goes_away_while_it_plays_is_named(listening: Page, watched: Watched) -> None:
    encoded(watched, "Mix.wav", unlike_itself(LONG_S), "PCM_24")
    restored_from(watched, "Mix.wav")
    detail = opened(listening, "Mix.wav")
    playing(listening, detail)
    watched.layout.at("Restored/Mix.wav").unlink()
    detail.get_by_label("Position").fill("50")
    expect(detail.get_by_role("alert")).to_have_text("The result is not in the folder any more.", timeout=30_000)
    expect(detail.get_by_role("button", name="Play")).to_be_visible()


def test_a_side_that_cannot_be_played_is_the_one_that_is_named(listening: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(4))
    listening.route("**/after", lambda route: route.fulfill(status=200, content_type="audio/wav", body=b"no sound"))
    detail = opened(listening, "Mix.wav")
    detail.get_by_role("button", name="Play").click()
    expect(detail.get_by_role("alert")).to_have_text(
        'This browser cannot play "After"; download the files to hear them.'
    )
    expect(detail.get_by_role("button", name="Play")).to_be_visible()


def test_a_sound_that_does_not_come_is_told_and_can_be_left(listening: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(4))
    listening.route("**/after", lambda route: None)
    detail = opened(listening, "Mix.wav")
    detail.get_by_role("button", name="Play").click()
    expect(detail.get_by_role("alert")).to_have_text("Waiting for the sound\N{HORIZONTAL ELLIPSIS}")
    detail.get_by_role("button", name="Pause").click()
    expect(detail.get_by_role("button", name="Play")).to_be_visible()
    expect(detail.get_by_role("alert")).to_be_empty()


def test_a_service_that_is_gone_is_told(listening: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(4))
    detail = opened(listening, "Mix.wav")
    listening.route("**/before", lambda route: route.abort())
    detail.get_by_role("button", name="Play").click()
    expect(detail.get_by_role("alert")).to_contain_text("The service does not answer")
    listening.unroute("**/before")
    playing(listening, detail)


def test_nothing_is_fetched_before_it_is_played_and_all_is_let_go_of_afterwards(
    listening: Page, watched: Watched
) -> None:
    restored(watched, "Mix.wav", mix(8))
    detail = opened(listening, "Mix.wav")
    assert listening.evaluate(CONNECTED) == []
    playing(listening, detail)
    assert len(listening.evaluate(CONNECTED)) == 2
    detail.get_by_role("button", name="Pause").click()
    until(listening, "tap.context.state === 'suspended'")
    at = listening.evaluate(TIMES)
    assert at[0] == pytest.approx(at[1], abs=MICROSECONDS)  # a browser rounds each
    assert at[0] > 0.2
    hide(listening)
    assert listening.evaluate(CONNECTED) == []
    assert listening.evaluate(TIMES) == pytest.approx(at, abs=MICROSECONDS)
    detail.get_by_role("button", name="Play").click()
    until(listening, f"{TIMES}.every((time) => time > {at[0] + 0.2} && time < {at[0] + 4})")
    listening.evaluate("() => { window.players = [...document.querySelectorAll('audio')]; }")
    opener(listening, "Mix.wav").click()
    until(listening, "tap.context.state === 'suspended'")
    assert listening.evaluate("players.every((audio) => audio.paused && !audio.hasAttribute('src'))")


def test_a_hidden_tab_that_plays_goes_on(listening: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(8))
    playing(listening, opened(listening, "Mix.wav"))
    hide(listening)
    at = listening.evaluate(TIMES)
    until(listening, f"{TIMES}.every((time) => time > {at[0] + 0.5})")


def hide(page: Page) -> None:
    """What a browser does when another tab comes before this one."""
    page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )


def test_several_tabs_with_a_long_file_leave_each_other_room(
    context: BrowserContext, watched: Watched, page_url: str
) -> None:
    """A browser has six connections to a service, and each tab listens on one of them."""
    encoded(watched, "Mix.wav", unlike_itself(LONG_S), "PCM_24")
    restored_from(watched, "Mix.wav")
    tabs = [context.new_page() for _ in range(4)]
    for tab in tabs:
        tab.goto(page_url)
        playing(tab, opened(tab, "Mix.wav"))
    for tab in tabs[:-1]:  # one plays at a time
        expect(tab.get_by_role("button", name="Play")).to_be_visible()
    expect(tabs[-1].get_by_role("button", name="Pause")).to_be_visible()
    tabs[0].get_by_role("button", name="Run again").click()
    expect(tabs[0].locator("#toast")).to_have_text("Mix.wav is queued again, with auto.")
    for tab in tabs:
        tab.close()


def test_an_echo_that_auto_found_is_said_and_both_versions_are_heard(
    listening: Page, tmp_path: Path, watched: Watched
) -> None:
    clean = make_mix(0, 12.0, RATE_HZ).audio * np.float32(0.5)
    echoed = apply_fault(fault_named("echo"), clean, RATE_HZ, ECHO)
    auto = Watched(layout=watched.layout, preset="auto", name=watched.name)
    id = restored(auto, "Mix.wav", echoed)
    with Ledger(watched.layout.ledger) as ledger:
        record = ledger.known(id).record
    assert record is not None
    (finding,) = record["findings"]
    assert (finding["fault"], finding["action"]) == ("echo", "removed")
    expect(opener(listening, "Mix.wav")).to_contain_text("1 finding")
    detail = opened(listening, "Mix.wav")
    said = detail.get_by_role("listitem").filter(has_text="Echo, ")
    expect(said).to_have_text(re.compile(r"Echo, over 99% sure, 283 ms late, 0\.4\d* times as loud, .*: removed\."))
    playing(listening, detail)
