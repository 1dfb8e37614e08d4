"""docs/training.md names what there is: every key of a config, every loss, and an example that can be read."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from rebounce.presets import training_config
from rebounce.presets.training_file import parse_training
from rebounce.training.losses.registry import LOSSES
from rebounce.training.trainer.configs import bundled_configs, known

TEXT = (Path(__file__).parents[3] / "docs/training.md").read_text(encoding="utf-8")
CODE = " ".join([*re.findall(r"```.*?```", TEXT, re.DOTALL), *re.findall(r"`([^`\n]+)`", TEXT)])
TABLES = ("Data", "Batch", "Optimiser", "Advance", "Keeping", "TrainingStage", "TrainingConfig")
# These are tables, and stand there under the names of the file.
NAMES = {"stages": "[[stage]]", "loss": "[loss]", "keep": "[keep]", "data": "[data]", "batch": "[batch]"}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_told(table: str) -> None:
    keys = [NAMES.get(field.name, field.name) for field in fields(getattr(training_config, table))]
    assert [key for key in keys if not re.search(rf"(?<!\w){re.escape(key)}(?!\w)", CODE)] == []


def test_every_loss_and_every_bundled_config_is_told() -> None:
    assert [name for name in (*LOSSES, *bundled_configs()) if name != "light-codec" and name not in CODE] == []


def test_the_usual_values_are_the_ones_there_are() -> None:
    rows = re.findall(r"^\| (`.*?`) \|.*\| (.*?) \|$", TEXT, re.MULTILINE)
    told: dict[str, str] = {}
    for names, values in rows:
        keys = re.findall(r"`([\w-]+)`", names)
        given = [value.strip(" `") for value in values.split(",")]
        if len(keys) == len(given):
            told.update(zip(keys, given, strict=True))
    found = {}
    for table in TABLES:
        for field in fields(getattr(training_config, table)):
            if field.name in told and isinstance(field.default, bool | int | float | str):
                found[field.name] = field.default
    assert len(found) > 20
    for name, default in found.items():
        said = told[name]
        is_number = not isinstance(default, bool | str)
        assert float(said) == default if is_number else said == str(default).lower(), name


def test_the_example_is_a_config() -> None:
    (text,) = [block for block in re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL) if "[[stage]]" in block]
    config = parse_training(text, "docs", known())
    assert [stage.most_epochs for stage in config.stages] == [15, 60]
    assert config.stages[1].advance.patience_epochs == 8
