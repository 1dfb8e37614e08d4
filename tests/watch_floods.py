"""So many bounces at once: for hundreds, and for thousands."""

from pathlib import Path

from watch_expectations import delivered, faults
from watch_service import Running, make_ground, tone_file

# What the service itself may take, however much is queued.
MOST_PARENT_MIB = 80
# So much for each file, on a slow machine.
EACH_S = 0.5


def flood(base: Path, count: int) -> list[str]:
    """Drop so many files into a folder that is being watched; returns what is wrong in the end."""
    ground = make_ground(base / "ground", jobs=2)
    contents = {f"Song {number % 7}/{number}.wav": [tone_file(number, seconds=0.02)] for number in range(count)}
    with ground.start() as service:
        for path, (content,) in contents.items():
            ground.drop(path, content)
        service.wait_until(lambda: ground.count_finished() == count, 60 + count * EACH_S)
        mebibytes = _peak_mib(service)
        service.stop()
    wrong = faults(ground, delivered(contents))
    return [*wrong, f"the service took {mebibytes:.0f} MiB"] if wrong or mebibytes > MOST_PARENT_MIB else []


def _peak_mib(service: Running) -> float:
    """The most memory that the service itself had at a time."""
    lines = Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii").splitlines()
    (peak,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak) / 1024
