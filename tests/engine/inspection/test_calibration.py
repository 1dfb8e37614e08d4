import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.engine.inspection.calibration import calibrated, curves, read_off
from rebounce.engine.inspection.finding import LEFT, REDUCED, Diagnosis, Finding

CURVE = [[0.2, 0.1], [0.6, 0.5], [0.9, 0.95]]


@pytest.mark.parametrize(
    ("own", "expected"),
    [(0.0, 0.0), (0.1, 0.05), (0.2, 0.1), (0.4, 0.3), (0.6, 0.5), (0.75, 0.725), (0.9, 0.95), (1.0, 0.95)],
)
def test_a_curve_is_read_in_straight_lines_from_nothing_and_level_after_its_end(own: float, expected: float) -> None:
    assert read_off(CURVE, own) == pytest.approx(expected)


def test_a_curve_of_one_point_is_that_number_from_there_on() -> None:
    assert [read_off([[0.5, 0.8]], own) for own in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.4, 0.8, 0.8]


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_surer_finding_never_becomes_a_less_sure_one(one: float, other: float) -> None:
    for fault in curves():
        low, high = (read_off(curves()[fault], own) for own in sorted((one, other)))
        assert 0 <= low <= high <= 1


def test_a_fault_without_a_curve_keeps_the_detectors_own_number() -> None:
    diagnosis = Diagnosis(findings=(Finding(fault="nothing that is known", confidence=0.37),))
    assert calibrated(diagnosis) == diagnosis


def test_what_is_seen_as_it_is_keeps_its_own_number() -> None:
    found = (
        Finding(fault="level_ride", confidence=0.5, detail={"cut": "end"}),
        Finding(fault="level_ride", confidence=0.4, detail={"gap_s": 2.0}),
        Finding(fault="echo", confidence=0.15, detail={"delay_ms": 250.0, "is_on_beat_grid": True}),
        Finding(fault="noise", confidence=0.2, detail={"noise_dbfs": -60.0, "is_perhaps_music": True}),
    )
    assert calibrated(Diagnosis(findings=found)).findings == found


def test_what_would_be_wrong_nine_times_in_ten_is_told_only_of_a_repair() -> None:
    unsure = [Finding(fault="a fault", confidence=0.05, action=action) for action in (LEFT, REDUCED)]
    assert calibrated(Diagnosis(findings=tuple(unsure))).findings == (unsure[1],)
