"""Recursive filters as matrix products: what a second-order section does to a block is linear in block and state.

The loudness meter runs in every restore, and scipy.signal, whose sosfilt would serve, takes longer to import (0.7 s)
than ten minutes of audio take to measure. A block of 64 frames is one row of a matrix product here, and the states
between the blocks come from a second, coarser product; only every 1024th frame is a step of a loop.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

Floats = NDArray[np.float64]

BLOCK_FRAMES = 64
GROUP_BLOCKS = 16
# Below this many multiplications BLAS starts no threads: these wait for one another by spinning, which on a busy
# machine costs a hundred times what they save, and the sums would depend on their number.
MOST_MULTIPLICATIONS = 250_000


class BlockFilter:
    """A cascade of second-order sections over float32 pieces `(channels, frames)`.

    The products are float32, the states between the blocks float64: the result is off by about -110 dB of the input,
    which is nothing to a meter, and takes half the time.
    """

    def __init__(self, sections: Floats, channels: int) -> None:
        self._a, b, c, d = _state_space(sections)
        respond, recall, absorb, pass_on = _block_matrices(self._a, b, c, d)
        order = len(self._a)
        self._respond, self._recall, self._absorb = (matrix.astype(np.float32) for matrix in (respond, recall, absorb))
        self._enter = np.concatenate([self._respond, self._absorb])
        self._states_from, self._recall_group, self._absorb_group, self._pass_on_group = _group_matrices(pass_on, order)
        self.state = np.zeros((channels, order))

    def __call__(self, audio: Audio) -> Audio:
        """The filtered audio `(channels, frames)`; the state goes on to the next piece."""
        channels, frames = audio.shape
        count = frames // BLOCK_FRAMES
        whole = count * BLOCK_FRAMES
        entered = _product(audio[:, :whole].reshape(channels, count, BLOCK_FRAMES), self._enter)
        starts = self._starts(entered[..., BLOCK_FRAMES:])
        self.state = starts[:, count]
        filtered = np.empty_like(audio)
        blocks = filtered[:, :whole].reshape(channels, count, BLOCK_FRAMES)
        np.add(entered[..., :BLOCK_FRAMES], _product(starts[:, :count].astype(np.float32), self._recall), out=blocks)
        filtered[:, whole:] = self._rest(audio[:, whole:])
        return filtered

    def _starts(self, absorbed: Audio) -> Floats:
        """The state before each block `(channels, blocks + 1 or more, order)`, from what each block adds to it."""
        channels, count, order = absorbed.shape
        groups = count // GROUP_BLOCKS + 1
        padded = np.zeros((channels, groups, GROUP_BLOCKS * order))
        padded.reshape(channels, -1, order)[:, :count] = absorbed
        additions = _product(padded, self._absorb_group)
        group_starts = np.empty((channels, groups, order))
        state = self.state
        for group in range(groups):
            group_starts[:, group] = state
            state = state @ self._pass_on_group.T + additions[:, group]
        starts: Floats = _product(padded, self._states_from) + _product(group_starts, self._recall_group)
        return starts.reshape(channels, -1, order)

    def _rest(self, samples: Audio) -> Audio:
        """Fewer frames than a block."""
        frames = samples.shape[1]
        filtered: Audio = (
            samples @ self._respond[:frames, :frames].T + self.state.astype(np.float32) @ self._recall[:frames].T
        )
        self.state = (
            samples @ self._absorb[:, BLOCK_FRAMES - frames :].T
            + self.state @ np.linalg.matrix_power(self._a, frames).T
        )
        return filtered


def _product(rows: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """`rows @ matrix.T` for `(channels, count, n)`, a few rows at a time."""
    made = np.empty((*rows.shape[:2], len(matrix)), dtype=matrix.dtype)
    at_once = max(1, MOST_MULTIPLICATIONS // matrix.size)
    for first in range(0, rows.shape[1], at_once):
        part = slice(first, first + at_once)
        np.matmul(rows[:, part], matrix.T, out=made[:, part])
    return made


def _state_space(sections: Floats) -> tuple[Floats, Floats, Floats, float]:
    """The cascade as state' = A state + b x, y = c state + d x (transposed direct form 2, two states a section)."""
    order = 2 * len(sections)
    matrix = np.empty((order, order))
    outputs = np.empty(order)
    for index, basis in enumerate(np.eye(order)):
        matrix[:, index], outputs[index] = _step(sections, basis, 0.0)
    entering, direct = _step(sections, np.zeros(order), 1.0)
    return matrix, entering, outputs, direct


def _step(sections: Floats, state: Floats, sample: float) -> tuple[Floats, float]:
    """One frame through the cascade."""
    following = np.empty_like(state)
    for index, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        out = b0 * sample + state[2 * index]
        following[2 * index] = b1 * sample - a1 * out + state[2 * index + 1]
        following[2 * index + 1] = b2 * sample - a2 * out
        sample = out
    return following, sample


def _block_matrices(a: Floats, b: Floats, c: Floats, d: float) -> tuple[Floats, Floats, Floats, Floats]:
    """For a block: input to output, state to output, input to state, state to state."""
    powers = [np.linalg.matrix_power(a, index) for index in range(BLOCK_FRAMES + 1)]
    impulse = np.array([d, *(c @ power @ b for power in powers[: BLOCK_FRAMES - 1])])
    lag = np.subtract.outer(np.arange(BLOCK_FRAMES), np.arange(BLOCK_FRAMES))
    respond = np.where(lag >= 0, impulse[np.maximum(lag, 0)], 0.0)
    recall = np.stack([c @ power for power in powers[:BLOCK_FRAMES]])
    absorb = np.stack([power @ b for power in powers[BLOCK_FRAMES - 1 :: -1]], axis=1)
    return respond, recall, absorb, powers[BLOCK_FRAMES]


def _group_matrices(pass_on: Floats, order: int) -> tuple[Floats, Floats, Floats, Floats]:
    """The same for a group of blocks, whose input is what each block adds to the state: states before each block."""
    powers = [np.linalg.matrix_power(pass_on, index) for index in range(GROUP_BLOCKS + 1)]
    states = np.zeros((GROUP_BLOCKS, order, GROUP_BLOCKS, order))
    for later in range(GROUP_BLOCKS):
        for earlier in range(later):
            states[later, :, earlier] = powers[later - 1 - earlier]
    size = GROUP_BLOCKS * order
    recall = np.concatenate(powers[:GROUP_BLOCKS])
    absorb = np.concatenate(powers[GROUP_BLOCKS - 1 :: -1], axis=1)
    return states.reshape(size, size), recall, absorb, powers[GROUP_BLOCKS]
