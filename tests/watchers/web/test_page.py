"""The page in a real browser, over a real folder whose ledger the test moves on as a service would."""

import re
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from bouncing import unfinished_at
from page_asking import PRESETS, page_of
from page_browsing import GAINS, TIMES, contrast, luminance, opened, opener, playing, until
from page_folders import begin, drop, end, failed, folder_at, mix, restored, seen
from playwright.sync_api import Browser, BrowserContext, Page, expect

from rebounce.watchers.bounce import State
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.setting_checks import WebAddress
from rebounce.watchers.status import Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.door import Door
from rebounce.watchers.web.server import WebPage

PHONE_PIXELS = 360
TOKEN = "a-token-of-some-length"


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


@pytest.fixture
def page_url(watched: Watched) -> Iterator[str]:
    """Where the page of the folder is."""
    with page_of(watched) as asker:
        yield asker.url


def state_of(watched: Watched, id: int) -> State:
    with Ledger(watched.layout.ledger) as ledger:
        return ledger.known(id).state


def test_a_bounce_is_seen_from_being_written_to_its_result(page: Page, watched: Watched) -> None:
    expect(page.get_by_role("heading", name="Drop a bounce to begin")).to_be_visible()
    expect(page.locator("#empty code")).to_have_text(str(watched.layout.root))
    path = "Album/Mix.wav"
    drop(watched, path, mix(2))
    job = page.locator(".job")
    with Ledger(watched.layout.ledger) as ledger:
        id = seen(ledger, watched, path, until=State.SETTLING)
        expect(job).to_contain_text("Still being written")
        expect(job).to_contain_text("The header gives a length that is not there yet")
        seen(ledger, watched, path)
        expect(job).to_contain_text("Waiting, five-stage")
        expect(job.get_by_role("progressbar")).to_be_hidden()
        begin(ledger, watched, id)
        expect(job).to_contain_text("Restoring, five-stage")
        for percent in (25, 50, 75):
            ledger.progress(id, percent / 100)
            expect(job).to_contain_text(re.compile(rf"{percent}%, about .* left"))
            expect(job.get_by_role("progressbar", name="Progress of Mix.wav")).to_have_js_property(
                "value", percent / 100
            )
        expect(page).to_have_title("(1) rebounce")
        end(ledger, watched, id)
    row = opener(page, "Mix.wav")
    expect(row).to_contain_text("Restored")
    expect(row).to_contain_text("\N{MINUS SIGN}14.0 LUFS")
    expect(job).to_have_count(0)
    expect(page.locator("#said")).to_have_text("Mix.wav: restored")
    expect(page).to_have_title("rebounce")


def test_both_versions_are_heard_in_step_and_equally_loud(page: Page, watched: Watched) -> None:
    id = restored(watched, "Mix.wav", mix(8))
    with Ledger(watched.layout.ledger) as ledger:
        record = ledger.known(id).record
    assert record is not None
    turned_down = 10 ** ((record["lufs_in"] - record["lufs_out"]) / 20)
    assert turned_down < 0.5  # so that the test can tell
    detail = opened(page, "Mix.wav")
    playing(page, detail)
    until(page, f"Math.abs({GAINS}[0] - 1) < 0.01 && {GAINS}[1] < 0.01")
    first = page.evaluate(TIMES)
    until(page, f"{TIMES}[0] > {first[0] + 0.3}")

    def switch(side: int) -> float:
        """Press the other side; how far its position is from that of the one heard before, in the same moment."""
        jump: float = page.evaluate(
            """(side) => {
                const audio = [...document.querySelectorAll("audio")];
                const before = audio[1 - side].currentTime;
                document.querySelectorAll(".sides button")[side].click();
                return audio[side].currentTime - before;
            }""",
            side,
        )
        return jump

    assert abs(switch(1)) < 0.03
    until(page, f"{GAINS}[0] < 0.01 && Math.abs({GAINS}[1] - {turned_down}) < 0.01")
    expect(detail.get_by_role("button", name="After")).to_have_attribute("aria-pressed", "true")
    expect(detail.locator("figure.is-playing figcaption")).to_have_text("After")
    at = page.evaluate(TIMES)
    until(page, f"{TIMES}[1] > {at[1] + 0.3}")
    assert abs(switch(0)) < 0.03
    until(page, f"Math.abs({GAINS}[0] - 1) < 0.01 && {GAINS}[1] < 0.01")
    apart = page.evaluate(TIMES)
    assert abs(apart[0] - apart[1]) < 0.03
    detail.get_by_label("Matched loudness").uncheck()
    switch(1)
    until(page, f"{GAINS}[0] < 0.01 && Math.abs({GAINS}[1] - 1) < 0.01")


