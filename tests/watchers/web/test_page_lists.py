"""The lists of the page in a real browser: many files, files of long ago, and what stands at a folder."""

import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_asking import PRESETS, page_of
from page_browsing import contrast, opened, opener
from page_folders import begin, drop, end, failed, folder_at, mix, restored, seen
from playwright.sync_api import BrowserContext, Page, expect

from rebounce.watchers.bounce import State
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import this_process
from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.status import MOST_LISTED, Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.server import WebPage

# The colour of the border of a node, and of what is within and around it.
EDGE_AND_GROUND = """(node) => {
    const ground = (one) => {
        const colour = getComputedStyle(one).backgroundColor;
        return colour === "rgba(0, 0, 0, 0)" ? ground(one.parentElement) : colour;
    };
    return [getComputedStyle(node).borderTopColor, ground(node), ground(node.parentElement)];
}"""
WIDER = MOST_LISTED + 30


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


@pytest.fixture
def page_url(watched: Watched) -> Iterator[str]:
    """Where the page of the folder is."""
    with page_of(watched) as asker:
        yield asker.url


def finish_many(watched: Watched, count: int, name: str = "Later") -> None:
    """So many files that something was made of, each newer than the one before."""
    drop(watched, "any.tmp.wav", mix(0.1))
    with Ledger(watched.layout.ledger) as ledger:
        for number in range(count):
            path = f"{name} {number:03d}.wav"
            watched.layout.at(path).hardlink_to(watched.layout.at("any.tmp.wav"))
            begun = begin(ledger, watched, seen(ledger, watched, path))
            ledger.finish(begun.id, State.DONE, path, True)


def test_the_file_that_lies_open_stays_whatever_is_finished_after_it(page: Page, watched: Watched) -> None:
    restored(watched, "First.wav", mix(1))
    detail = opened(page, "First.wav")
    finish_many(watched, WIDER)
    expect(opener(page, f"Later {WIDER - 1:03d}")).to_be_visible(timeout=60_000)
    expect(page.locator(".open")).to_have_count(MOST_LISTED + 1)
    expect(detail.get_by_role("button", name="Play")).to_be_visible()
    expect(opener(page, "First.wav")).to_have_attribute("aria-expanded", "true")


def test_a_file_that_lies_open_goes_once_it_is_finished_no_more(page: Page, watched: Watched) -> None:
    id = failed(watched, "Bad.wav")
    opened(page, "Bad.wav")
    with Ledger(watched.layout.ledger) as ledger:
        assert ledger.retry(id)
        expect(page.locator(".job")).to_contain_text("Bad.wav")
        expect(page.locator(".open")).to_have_count(0)
        begin(ledger, watched, id)
        end(ledger, watched, id)
    expect(opener(page, "Bad.wav")).to_contain_text("Restored")


def test_older_files_are_shown_page_by_page_and_stay_without_a_gap(page: Page, watched: Watched) -> None:
    finish_many(watched, 2 * MOST_LISTED + 10, "Early")
    more, button = page.locator("#finished-more"), page.get_by_role("button", name="Show older")
    expect(more).to_contain_text(f"; {MOST_LISTED + 10} more", timeout=60_000)
    button.click()
    expect(page.locator(".open")).to_have_count(2 * MOST_LISTED)
    expect(more).to_contain_text("; 10 more")
    finish_many(watched, 3, "New")
    expect(opener(page, "New 002")).to_be_visible(timeout=30_000)
    expect(page.locator(".open")).to_have_count(2 * MOST_LISTED + 3)
    button.click()
    expect(button).to_be_hidden()
    expect(more).to_be_hidden()
    names = page.locator(".open .name").all_text_contents()
    assert names == [
        *(f"New {number:03d}.wav" for number in reversed(range(3))),
        *(f"Early {number:03d}.wav" for number in reversed(range(2 * MOST_LISTED + 10))),
    ]


def test_older_failures_are_shown_under_their_filter(page: Page, watched: Watched) -> None:
    with Ledger(watched.layout.ledger) as ledger:
        for number in range(MOST_LISTED + 5):
            path = f"Bad {number:03d}.wav"
            drop(watched, path, mix(0.05))
            begun = begin(ledger, watched, seen(ledger, watched, path))
            ledger.finish(begun.id, State.FAILED, path, True)
    finish_many(watched, MOST_LISTED)
    expect(page.locator("#finished-more")).to_contain_text("; 5 more", timeout=60_000)
    page.get_by_role("group", name="Show").get_by_role("button", name="Failed (105)").click()
    expect(page.locator(".open")).to_have_count(MOST_LISTED)
    page.get_by_role("button", name="Show older").click()
    expect(page.locator(".open")).to_have_count(MOST_LISTED + 5)
    expect(page.locator("#finished-more")).to_be_hidden()


def test_all_that_failed_is_retried_with_one_button(page: Page, watched: Watched) -> None:
    button = page.get_by_role("button", name="Retry all that failed")
    ids = [failed(watched, f"{number}.wav") for number in range(2)]
    expect(button).to_be_visible()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_have_text("2 files are queued again.")
    expect(page.locator(".job")).to_have_count(2)
    expect(button).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "finished"
    with Ledger(watched.layout.ledger) as ledger:
        assert [ledger.known(id).state for id in ids] == [State.QUEUED] * 2


