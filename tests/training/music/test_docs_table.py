"""The table in the docs is the one that was measured."""

from pathlib import Path

from benchmarks.music_figures import docs_table

DOCS = Path(__file__).parents[3] / "docs" / "music.md"


def test_the_table_in_the_docs_is_written_from_the_kept_results() -> None:
    assert docs_table() in DOCS.read_text(encoding="utf-8")