def test_the_position_is_one_for_both_sides_and_all_pictures(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(8))
    detail = opened(page, "Mix.wav")
    detail.get_by_label("Position").fill("6")
    assert page.evaluate(TIMES) == [6, 6]
    expect(detail.locator("output")).to_have_text("0:06 / 0:08")
    plot = detail.locator(".plot.wave").nth(1)
    box = plot.bounding_box()
    assert box is not None
    plot.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    assert page.evaluate(TIMES) == pytest.approx([2, 2], abs=0.02)
    lefts = detail.locator(".cursor").evaluate_all("all => all.map((one) => parseFloat(one.style.left))")
    assert lefts == pytest.approx([25] * 4, abs=0.3)


def test_it_plays_to_its_end_and_begins_again_only_where_that_is_asked(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(2))
    detail = opened(page, "Mix.wav")
    playing(page, detail)
    expect(detail.get_by_role("button", name="Play")).to_be_visible(timeout=20_000)
    assert page.evaluate(TIMES) == [0, 0]
    detail.get_by_label("Loop").check()
    playing(page, detail)
    detail.get_by_label("Position").fill("1.8")
    until(page, f"{TIMES}.every((time) => time > 0.1 && time < 1)")
    expect(detail.get_by_role("button", name="Pause")).to_be_visible()


