"""What restorers give per fault, from kept evaluations: a digest to commit, and the table of docs/tokens.md.

    rebounce evaluate --clean MUSIC --recipe readme --codec light --preset residual.toml ... -o out/readme
    python -m benchmarks.restorer_table out/readme out/realistic

Each folder is one evaluation and goes by its name. Writes benchmarks/results/token-restore.json: of every fault and
system the mean SI-SDR and log-spectral distance, and what was gained over the damaged input with its 95 % interval over
tracks; and of every preset how many clean tracks came back bit for bit. The music itself is not part of the project.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import conditions

RESULT = Path(__file__).parent / "results" / "token-restore.json"
SCORES = ("si_sdr_db", "log_spectral_distance_db")

Data = dict[str, Any]


def main(folders: list[str]) -> None:
    digests = {Path(folder).name: digest(Path(folder)) for folder in folders}
    assert len(digests) == len(folders), "evaluations go by the names of their folders"
    kept = {"conditions": conditions(), "evaluations": digests}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for name, one in digests.items():
        print(f"\n### {name}\n\n{table(one)}\n\n{clean_table(one)}")


def digest(folder: Path) -> Data:
    """What is kept of one evaluation."""
    data = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    asked = data["asked"]
    return {
        "version": data["version"],
        "asked": {name: asked[name] for name in ("seconds", "items", "limit", "seed", "codec")},
        "presets": {preset["name"]: [_plugin(plugin) for plugin in preset["chain"]] for preset in asked["presets"]},
        "faults": {group["name"]: _group(group) for group in data["groups"]},
        "clean": {harm["preset"]: {**harm["identical"], "failed": harm["failed"]} for harm in data["do_no_harm"]},
        "worth_training": {worth["group"]: [worth["oracle"], worth["margin"]] for worth in data["worth_training"]},
    }


def _plugin(plugin: Data) -> Data:
    """Its settings, its model by the name of its folder alone."""
    model = plugin.get("model")
    return {**plugin, "model": model and Path(model).name}


def table(kept: Data) -> str:
    """One row a system, one column a fault: SI-SDR / log-spectral distance; bold where a gain is sure, (-) a loss."""
    faults = kept["faults"]
    systems = list(dict.fromkeys(name for group in faults.values() for name in group["systems"]))
    head = ["| SI-SDR, dB / log-spectral distance, dB |", *(f" {name} |" for name in faults)]
    rows = ["".join(head), "|---|" + "---|" * len(faults)]
    for system in systems:
        cells = [_cell(group["systems"].get(system)) for group in faults.values()]
        rows.append(f"| {system} |" + "".join(f" {cell} |" for cell in cells))
    return "\n".join(rows)


def clean_table(kept: Data) -> str:
    """How many clean tracks came back as they were."""
    rows = ["| clean tracks that came back bit for bit | |", "|---|---|"]
    rows += [f"| {preset} | {rate['successes']} of {rate['tracks']} |" for preset, rate in kept["clean"].items()]
    return "\n".join(rows)


def _group(group: Data) -> Data:
    return {
        "tracks": group["tracks"],
        "items": group["items"],
        "systems": {row["system"]: _row(row) for row in group["rows"] if not row["absent"]},
    }


def _row(row: Data) -> Data:
    return {"unchanged": row["unchanged"], "failed": row["failed"]} | {
        score: _score(row["scores"][score]) for score in SCORES
    }


def _score(score: Data) -> Data:
    gain = score["gain"]
    kept = {key: _rounded(score[key]) for key in ("mean", "low", "high")}
    told = gain and {**{key: _rounded(gain[key]) for key in ("mean", "low", "high")}, "verdict": gain["verdict"]}
    return {**kept, "gain": told}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _cell(row: Data | None) -> str:
    return "" if row is None else " / ".join(_shown(row[score]) for score in SCORES)


def _shown(score: Data) -> str:
    if score["mean"] is None:
        return "-"
    verdict = (score["gain"] or {}).get("verdict", 0)
    text = f"{score['mean']:.2f}"
    return {1: f"**{text}**", -1: f"{text} (-)"}.get(verdict, text)


if __name__ == "__main__":
    main(sys.argv[1:])
