"""The parameters of a hosted plugin, as the child process finds them and sends them to its parent."""

from collections.abc import Callable
from typing import Any

_PROBES = (0.0, 0.25, 0.5, 0.75, 1.0)


def describe_parameters(plugin: Any) -> list[dict[str, Any]]:
    """Every parameter: its name, range or words, value and unit."""
    return [_describe(name, item) for name, item in plugin.parameters.items()]


def _describe(name: str, item: Any) -> dict[str, Any]:
    table: dict[str, Any] = {"name": name, "unit": (item.label or "").strip(), "is_automatable": item.is_automatable}
    if item.type is float:
        table |= {"low": float(item.min_value), "high": float(item.max_value)}
    elif item.type is bool:
        table |= {"is_flag": True}
    else:
        table |= {"words": [str(word) for word in item.valid_values]}
    return table


def read_values(plugin: Any) -> dict[str, float | bool | str]:
    """What every parameter is set to now."""
    return {name: _value(plugin, name, item) for name, item in plugin.parameters.items()}


def _value(plugin: Any, name: str, item: Any) -> float | bool | str:
    if item.type is bool:
        return bool(item.raw_value >= 0.5)
    return float(getattr(plugin, name)) if item.type is float else str(item.string_value)


def write_values(plugin: Any, values: dict[str, float | bool | str]) -> None:
    """Set parameters; twice where one of them (a program, say) moved another that had been set before it."""
    items = plugin.parameters
    wanted = {name: items[name].get_raw_value_for(value) for name, value in values.items()}
    for name, raw in wanted.items():
        items[name].raw_value = raw
    for name, raw in wanted.items():
        if items[name].raw_value != raw:
            items[name].raw_value = raw


def copy_values(source: Any, target: Any) -> None:
    """Bring another instance of the same plugin to the same sound: its state, and what the state did not carry."""
    target.raw_state = source.raw_state
    items = target.parameters
    for name, item in source.parameters.items():
        if item.is_automatable and items[name].raw_value != item.raw_value:
            items[name].raw_value = item.raw_value


def ask_less_often(ask: Callable[..., str | None]) -> Callable[..., str | None]:
    """pedalboard's own question for a parameter's text, without setting one parameter a thousand times for nothing.

    Where a plugin cannot say what a value would be called, pedalboard sets 1,001 values and sets each back. Measured:
    50 s to load ZamVerb, which reads an impulse response at each. Five values tell that the text never changes, and a
    parameter with few steps has no more texts than steps; with that it loads in 0.7 s and finds the same ranges.
    """
    known: dict[tuple[str, float], str | None] = {}

    def asked_once(parameter: Any, raw_value: float) -> str | None:
        key = (parameter.name, raw_value)
        if key not in known:
            known[key] = ask(parameter, raw_value, True)
        return known[key]

    def text(parameter: Any, raw_value: float, slow: bool = False) -> str | None:
        if not slow:
            return ask(parameter, raw_value, False)
        last = parameter.num_steps - 1
        if 0 < last < 1000:
            return asked_once(parameter, round(raw_value * last) / last)
        texts = {asked_once(parameter, probe) for probe in _PROBES}
        return texts.pop() if len(texts) == 1 else asked_once(parameter, raw_value)

    return text
