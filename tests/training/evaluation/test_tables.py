"""The tables as text: what they say, what they leave empty, and that all forms of them agree."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from measured_items import item, scored

from rebounce.training.evaluation.bench import Bench, Preset
from rebounce.training.evaluation.groups import fault_groups
from rebounce.training.evaluation.markdown import markdown_of
from rebounce.training.evaluation.page import index_html
from rebounce.training.evaluation.plain_table import plain
from rebounce.training.evaluation.run import Evaluation, Plan, judged
from rebounce.training.evaluation.tables import Shown, Table, across_table, harm_table, section_table
from rebounce.training.evaluation.trial import Measured, Outcome
from rebounce.training.evaluation.wording import column_title, interval_text, number_text, percent
from rebounce.training.scores.confidence import Interval

SCORES = ("snr_db", "log_spectral_distance_db", "mel_distance_db")
OURS = Preset(name="<ours>", source="our|s.toml", chain='{"chain": []}', sha256="")
NONE = Outcome(scores={}, message="there is none")
FAILED = Outcome(scores={}, message="it broke", is_failure=True)


def values(snr_db: float, distance_db: float) -> dict[str, float]:
    return {"snr_db": snr_db, "log_spectral_distance_db": distance_db, "mel_distance_db": distance_db}


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
    assert texts(table)["oracle: parameters known"] == ["", "", ""]
    assert "oracle: parameters known: does not exist for 1 of 1 item" in table.notes
    assert "with fewer than 6 tracks intervals are rough, and no gain is marked as sure" in table.notes


def test_failures_and_undefined_scores_are_counted_below() -> None:
    silent = scored(snr_db=None, log_spectral_distance_db=2.0, mel_distance_db=None)
    table = section_table(evaluation(FAILED, silent).sections[0], SCORES)
    assert "<ours>: failed on 1 of 2 items; its means are of the others" in table.notes
    assert "<ours>: undefined on 1 item, which no mean counts: SNR, Mel distance" in table.notes
    assert texts(table)["<ours>"] == ["", "2.00", ""]


def test_the_summary_stands_beside_its_parts() -> None:
    table = across_table(evaluation(scored(**values(120.0, 0.0))))
    assert table.head == ("average score", "spread", "robustness index", "gain")
    assert texts(table)["<ours>"] == ["1.000", "0.000", "1.000", "1.000"]
    assert "oracle: parameters known" not in texts(table)  # it exists for no item at all


def test_the_audit_says_share_bound_target_and_the_worst() -> None:
    same = harm_table(evaluation(scored(**values(12.0, 3.0))))
    assert texts(same)["<ours>"] == ["1 of 1 (100 %)", "5 %", "95 %", "no", ""]
    assert same.notes == ("<ours>: 95 % cannot be shown with 1 track, however well it does; it takes 59",)
    harmed = harm_table(evaluation(scored(**values(12.0, 3.0)), clean=scored(**values(30.0, 1.0))))
    assert texts(harmed)["<ours>"] == ["0 of 1 (0 %)", "0 %", "95 %", "no", "-20.0"]
    (note,) = harmed.notes
    assert note.endswith("a.wav, from 1.5 s on: SNR 30.00 dB, Log-spectral distance 1.00 dB, Mel distance 1.00 dB")


def test_markdown_holds_every_number_and_no_broken_row() -> None:
    found = evaluation(*(scored(**values(12.0 + number / 10, 3.0)) for number in range(6)))
    text = markdown_of(found)
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") in (len(SCORES) + 2, 6 + 1, 4 + 2)
    assert "| <ours> | 12.25 [" in text
    assert "| <ours> | **+2.25 [" in text
    assert "- <ours>, SNR: 6 of 6 (100 %), at least 60.6 %" in text
    assert "## What went wrong" not in text
    assert "- it broke" in markdown_of(replace(found, problems=("it broke",)))


def test_the_page_says_the_same_escapes_names_and_loads_nothing() -> None:
    found = evaluation(*(scored(**values(12.0 + number / 10, 3.0)) for number in range(6)))
    page = index_html(found, {"gain": "gain.html"})
    assert "&lt;ours&gt;" in page
    assert "<ours>" not in page
    assert 'href="gain.html"' in page
    assert "12.25<small>" in page
    assert "surely better" in page
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
    assert any("2 columns more" in line for line in lines) == (width == 40)


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
    monkeypatch.setitem(sys.modules, "pesq", None)
    assert column_title("pesq") == "PESQ wide-band (speech measure), MOS (pesq is not installed)"


def test_paths_are_told_as_they_are() -> None:
    assert str(Path("a.wav")) in index_html(evaluation(scored(**values(1.0, 1.0))), {})