def test_what_browsers_do_not_play_is_heard_too(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.aiff", mix(4))
    playing(page, opened(page, "Mix.aiff"))


def test_a_bounce_that_was_left_as_it_is_has_one_side(page: Page, watched: Watched) -> None:
    drop(watched, "Mix.wav", mix(2))
    with Ledger(watched.layout.ledger) as ledger:
        id = seen(ledger, watched, "Mix.wav")
        begin(ledger, watched, id)
        end(ledger, Watched(layout=watched.layout, preset="bypass", name="Bounces"), id)
    detail = opened(page, "Mix.wav")
    expect(opener(page, "Mix.wav")).to_contain_text("Unchanged")
    expect(detail.locator("figcaption")).to_have_text("Before and after")
    expect(detail.get_by_role("button", name="After")).to_have_count(0)
    playing(page, detail)


def test_a_failure_says_why_and_is_retried(page: Page, watched: Watched) -> None:
    id = failed(watched, "Mix.wav", "no such thing was ever heard")
    expect(opener(page, "Mix.wav")).to_contain_text("No such thing was ever heard")
    page.get_by_role("button", name="Retry Mix.wav").click()
    expect(page.locator(".job")).to_contain_text("Waiting, five-stage")
    expect(opener(page, "Mix.wav")).to_have_count(0)
    expect(page.locator("#toast")).to_have_text("Mix.wav is queued again.")
    assert state_of(watched, id) is State.QUEUED
    with Ledger(watched.layout.ledger) as ledger:
        begin(ledger, watched, id)
        end(ledger, watched, id)
    expect(opener(page, "Mix.wav")).to_contain_text("Restored")


def test_a_result_is_made_again_with_another_preset(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(2))
    detail = opened(page, "Mix.wav")
    expect(detail.get_by_label("Run again with").get_by_role("option")).to_have_text(PRESETS)
    detail.get_by_label("Run again with").select_option("bypass")
    detail.get_by_role("button", name="Run again").click()
    expect(page.locator(".job")).to_contain_text("Waiting, bypass")
    with Ledger(watched.layout.ledger) as ledger:
        again = unfinished_at(ledger, "Mix.wav")
        assert again is not None
        assert (again.state, again.preset) == (State.QUEUED, "bypass")
        detail.get_by_role("button", name="Run again").click()
        expect(page.locator("#toast")).to_contain_text("A newer bounce of this name is under way")
        begin(ledger, watched, again.id)
        end(ledger, watched, again.id)
    expect(page.locator(".open")).to_have_count(2)
    expect(page.locator(".detail:visible")).to_have_count(1)


def test_everything_is_reached_with_the_keyboard_alone(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(8))
    expect(opener(page, "Mix.wav")).to_be_visible()

    def tab_to(wanted: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate("document.activeElement.textContent || document.activeElement.ariaLabel")
            if wanted in (focused or ""):
                ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert ring != "none", wanted
                return
        raise AssertionError(wanted)

    tab_to("Skip to the finished files")
    page.keyboard.press("Enter")
    tab_to("Failed")
    tab_to("Mix.wav")
    page.keyboard.press("Enter")
    expect(opener(page, "Mix.wav")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("figure img").first).to_be_visible(timeout=60_000)
    tab_to("Play")
    page.keyboard.press("Space")
    until(page, f"{TIMES}.every((time) => time > 0.2)")
    tab_to("Before")
    page.keyboard.press("ArrowRight")
    after = page.get_by_role("button", name="After")
    expect(after).to_be_focused()
    expect(after).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("x")
    expect(after).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("b")
    expect(after).to_have_attribute("aria-pressed", "true")
    tab_to("Position")
    before = page.evaluate(TIMES)[1]
    page.keyboard.press("PageUp")  # a tenth of the whole
    assert page.evaluate(TIMES)[1] > before + 0.6
    tab_to("autobypassfive-stage")
    tab_to("Run again")
    tab_to("Download the result")


def test_keys_of_the_player_count_while_the_focus_is_in_the_open_file_and_nowhere_else(
    page: Page, watched: Watched
) -> None:
    restored(watched, "Mix.wav", mix(8))
    detail = opened(page, "Mix.wav")
    page.evaluate("document.activeElement.blur()")
    after = detail.get_by_role("button", name="After")
    for key in ("x", "b", "Space", "ArrowRight"):
        page.keyboard.press(key)
    expect(after).to_have_attribute("aria-pressed", "false")
    expect(detail.get_by_role("button", name="Play")).to_be_visible()
    expect(detail.locator("output")).to_have_text("0:00 / 0:08")
    detail.locator("figcaption").first.click()
    page.keyboard.press("b")
    expect(after).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Space")
    until(page, f"{TIMES}.every((time) => time > 0.2)")
    page.keyboard.press("ArrowRight")
    until(page, f"{TIMES}.every((time) => time > 2)")
    page.keyboard.press("Space")
    expect(detail.get_by_role("button", name="Play")).to_be_visible()


def test_it_fits_a_phone_whatever_the_names(browser: Browser, watched: Watched, page_url: str) -> None:
    name = "A_name_that_was_never_meant_to_be_broken_" * 4
    restored(watched, f"{name[:60]}/{name}.wav", mix(2))
    failed(watched, "Mix.wav", "no " + "such_thing" * 20)
    drop(watched, "Next.wav", mix(1))
    with Ledger(watched.layout.ledger) as ledger:
        begin(ledger, watched, seen(ledger, watched, "Next.wav"))
    with browser.new_context(viewport={"width": PHONE_PIXELS, "height": 740}, has_touch=True, is_mobile=True) as phone:
        page = phone.new_page()
        page.goto(page_url)
        opened(page, name)
        for selector in ("html", "main", ".detail"):
            wide = page.locator(selector).first.evaluate("(node) => [node.scrollWidth, node.clientWidth]")
            assert wide[0] <= wide[1] <= PHONE_PIXELS, (selector, wide)
        small = page.locator("button:visible, select:visible").evaluate_all(
            "all => all.filter((one) => one.getBoundingClientRect().height < 32).map((one) => one.textContent)"
        )
        assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_in_dark(
    context: BrowserContext, watched: Watched, page_url: str, scheme: str
) -> None:
    restored(watched, "Mix.wav", mix(2))
    failed(watched, "Bad.wav")
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(page_url)
    opened(page, "Mix.wav")
    paper = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    ground = page.evaluate("getComputedStyle(document.querySelector('.files')).backgroundColor")
    sheet = luminance(ground)
    assert (paper < 0.05 and sheet < 0.05) if scheme == "dark" else (paper > 0.8 and sheet > 0.8)
    for selector in (
        ".name",
        ".summary",
        ".status.error",
        ".status.restored",
        "time",
        ".meta",
        "figcaption",
        ".quiet",
        ".links a",
    ):
        ink = page.locator(selector).first.evaluate("(node) => getComputedStyle(node).color")
        assert contrast(ink, ground) >= 4.5, (selector, ink)


def test_nothing_moves_where_that_is_asked(context: BrowserContext, watched: Watched, page_url: str) -> None:
    drop(watched, "Mix.wav", mix(1))
    with Ledger(watched.layout.ledger) as ledger:
        begin(ledger, watched, seen(ledger, watched, "Mix.wav"))
    page = context.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.goto(page_url)
    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible()
    assert bar.evaluate("(node) => getComputedStyle(node).animationName") == "none"


def test_a_screen_reader_finds_its_way(page: Page, watched: Watched) -> None:
    restored(watched, "Mix.wav", mix(2))
    detail = opened(page, "Mix.wav")
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Queue", "Finished", "Listen"):
        expect(page.get_by_role("region", name=name)).to_be_visible()
    expect(page.get_by_role("list", name="Finished files, the latest first").get_by_role("heading")).to_have_count(3)
    expect(page.locator("#said")).to_have_attribute("aria-live", "polite")
    expect(detail.get_by_role("table").get_by_role("rowheader")).to_have_count(4)
    expect(detail.get_by_role("group", name="Version that is heard")).to_be_visible()
    expect(detail.get_by_role("img", name="Spectrogram, after")).to_be_visible()
    expect(detail.get_by_role("slider", name="Position")).to_have_attribute("aria-valuetext", "0:00 / 0:02")
    nameless = page.locator("button:visible, select:visible, input:visible, a:visible").evaluate_all(
        """all => all.filter((one) => !(one.textContent || one.ariaLabel || one.labels?.length))
            .map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_a_name_is_text_whatever_it_holds(page: Page, watched: Watched) -> None:
    name = '<img src=x onerror=alert(1)><script>alert(2)<%2fscript>&amp;\u202e".wav'
    restored(watched, f"<b>folder</b>x/{name}".replace("</b>", "<b>"), mix(1))
    row = page.locator(".open")
    expect(row.locator(".name")).to_have_text(name)
    row.click()
    expect(page.locator("figure img").first).to_be_visible(timeout=60_000)
    assert page.locator(".files b, .files script, .files img[src=x]").count() == 0


def test_no_markup_and_no_script_can_be_made_of_text(context: BrowserContext, page_url: str) -> None:
    page = context.new_page()
    page.goto(page_url)
    refused = page.evaluate(
        """() => {
            try { document.body.innerHTML = "<b>x</b>"; } catch (problem) { return problem.message; }
        }"""
    )
    assert "TrustedHTML" in refused
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            try { script.text = "window.isBroken = true"; } catch { script.append("window.isBroken = true"); }
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.isBroken") is None


def test_it_comes_back_by_itself_when_the_service_does(context: BrowserContext, watched: Watched) -> None:
    calls = Calls(presets=lambda: PRESETS)
    first = WebPage([watched], Door(address=WebAddress(port=0)), calls)
    url = first.start()
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#link")).to_have_text("Live")
    first.stop()
    expect(page.locator("#link")).to_have_text("Connection lost, trying again")
    failed(watched, "Mix.wav")
    port = urllib.parse.urlsplit(url).port
    second = WebPage([watched], Door(address=WebAddress(port=port or 0)), calls)
    second.start()
    try:
        expect(page.locator("#link")).to_have_text("Live", timeout=30_000)
        expect(opener(page, "Mix.wav")).to_be_visible()
    finally:
        page.close()
        second.stop()


def test_several_folders_are_seen_together_and_apart(context: BrowserContext, watched: Watched, tmp_path: Path) -> None:
    other, away = folder_at(tmp_path / "Stems", "bypass"), folder_at(tmp_path / "Share")
    failed(watched, "Mix.wav")
    restored(other, "Drums.wav", mix(1))
    (tmp_path / "Share").rename(tmp_path / "gone")
    with page_of(watched, other, away) as asker:
        page = context.new_page()
        page.goto(asker.url)
        expect(page.locator("#subtitle")).to_have_text("Watching 3 folders")
        expect(page.get_by_role("alert").filter(has_text="Share: ")).to_contain_text("out of reach")
        expect(page.locator(".open")).to_have_count(2)
        page.get_by_role("navigation", name="Folders").get_by_role("button", name="Stems").click()
        expect(page.locator(".open .name")).to_have_text(["Drums.wav"])
        page.get_by_role("group", name="Show").get_by_role("button", name="Failed").click()
        expect(page.locator("#finished-none")).to_have_text("None of the latest is failed.")
        page.get_by_role("button", name="All folders").click()
        expect(page.locator(".open .name")).to_have_text(["Mix.wav"])
        page.close()


def test_a_link_with_the_token_opens_it_and_the_token_is_gone_from_the_address(
    context: BrowserContext, watched: Watched
) -> None:
    failed(watched, "Mix.wav")
    with page_of(watched, token=TOKEN) as asker:
        page = context.new_page()
        assert (answer := page.goto(asker.url.partition("?")[0])) is not None
        assert answer.status == 401
        page.goto(asker.url)
        expect(opener(page, "Mix.wav")).to_be_visible()
        assert "token" not in page.url
        page.get_by_role("button", name="Retry Mix.wav").click()
        expect(page.locator(".job")).to_contain_text("Waiting")
        page.close()
