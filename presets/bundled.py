"""The presets that come along, by their names."""

from importlib.resources import files


def bundled_presets() -> list[str]:
    """The names of the presets that are always there."""
    names = (entry.name for entry in files("rebounce.presets").iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
