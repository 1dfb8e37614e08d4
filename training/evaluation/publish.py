"""Everything of an evaluation into its folder: what is heard first, then the tables, and `evaluation.json` last."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rebounce.engine.workers import Failure, run_tasks
from rebounce.training.evaluation.as_data import to_json
from rebounce.training.evaluation.group_page import GroupPage, write_group
from rebounce.training.evaluation.groups import CLEAN
from rebounce.training.evaluation.kept import kept_items
from rebounce.training.evaluation.markdown import markdown_of
from rebounce.training.evaluation.page import index_html
from rebounce.training.evaluation.run import Evaluation
from rebounce.training.evaluation.written import RESULT_NAME, SCORES_NAME, TABLE_NAME, to_csv, write_text

INDEX_NAME = "index.html"


def group_pages(evaluation: Evaluation, folder: Path, count: int) -> list[GroupPage]:
    """The pages to listen to, with so many items each; a group without items has none."""
    names = [*(section.group.name for section in evaluation.sections), CLEAN]
    kept = {name: kept_items(evaluation.plan, evaluation.items, name, count) for name in names}
    return [GroupPage(group=name, kept=tuple(items), folder=folder) for name, items in kept.items() if items]


def publish(
    evaluation: Evaluation, folder: Path, pages: list[GroupPage], processes: int, on_page: Callable[[str], None]
) -> list[str]:
    """Write all files; returns a sentence for each page that failed. `on_page` is told each page that is done."""
    problems: list[str] = []
    files: list[str] = []
    links: dict[str, str] = {}
    with closing(run_tasks(write_group, pages, processes)) as done:
        for page, result in done:
            if isinstance(result, Failure):
                problems.append(f"{folder / page.name}: {result.message}")
            else:
                files += result
                links[page.group] = page.name
            on_page(page.name)
    write_text(folder / SCORES_NAME, to_csv(evaluation))
    write_text(folder / TABLE_NAME, markdown_of(evaluation))
    write_text(folder / INDEX_NAME, index_html(evaluation, links))
    told = to_json(evaluation, [*files, SCORES_NAME, TABLE_NAME, INDEX_NAME])
    write_text(folder / RESULT_NAME, f"{told}\n")
    return problems
