"""Everything of an evaluation into its folder: what is heard first, then the tables, and `evaluation.json` last."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rebounce.engine.errors import OutputError
from rebounce.engine.workers import Failure, run_tasks
from rebounce.training.evaluation.as_data import to_json
from rebounce.training.evaluation.group_page import GroupPage, file_part, page_name, write_group
from rebounce.training.evaluation.groups import CLEAN
from rebounce.training.evaluation.kept import kept_items
from rebounce.training.evaluation.markdown import markdown_of
from rebounce.training.evaluation.page import index_html
from rebounce.training.evaluation.place import PART_NAME, swap_in
from rebounce.training.evaluation.run import Evaluation
from rebounce.training.evaluation.written import SCORES_NAME, TABLE_NAME, to_csv, write_text

INDEX_NAME = "index.html"
TABLES = (SCORES_NAME, TABLE_NAME, INDEX_NAME)


def names_written(groups: Sequence[str]) -> list[str]:
    """What an evaluation of these groups may write at the top of its folder."""
    every = [*groups, CLEAN]
    return [*TABLES, *map(page_name, every), *map(file_part, every)]


def group_pages(evaluation: Evaluation, folder: Path, count: int) -> list[GroupPage]:
    """The pages to listen to, with so many items each; a group without items has none."""
    names = [*(section.group.name for section in evaluation.sections), CLEAN]
    kept = {name: kept_items(evaluation.plan, evaluation.items, name, count) for name in names}
    part = folder / PART_NAME
    return [GroupPage(group=name, kept=tuple(items), folder=part) for name, items in kept.items() if items]


def publish(
    evaluation: Evaluation, folder: Path, pages: list[GroupPage], processes: int, on_page: Callable[[str], None]
) -> tuple[Evaluation, list[str]]:
    """Write all files and put them in their place; `on_page` is told each page that is done.

    Returns the evaluation with a problem more for each page that failed, and the files. What cannot be published at
    all leaves the folder as it was, and is a problem too: what was measured is not lost.
    """
    part = folder / PART_NAME
    files: list[str] = []
    links: dict[str, str] = {}
    with closing(run_tasks(write_group, pages, processes)) as done:
        for page, result in done:
            if isinstance(result, Failure):
                shutil.rmtree(part / file_part(page.group), ignore_errors=True)
                evaluation = _with_problem(evaluation, f"{page.name}: {result.message}", part)
            else:
                files += result
                links[page.group] = page.name
            on_page(page.name)
    files += TABLES
    try:
        write_text(part / SCORES_NAME, to_csv(evaluation))
        write_text(part / TABLE_NAME, markdown_of(evaluation))
        write_text(part / INDEX_NAME, index_html(evaluation, links))
        swap_in(folder, files, f"{to_json(evaluation, files)}\n")
    except OutputError as problem:
        return _with_problem(evaluation, str(problem), part), []
    return evaluation, files


def _with_problem(evaluation: Evaluation, problem: str, part: Path) -> Evaluation:
    """The sentence names the place where a file belongs, not the one where it was made."""
    told = problem.replace(str(part), str(part.parent))
    return replace(evaluation, problems=(*evaluation.problems, told))
