"""Inputs and the outputs that belong to them, so that a package can be tried wherever it lands.

The outputs are the file's own, on the CPU, after parity with torch was checked.
"""

from pathlib import Path

import numpy as np

from rebounce.engine.model_manifest import Golden
from rebounce.engine.onnx_session import Array, Session
from rebounce.exporters.part import Part

FOLDER = "golden"


def write_golden(part: Part, session: Session, folder: Path, tolerance: float) -> Golden:
    """Write the arrays of one file below `folder`; `tolerance` is a part of the outputs' level, as for parity.

    Choices (whole numbers) are among the outputs only where the part has inputs for which they are clear: elsewhere
    another processor may choose the other of two that are as good.
    """
    given = part.golden or part.inputs
    inputs = {name: np.ascontiguousarray(value[:1].numpy()) for name, value in given.items()}
    made = session.run(inputs)
    outputs = {name: value for name, value in made.items() if part.golden or value.dtype.kind == "f"}
    stem = f"{FOLDER}/{Path(part.file).stem}"
    names = (f"{stem}.inputs.npz", f"{stem}.outputs.npz")
    for name, arrays in zip(names, (inputs, outputs), strict=True):
        (folder / name).parent.mkdir(exist_ok=True)
        np.savez_compressed(folder / name, allow_pickle=False, **arrays)
    level = max((_level(value) for value in outputs.values() if value.dtype.kind == "f"), default=0.0)
    return Golden(model=part.file, inputs=names[0], outputs=names[1], tolerance=float(f"{tolerance * level:.3g}"))


def _level(values: Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
