"""The tables as text: what they say, what they leave empty, and that all forms of them agree."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured_items import item, scored

from rebounce.training.evaluation.as_data import to_data
from rebounce.training.evaluation.bench import Bench, Preset
from rebounce.training.evaluation.groups import fault_groups
from rebounce.training.evaluation.markdown import markdown_of
from rebounce.training.evaluation.page import index_html
from rebounce.training.evaluation.plain_table import plain
from rebounce.training.evaluation.run import Evaluation, Plan, judged
from rebounce.training.evaluation.tables import Shown, Table, across_table, harm_table, section_table, token_tables
from rebounce.training.evaluation.token_scores import ItemTokens, usage_of
from rebounce.training.evaluation.trial import Measured, Outcome
from rebounce.training.evaluation.wording import column_title, interval_text, number_text, percent
from rebounce.training.scores.confidence import Interval
from rebounce.training.scores.speech import trouble_with
from rebounce.training.scores.tokens import TokenAccuracy

SCORES = ("snr_db", "log_spectral_distance_db", "mel_distance_db", "si_sdr_db")
OURS = Preset(name="<ours>", source="our|s.toml", chain='{"chain": []}', sha256="")
NONE = Outcome(scores={}, message="there is none")
FAILED = Outcome(scores={}, message="it broke", is_failure=True)


def values(snr_db: float, distance_db: float) -> dict[str, float]:
    distances = {"log_spectral_distance_db": distance_db, "mel_distance_db": distance_db}
    return {"snr_db": snr_db, **distances, "si_sdr_db": snr_db}


def outcomes(ours: Outcome) -> dict[str, Outcome]:
    return {
        "damaged": Outcome(scores=values(10.0, 4.0)),
        "<ours>": ours,
        "oracle: parameters known": NONE,
        "oracle: clean magnitude": scored(**values(20.0, 1.0)),
    }


def evaluation(*ours: Outcome, clean: Outcome | None = None) -> Evaluation:
    """One item a track in the group gain, and one of clean audio."""
    measured: list[Measured] = [item(chr(97 + number), outcomes(one)) for number, one in enumerate(ours)]
    audited = {"damaged": Outcome(scores=values(120.0, 0.0)), "<ours>": clean or Outcome(scores=values(120.0, 0.0))}
    measured.append(item("a", audited, "clean"))
    plan = Plan(
        tracks=tuple(dict.fromkeys(one.track for one in measured)),
        groups=tuple(fault_groups(["gain"])),
        bench=Bench(presets=(OURS,), codec=None, scores=SCORES, seconds=10.0),
        seed=0,
        items=1,
        harm_target=0.95,
        asked={},
    )
    return judged(plan, measured, [])


def texts(found: Table) -> dict[str, list[str]]:
    return {name: [cell.value for cell in cells] for name, cells in found.rows}


def test_a_cell_says_mean_interval_and_gain() -> None:
    found = evaluation(*(scored(**values(12.0 + number / 10, 3.0)) for number in range(6)))
    cells = dict(section_table(found.sections[0], SCORES).rows)["<ours>"]
    assert (cells[0].value, cells[0].gain, cells[0].verdict) == ("12.25", "+2.25", 1)
    low, high = (float(end) for end in cells[0].interval.split(" to "))
    assert 12.0 <= low < 12.25 < high <= 12.5
    assert (cells[1].value, cells[1].gain) == ("3.00", "+1.00")


def test_what_does_not_exist_is_empty_and_said() -> None:
    table = section_table(evaluation(scored(**values(12.0, 3.0))).sections[0], SCORES)
    assert texts(table)["oracle: parameters known"] == ["", "", "", ""]
    assert "oracle: parameters known: does not exist for 1 of 1 item" in table.notes
    assert "no gain is marked as sure with fewer than 6 tracks, which may all go one way by chance" in table.notes


def test_failures_and_undefined_scores_are_counted_below() -> None:
    silent = scored(snr_db=None, log_spectral_distance_db=2.0, mel_distance_db=None, si_sdr_db=1.0)
    table = section_table(evaluation(FAILED, silent).sections[0], SCORES)
    assert "<ours>: failed on 1 of 2 items; its means are of the others" in table.notes
    assert "<ours>: undefined on 1 item, which no mean counts: SNR, Mel distance" in table.notes
    assert texts(table)["<ours>"] == ["", "2.00", "", "1.00"]


def test_the_summary_stands_beside_its_parts() -> None:
    table = across_table(evaluation(scored(**values(120.0, 0.0))))
    assert table.head == ("average score", "spread", "robustness index", "gain")
    assert texts(table)["<ours>"] == ["1.000", "0.000", "1.000", "1.000"]
    assert texts(table)["damaged"] == ["0.000"] * 4
    assert "oracle: parameters known" not in texts(table)  # it exists for no item at all


def test_the_summary_and_its_parts_say_where_they_lie() -> None:
    found = evaluation(*(scored(**values(20.0 + number, 2.0)) for number in range(4)))
    cells = dict(across_table(found).rows)["<ours>"]
    summary = found.summaries["<ours>"]
    assert summary is not None
    wanted = [*summary.intervals.values(), summary.faults[0].interval]
    assert [cell.interval for cell in cells] == [interval_text(interval, 3) for interval in wanted]
    low, high = (float(end) for end in cells[0].interval.split(" to "))
    assert low < float(cells[0].value) < high
    for text in (markdown_of(found), index_html(found, {})):
        assert text.count(cells[0].interval) >= 3  # of the average, the index and the only fault


def with_tokens() -> Evaluation:
    """Two tracks whose damaged tokens are right by a half and by all, and what could not be encoded."""
    found = evaluation(*(scored(**values(12.0, 3.0)) for _ in range(2)))
    accuracies: list[dict[str, TokenAccuracy | None]] = [
        {"damaged": TokenAccuracy(equal=(6, 4), counted=(10, 10)), "<ours>": None},
        {"damaged": TokenAccuracy(equal=(10, 10), counted=(10, 10)), "<ours>": None},
    ]
    measured = [
        replace(one, tokens=ItemTokens(accuracy=accuracies[place], histogram=None)) if one.group == "gain" else one
        for place, one in enumerate(found.items)
    ]
    return judged(found.plan, measured, [], usage_of(np.array([[10, 10, 0, 0], [20, 0, 0, 0]])))


def test_tokens_are_told_in_every_form() -> None:
    found = with_tokens()
    accuracy, usage = token_tables(found)
    assert accuracy.head == ("all", "book 1", "book 2")
    assert texts(accuracy) == {"gain: damaged": ["0.750", "0.800", "0.700"], "gain: <ours>": [""]}
    assert dict(accuracy.rows)["gain: damaged"][0].interval == "0.000 to 1.000"
    assert accuracy.notes == ("gain: <ours>: 2 items could not be encoded",)
    assert texts(usage) == {
        "perplexity": ["2.0", "1.0"],
        "of 4 codes used": ["50 %", "25 %"],
        "the most frequent one": ["50 %", "100 %"],
        "tokens": ["20", "20"],
    }
    page = index_html(found, {})
    assert "<h2>Tokens</h2>" in page
    assert "0.750<small>0.000 to 1.000</small>" in page
    assert "| gain: damaged | 0.750 [0.000 to 1.000] |" in markdown_of(found)
    data = to_data(found)
    assert data["token_usage"]["perplexity"] == pytest.approx((2, 1))
    assert data["groups"][0]["tokens"][0]["overall"]["mean"] == 0.75
    assert data["items"][0]["tokens"]["damaged"]["per_codebook"] == [0.6, 0.4]
    assert data["items"][0]["tokens"]["<ours>"] is None


def test_without_a_codec_there_is_no_word_of_tokens() -> None:
    found = evaluation(scored(**values(12.0, 3.0)))
    assert token_tables(found) == []
    assert "oken" not in markdown_of(found)
    assert to_data(found)["token_usage"] is None


def test_the_audit_says_share_bound_target_and_the_worst() -> None:
    same = harm_table(evaluation(scored(**values(12.0, 3.0))))
    assert texts(same)["<ours>"] == ["1 of 1 (100 %)", "5 %", "95 %", "no", ""]
    assert same.notes == ("<ours>: 95 % cannot be shown with 1 track, however well it does; it takes 59",)
    harmed = harm_table(evaluation(scored(**values(12.0, 3.0)), clean=scored(**values(30.0, 1.0))))
    assert texts(harmed)["<ours>"] == ["0 of 1 (0 %)", "0 %", "95 %", "no", "-20.0"]
    (note,) = harmed.notes
    told = "SNR 30.00 dB, Log-spectral distance 1.00 dB, Mel distance 1.00 dB, SI-SDR 30.00 dB"
    assert note.endswith(f"a.wav, from 1.5 s on: {told}")


def test_the_audit_says_what_it_judges_and_what_it_leaves_out() -> None:
    found = evaluation(scored(**values(12.0, 3.0)))
    silent = tuple(replace(item, is_silent=item.group == "clean") for item in found.items)
    table = harm_table(judged(found.plan, silent, []))
    assert "excerpts of 10 s in memory" in table.about
    assert texts(table)["<ours>"] == ["0 of 0", "0 %", "95 %", "no", ""]
    assert "<ours>: 1 excerpt of digital silence came back as such, which shows nothing: left out" in table.notes


def test_markdown_holds_every_number_and_no_broken_row() -> None:
    found = evaluation(*(scored(**values(12.0 + number / 10, 3.0)) for number in range(6)))
    text = markdown_of(found)
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (len(SCORES) + 2, 6 + 1, 4 + 2)
    assert "| \\<ours\\> | 12.25 [" in text
    assert "| \\<ours\\> | **+2.25 [" in text
    assert "- \\<ours\\>, SNR: 6 of 6 (100 %), at least 60.6 %" in text
    assert "## What went wrong" not in text
    assert "- it broke" in markdown_of(replace(found, problems=("it broke",)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a_b*c`d", "a\\_b\\*c\\`d"),
        ("[x](y)<b>|~$&", "\\[x\\](y)\\<b\\>\\|\\~\\$\\&"),
        ("back\\slash", "back\\\\slash"),
        ("two\nlines\r\n# three", "two lines # three"),
        ("# heading", "\\# heading"),
        ("- point", "\\- point"),
        ("12. point", "12\\. point"),
        ("plain name, 12.5 dB", "plain name, 12.5 dB"),
    ],
)
def test_no_name_is_taken_for_markdown(name: str, shown: str) -> None:
    text = markdown_of(replace(evaluation(scored(**values(1.0, 1.0))), problems=(name,)))
    assert f"## What went wrong\n\n- {shown}\n\n" in text


def test_the_page_says_the_same_escapes_names_and_loads_nothing() -> None:
    found = evaluation(*(scored(**values(12.0 + number / 10, 3.0)) for number in range(6)))
    page = index_html(found, {"gain": "gain.html"})
    assert "&lt;ours&gt;" in page
    assert "<ours>" not in page
    assert 'href="gain.html"' in page
    assert "12.25<small>" in page
    assert "surely better" in page
    # Without it words for screen readers alone, far to the right in a wide table, make the whole page scroll sideways.
    assert ".scroll { position: relative; }" in page
    assert page.count("{{") == 0
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<table>") == page.count('tabindex="0"') == 3


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_is_never_wider_than_it_is(width: int) -> None:
    found = evaluation(*(scored(**values(12.0 + number / 10, 3.0)) for number in range(6)))
    table = replace(section_table(found.sections[0], SCORES), notes=())
    lines = plain(table, width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("12.25+" in line for line in lines)
    assert any("3 columns more" in line for line in lines) == (width == 40)


def test_columns_stand_below_their_titles() -> None:
    cells = (Shown(value="1.00", verdict=-1), Shown(value="-10.00", interval="-11 to -9"))
    table = Table(title="t", about="a", head=("A long title, dB", "B"), rows=(("row", cells),))
    assert plain(table, 80).splitlines() == [
        "t: a",
        "     A long title,",
        "                dB        B",
        "row          1.00!  -10.00",
    ]
    assert plain(table, 80, has_intervals=True).splitlines()[-1].strip() == "-11 to -9"


def test_numbers_are_told_without_false_signs_and_shares_rounded_down() -> None:
    assert (number_text(-0.001, 2, "+"), number_text(2, 1, "+"), number_text(None, 2)) == ("0.00", "+2.0", "")
    assert (percent(0.9999), percent(0.57), percent(1.0), percent(None)) == ("99.9 %", "57 %", "100 %", "")
    one = Interval(mean=1.0, low=None, high=None, tracks=1, items=3)
    assert interval_text(one, 2) == ""


def test_a_column_says_its_unit_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (column_title("snr_db"), column_title("multi_resolution_stft")) == ("SNR, dB", "Multi-resolution STFT")
    trouble_with.cache_clear()
    monkeypatch.setitem(sys.modules, "pesq", None)
    assert column_title("pesq") == "PESQ wide-band (speech measure), MOS (pesq is not installed)"
    trouble_with.cache_clear()


def test_paths_are_told_as_they_are() -> None:
    assert str(Path("a.wav")) in index_html(evaluation(scored(**values(1.0, 1.0))), {})
