"""What `rebounce presets` knows: chains for restoring, recipes and curricula for damage, each found by its name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rebounce.cli_presets import find_preset, user_presets_folder
from rebounce.engine.preset import load_preset, read_preset
from rebounce.presets import curriculum_file, recipe_file, toml_places
from rebounce.presets.bundled import bundled_presets
from rebounce.training.recipes import (
    bundled_curricula,
    bundled_recipes,
    bundled_text,
    load_curriculum,
    load_recipe,
    read_recipe,
)

PRESET, RECIPE, CURRICULUM = "preset", "recipe", "curriculum"
# What only one kind of file has at its top; a chain may lack everything.
TELLING = {
    RECIPE: set(recipe_file.TOP_LEVEL) - {"description"},
    CURRICULUM: set(curriculum_file.TOP_LEVEL) - {"description"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One that can be named."""

    kind: str
    name: str
    description: str


def entries() -> Iterator[Entry]:
    """All there are: the bundled presets, the user's own, then recipes and curricula."""
    own = sorted(path.stem for path in user_presets_folder().glob("*.toml"))
    for name in [*bundled_presets(), *own]:
        yield Entry(kind=PRESET, name=name, description=read_preset(find_preset(name)).description)
    for name in bundled_recipes():
        yield Entry(kind=RECIPE, name=name, description=read_recipe(name).description)
    for name in bundled_curricula():
        yield Entry(kind=CURRICULUM, name=name, description=load_curriculum(name).description)


def text_of(name: str) -> str:
    """The text of one, checked, ready to be saved and edited."""
    if name in bundled_recipes():
        return bundled_text("recipes", name)
    if name in bundled_curricula():
        return bundled_text("curricula", name)
    read_preset(find_preset(name))
    if name in bundled_presets():
        return files("rebounce.presets").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return Path(find_preset(name)).read_text(encoding="utf-8-sig")


def check(name: str, allowed_plugins: Iterable[str]) -> str:
    """What a name or file holds, so many plugins, faults or stages, once everything in it was tried."""
    allowed = [Path(item) for item in allowed_plugins]
    kind = _kind(name)
    if kind == RECIPE:
        return _counted(len(load_recipe(name, allowed).entries), "fault")
    if kind == CURRICULUM:
        curriculum = load_curriculum(name)
        load_recipe(curriculum.recipe, allowed)
        return _counted(len(curriculum.stages), "stage")
    board = load_preset(find_preset(name), allowed)
    board.model_id()  # looks every model up, and checks it
    return _counted(len(board), "plugin")


def _kind(name: str) -> str:
    if name in bundled_recipes() or name in bundled_curricula():
        return RECIPE if name in bundled_recipes() else CURRICULUM
    try:
        keys = set(toml_places.parse(toml_places.read_text(Path(find_preset(name)), "file")))
    except ValueError:
        return PRESET  # whose reading says what is wrong
    return next((kind for kind, telling in TELLING.items() if keys & telling), PRESET)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
