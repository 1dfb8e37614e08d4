"""Model packages by name: those that come with rebounce, the user's own, and folders anywhere.

Always true here: the name of a bundled package means that one, whatever lies in the user's folder; what is returned was
checked whole, hash by hash; nothing is fetched.

find_model("light")            the bundled package, or the user's own of that name
find_model("./light")          the folder
"""

import os
import re
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import MANIFEST_NAME
from rebounce.engine.model_package import ModelPackage, find_packages, load_package

_PATH_SIGNS = re.compile(r"[/\\:]|^\.|^$")


def find_model(model: str | Path) -> ModelPackage:
    """The package of that name, else the package in that folder; a Path is a folder first and a name after that."""
    return load_package(model_folder(model))


def model_folder(model: str | Path) -> Path:
    """Where the package of that name lies, unchecked; a ModelError lists what there is."""
    text = os.fspath(model)
    if isinstance(model, Path) and model.is_dir():
        return model
    if not _PATH_SIGNS.search(text):
        for root in (bundled_folder(), models_folder()):
            if os.path.isfile(root / text / MANIFEST_NAME):
                return root / text
    if text and os.path.isdir(text):
        return Path(text)
    raise ModelError(_unknown(text))


def bundled_models() -> list[str]:
    """The names of the packages that come with rebounce."""
    return [folder.name for folder in find_packages(bundled_folder())]


def own_models() -> list[str]:
    """The names of the packages in the user's folder, those aside that a bundled one of the same name hides."""
    bundled = bundled_models()
    return [folder.name for folder in find_packages(models_folder()) if folder.name not in bundled]


def models_folder() -> Path:
    """Where the user's own packages lie; it need not be there yet."""
    from platformdirs import user_data_path

    return user_data_path("rebounce", appauthor=False) / "models"


def bundled_folder() -> Path:
    """Where the bundled packages lie; a copy without any has no such folder."""
    return Path(str(files("rebounce.engine").joinpath("models")))


def _unknown(text: str) -> str:
    bundled, own = bundled_models(), own_models()
    there = [f"bundled: {', '.join(bundled) or 'none'}", f"in {models_folder()}: {', '.join(own) or 'none'}"]
    if os.path.isfile(text):
        hint = f"that is a file: rebounce models pull {text} unpacks an archive"
    else:
        close = get_close_matches(Path(text).name.lower(), [*bundled, *own], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "rebounce models pull brings a package from a URL or a file"
    return f"{text!r}: expected the name of a model or the folder of one, found neither ({'; '.join(there)}); {hint}"
