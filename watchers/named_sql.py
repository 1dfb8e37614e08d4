"""The SQL of the ledger, read from the files beside: statements by name, and the steps from one schema to the next."""

import re
from functools import cache
from importlib.resources import files

_NAMED = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


@cache
def queries() -> dict[str, str]:
    """Every statement of `queries.sql` by its name."""
    text = files("rebounce.watchers").joinpath("sql/queries.sql").read_text(encoding="utf-8")
    return {match[1]: match[2].strip() for match in _NAMED.finditer(text)}


@cache
def migrations() -> list[str]:
    """What leads from an empty file to the schema of today, one script a version, in their order."""
    folder = files("rebounce.watchers").joinpath("sql")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name[:4].isdigit())
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
