import re
import sqlite3
from pathlib import Path

from rebounce.watchers.ledger import Ledger
from rebounce.watchers.named_sql import migrations, queries

WATCHERS = Path(__file__).parents[2] / "watchers"


def test_every_statement_is_used_and_every_one_that_is_used_is_there() -> None:
    source = (WATCHERS / "ledger.py").read_text(encoding="utf-8")
    used = set(re.findall(r'self\._(?:do|rows|all)\(\s*"(\w+)"', source))
    assert used == set(queries())


def test_every_statement_can_be_prepared_against_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    database = sqlite3.connect(path)
    try:
        for name, statement in queries().items():
            wanted = dict.fromkeys(re.findall(r":(\w+)", statement))
            assert database.execute(f"EXPLAIN {statement}", wanted).fetchall(), name
    finally:
        database.close()


def test_a_statement_is_one_and_no_more_than_its_own() -> None:
    for name, statement in queries().items():
        assert sqlite3.complete_statement(statement), name
        assert statement.count(";") == 1, name
        assert "-- name:" not in statement, name


def test_the_migrations_come_in_the_order_of_their_numbers() -> None:
    files = sorted((WATCHERS / "sql").glob("[0-9]*.sql"))
    assert [path.name[:4] for path in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert migrations() == [path.read_text(encoding="utf-8") for path in files]
