"""One file of a model package before it is one: a torch module, and what goes in and comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    Gaps = Callable[[Mapping[str, Tensor], Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A module that becomes the ONNX file `file`.

    The module takes `inputs` and then `shared`, in their order, and gives one tensor or a tuple of them, named
    `outputs`. Its first axis is the batch, which stays open in the file (`inputs` are an example of 2 or more, as real
    as can be); everything else is fixed. What is in `shared` is a weight that other parts of the package use as well:
    it is stored once, in `NAME.bin` beside the files.

    `tolerance` is how far the file may be from the module, as a part of the output's own level. An output of whole
    numbers is a choice, and may differ only where the choice is a near tie: `gaps` says of such an output, from the
    inputs, the module's choices and the file's, by how much the file's were worse, counted alike. `codes_below` is one
    above the largest whole number that goes in. `golden` are inputs for which all choices are clear, where there are
    any. `is_exact` marks what is not converted to another precision.
    """

    file: str
    module: Any
    inputs: "dict[str, Tensor]"
    outputs: tuple[str, ...]
    tolerance: float
    shared: "dict[str, Tensor]" = field(default_factory=dict)
    gaps: "dict[str, Gaps]" = field(default_factory=dict)
    golden: "dict[str, Tensor]" = field(default_factory=dict)
    codes_below: int = 1
    is_exact: bool = False