def test_after_a_retry_by_key_the_focus_is_seen_on_the_next_row(page: Page, watched: Watched) -> None:
    for name in ("1.wav", "2.wav", "3.wav"):
        failed(watched, name)
    retry = page.get_by_role("button", name="Retry 2.wav")
    expect(page.locator(".open")).to_have_count(3)
    retry.focus()
    page.keyboard.press("Enter")
    expect(opener(page, "2.wav")).to_have_count(0)
    expect(opener(page, "1.wav")).to_be_focused()
    for name in ("1.wav", "3.wav"):
        page.get_by_role("button", name=f"Retry {name}").focus()
        page.keyboard.press("Enter")
        expect(opener(page, name)).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "finished"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_why_work_waits_stands_above_the_queue_until_it_goes_on(page: Page, watched: Watched) -> None:
    drop(watched, "Mix.wav", mix(0.1))
    with Ledger(watched.layout.ledger) as ledger:
        seen(ledger, watched, "Mix.wav")
        ledger.serve(this_process(), "five-stage")
        ledger.wait(this_process(), "its hours (22:00-06:00) begin at Mon 22:00")
        notice = page.locator("#waits")
        expect(notice).to_have_text("Work waits. Its hours (22:00-06:00) begin at Mon 22:00.")
        ledger.wait(this_process(), None)
        expect(notice).to_be_empty()


def test_a_row_says_its_preset_and_what_its_result_is_called(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(0.5))
    restored(watched, "Mix.wav", mix(0.5, seed=1))
    failed(watched, "Bad.wav")
    expect(page.locator(".open .made")).to_have_text(
        ["with five-stage", "with five-stage, result Mix.wav", "with five-stage, result Mix (1).wav"],
        use_inner_text=True,
    )
    assert page.locator("bdi.name").count() == 3


def test_a_name_that_runs_from_right_to_left_leaves_the_sentence_around_it_alone(page: Page, watched: Watched) -> None:
    name = "\N{HEBREW LETTER MEM}\N{HEBREW LETTER ALEF} (1).wav"
    failed(watched, name)
    page.get_by_role("button", name=f"Retry {name}").click()
    expect(page.locator("#toast")).to_have_text(f"\u2068{name}\u2069 is queued again.")


def test_what_can_be_pressed_has_an_edge_that_is_seen(context: BrowserContext, watched: Watched, page_url: str) -> None:
    for name in ("1.wav", "2.wav"):
        failed(watched, name)
    restored(watched, "Mix.wav", mix(1))
    for scheme in ("light", "dark"):
        page = context.new_page()
        page.emulate_media(color_scheme=scheme)
        page.goto(page_url)
        opened(page, "Mix.wav")
        for selector in ("#filters [aria-pressed=false]", ".quiet", ".again select", ".sides button"):
            edge, *around = page.locator(selector).last.evaluate(EDGE_AND_GROUND)
            assert min(contrast(edge, ground) for ground in around) >= 3, (scheme, selector, edge, around)
        page.close()


def test_where_the_system_chooses_the_colours_nothing_is_told_by_them_alone(
    context: BrowserContext, watched: Watched, page_url: str
) -> None:
    restored(watched, "Mix.wav", mix(0.5))
    drop(watched, "Next.wav", mix(0.5))
    with Ledger(watched.layout.ledger) as ledger:
        id = seen(ledger, watched, "Next.wav")
        begin(ledger, watched, id)
        ledger.progress(id, 0.5)
    page = context.new_page()
    page.emulate_media(forced_colors="active")
    page.goto(page_url)
    expect(page.locator("progress")).to_have_js_property("value", 0.5)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")

    def colour(selector: str, part: str = "", of: str = "backgroundColor") -> str:
        told: str = page.locator(selector).first.evaluate(f"(node) => getComputedStyle(node, '{part}').{of}")
        return told

    assert colour("#filters [aria-pressed=true]") != colour("#filters [aria-pressed=false]")
    assert contrast(colour("#link", "::before"), ground) >= 3
    assert contrast(colour(".open .status", "::before"), ground) >= 3
    assert contrast(colour("progress", of="borderTopColor"), ground) >= 3
    assert colour("progress", of="forcedColorAdjust") == "none"
    page.close()


def test_a_chain_file_is_offered_by_its_name_and_asked_for_by_its_path(context: BrowserContext, tmp_path: Path) -> None:
    chain = tmp_path / "Loud.toml"
    chain.write_text('[[chain]]\nplugin = "Finish"\n', encoding="utf-8")
    watched = folder_at(tmp_path / "Bounces", str(chain))
    restored(watched, "Mix.wav", mix(0.5))
    with page_of(watched) as asker:
        page = context.new_page()
        page.goto(asker.url)
        detail = opened(page, "Mix.wav")
        expect(detail.get_by_label("Run again with").get_by_role("option")).to_have_text([*PRESETS, "Loud"])
        assert str(tmp_path) not in detail.inner_text()
        detail.get_by_label("Run again with").select_option("Loud")
        detail.get_by_role("button", name="Run again").click()
        expect(page.locator("#toast")).to_have_text("Mix.wav is queued again, with Loud.")
        expect(page.locator(".job")).to_contain_text("Waiting, Loud")
        page.close()


def test_a_page_that_is_not_let_in_any_more_says_why(context: BrowserContext, watched: Watched) -> None:
    calls = Calls(presets=lambda: PRESETS)
    first = WebPage([watched], Door(address=WebAddress(port=0), token="a-token-of-some-length"), calls)
    url = first.start()
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#link")).to_have_text("Live")
    first.stop()
    port = urllib.parse.urlsplit(url).port or 0
    second = WebPage([watched], Door(address=WebAddress(port=port), token="another-one-of-some-length"), calls)
    link = second.start()
    try:
        expect(page.locator("#link")).to_have_text("Not let in", timeout=30_000)
        expect(page.locator("#notices")).to_contain_text("This page is private. Open the link with ?token=")
        other = context.new_page()
        other.goto(link)  # with which the browser has the new token
        expect(page.locator("#link")).to_have_text("Live", timeout=30_000)
        expect(page.locator("#notices")).to_be_empty()
    finally:
        context.close()
        second.stop()
