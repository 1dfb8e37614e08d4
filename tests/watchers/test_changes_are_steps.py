"""Whatever changes a bounce in the ledger, or a name in a watched folder, is a step: read from the code itself, so that
nothing is added between two kills without a kill of its own.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rebounce.watchers.named_sql import queries

ROOM = Path(__file__).parent.parent.parent / "watchers"

BY_THE_ENGINE = {"Staged", "copy_unchanged", "restore_file"}
DEEDS = {"link", "rename", "unlink", "rmdir", "remove", "rmtree", "give_name", *BY_THE_ENGINE}
"""What gives a name to a file, or takes it away."""

HONEST = {
    "claims.Claims.sweep": "a claim that it has taken over by a step, and what processes that are gone were writing",
    "former_names.remembering": "a list that each start brings up to date, whole or not at all",
    "folder_tree.remove_bare": "empty folders only, where the watched folder is not there",
    "ledger.open_ledger": "a ledger that cannot be read; done before anything is served, and gone through again",
    "repair._discard": "parts that no plan knows; what a kill leaves of them the sweep of the next start takes",
    "repair._left_to_others": "parts of work that another machine has taken over; the sweep takes them too",
    "web.darkroom.Darkroom.close": "pictures for the page, in a folder for what may go",
    "web.darkroom.Darkroom._developed": "the same",
    "web.darkroom.Darkroom._drop": "the same",
    "web.darkroom.Darkroom._standing_folder": "the same",
    "web.darkroom._new_folder": "the same",
    "web.token_file._write": "the token of the page, in this machine's own state folder, whole or not at all",
}
"""What is done outside of steps, and why it needs no kill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function of the room: whether it is a step, what names it calls, and what it does to files."""

    module: str
    name: str
    is_step: bool
    calls: frozenset[str]
    deeds: frozenset[str]

    @property
    def place(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def bare(self) -> str:
        return self.name.rpartition(".")[2]

    def is_called_by(self, other: "Function") -> bool:
        """By its name; one with an underscore is its module's own."""
        is_own = self.bare.startswith("_") and other.module != self.module
        return not is_own and other != self and self.bare in other.calls


def functions_in(path: Path) -> Iterator[Function]:
    """All functions and methods of a module; what is defined inside of one counts as its own doing."""
    module = path.relative_to(ROOM).with_suffix("").as_posix().replace("/", ".")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield read(module, node.name, node)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield read(module, f"{node.name}.{inner.name}", inner)


def read(module: str, name: str, node: ast.FunctionDef) -> Function:
    calls = [call for line in node.body for call in ast.walk(line) if isinstance(call, ast.Call)]
    return Function(
        module=module,
        name=name,
        is_step=is_step(node),
        calls=frozenset(called(call) for call in calls),
        deeds=frozenset(called(call) for call in calls if is_deed(call)),
    )


def is_step(node: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Call) and called(mark) == "step" for mark in node.decorator_list)


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def is_deed(call: ast.Call) -> bool:
    """`replace` is a deed of os and of paths, which take other arguments than texts, times and dataclasses do."""
    name = called(call)
    if name == "replace" and isinstance(call.func, ast.Attribute):
        is_of_os = isinstance(call.func.value, ast.Name) and call.func.value.id == "os"
        return is_of_os or (len(call.args) == 1 and not call.keywords and not is_of_the_page(call.func.value))
    is_of_list = name == "remove" and not (isinstance(call.func, ast.Attribute) and is_os(call.func.value))
    return name in DEEDS and not is_of_list


def is_os(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "os"


def is_of_the_page(node: ast.expr) -> bool:
    """The page has folders replaced that it shows."""
    return ast.unparse(node) in ("self", "self._shelf", "page")


def room() -> list[Function]:
    return [function for path in sorted(ROOM.rglob("*.py")) for function in functions_in(path)]


def within_steps(functions: list[Function]) -> set[str]:
    """Those that are steps, or are called from nowhere else."""
    within = {one.place for one in functions if one.is_step}
    while True:
        callers = {one.place: [other for other in functions if one.is_called_by(other)] for one in functions}
        more = {
            place for place, found in callers.items() if found and all(caller.place in within for caller in found)
        } - within
        if not more:
            return within
        within |= more


def test_names_are_given_and_taken_away_within_steps_only() -> None:
    functions = room()
    within = within_steps(functions)
    strays = {one.place: sorted(one.deeds) for one in functions if one.deeds and one.place not in within}
    assert {place: deeds for place, deeds in strays.items() if place not in HONEST} == {}
    assert set(HONEST) <= set(strays), "an exception that is none any more"


# -- the ledger


def changing() -> set[str]:
    """The statements that change what becomes of a bounce: its state, its plan, its place, or that it is known."""
    return {name for name, statement in queries().items() if changes_bounces(statement)}


def changes_bounces(statement: str) -> bool:
    if re.search(r"\b(DELETE FROM|INTO) bounces\b", statement):
        return True
    told = re.search(r"\bUPDATE bounces\s+SET\b(.*?)\bWHERE\b", statement, re.DOTALL)
    return told is not None and re.search(r"\b(state|plan|source)\s*=", told[1]) is not None


def statements(function: ast.FunctionDef) -> Iterator[ast.expr]:
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("._do", "._file.change")):
            yield call.args[0]


def test_what_becomes_of_a_bounce_changes_within_steps_only() -> None:
    run: set[str] = set()
    for path in sorted(ROOM.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef) or function.name in ("_do", "change"):
                continue
            for statement in statements(function):
                where = f"{path.name}: {function.name}"
                assert isinstance(statement, ast.Constant), f"{where}: a statement without its name"
                assert path.name == "ledger.py", where
                assert is_step(function) or statement.value not in changing(), f"{where}: {statement.value}"
                run.add(str(statement.value))
    assert changing() <= run


@pytest.mark.parametrize("words", ["sqlite3.connect(", "queries()["])
def test_the_ledger_is_changed_through_its_statements_alone(words: str) -> None:
    users = [path.name for path in sorted(ROOM.rglob("*.py")) if words in path.read_text(encoding="utf-8")]
    assert users == ["ledger_file.py"]


def test_those_statements_are_found_that_change_what_becomes_of_a_bounce() -> None:
    assert {"discover", "queue", "start", "plan", "finish", "rename_source", "delete", "prune", "rerun"} <= changing()
    assert not {"next", "progress", "beat", "told", "serve", "leave", "rename_result", "counts"} & changing()
