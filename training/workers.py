"""Many tasks in several processes: the engine's own."""

from rebounce.engine.workers import Failure, run_tasks

__all__ = ["Failure", "run_tasks"]
