"""While a worker works it shows that it lives, for those that cannot ask for it."""

from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path

import pytest
from bouncing import Serving, discovered, watch_folder
from commands import wait_until
from rewriting import wav

from rebounce.watchers.bounce import State
from rebounce.watchers.crew import Crew
from rebounce.watchers.leases import STALE_S
from rebounce.watchers.processes import this_process
from rebounce.watchers.worker import BEAT_S, Progressed, Restore

IN_TIME_S = 120.0
LONG = wav(bytes(4 * 48_000 * 240))
"""Minutes of silence."""


class _BeatFast:
    """Done first in a worker; can be sent there."""

    def __call__(self) -> None:
        from rebounce.watchers import worker

        worker.BEAT_S = 0.01


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    chain = tmp_path / "slow.toml"
    chain.write_text("\n".join(['[[chain]]\nplugin = "Reverb"\n'] * 8), encoding="utf-8")
    serving = Serving(watch_folder(tmp_path / "Bounces", str(chain)))
    yield serving
    serving.close()


def test_it_beats_many_times_before_anybody_takes_it_for_gone() -> None:
    assert BEAT_S * 3 < STALE_S


def test_a_worker_beats_as_long_as_it_works_and_not_longer(serving: Serving) -> None:
    crew = Crew(1, _BeatFast())
    bounce = discovered(serving, "Mix.wav", LONG)
    try:
        worker = crew.free()
        assert serving.ledger.start(bounce.id, worker.owner, this_process())
        worker.give(
            Restore(
                folder=serving.folder,
                layout=serving.layout,
                id=bounce.id,
                uses_claims=False,
                uses_gpu=False,
                stale_s=90,
            )
        )
        wait_until(lambda: serving.ledger.known(bounce.id).beat >= 3)
        assert serving.ledger.known(bounce.id).state is State.RUNNING
        worker.process.terminate()
        while wait(crew.connections, IN_TIME_S) and isinstance(worker.connection.recv(), Progressed):
            pass
        parked = serving.ledger.known(bounce.id)
        assert parked.state is State.PARKED
        worker.process.join(IN_TIME_S)
        assert serving.ledger.known(bounce.id).beat == parked.beat
    finally:
        crew.dismiss()
