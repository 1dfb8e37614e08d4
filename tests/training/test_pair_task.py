"""What is asked for when pairs are made."""

from pathlib import Path

import pytest
from pair_making import task

from rebounce.engine.errors import UsageError
from rebounce.training.pair_storage import Wish


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_length_that_is_none_is_wrong_usage(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError, match="--seconds: expected a number above 0"):
        task(tmp_path / "a.wav", tmp_path, seconds=seconds)


def test_a_pair_has_one_name_in_both_folders_and_its_record_beside_the_damaged_side() -> None:
    made = task(Path("in/a.b.flac"), Path("out"))
    names = [path.as_posix() for path in made.targets]
    assert names == ["out/clean/a.b.wav", "out/damaged/a.b.wav", "out/damaged/a.b.json"]
    pictured = task(Path("in/a.b.flac"), Path("out"), wish=Wish(file_format="keep"), has_pictures=True)
    assert [path.name for path in pictured.targets] == [
        "a.b.flac",
        "a.b.flac",
        "a.b.clean.png",
        "a.b.damaged.png",
        "a.b.json",
    ]
