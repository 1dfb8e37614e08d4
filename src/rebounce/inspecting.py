"""What `rebounce inspect` does with its arguments: look at each file, and tell of it as soon as that is done."""

from collections.abc import Sequence

import click

from rebounce.engine import wording
from rebounce.engine.batch_plan import Source, find_sources
from rebounce.engine.finding_words import finding_sentence
from rebounce.engine.inspection.inspect_file import Inspection, attempt_inspection
from rebounce.progress import Bar, Say

EXIT_FAILED = 1
NOTHING_FOUND = "nothing wrong was found"
INTENTIONS = {"removed": "would be removed", "reduced": "would be reduced", "left": "would be left as it is"}


def run(inputs: Sequence[str], *, as_json: bool, is_quiet: bool, is_verbose: bool) -> int:
    """Look at everything that was named; returns the exit code."""
    sources = find_sources(inputs)
    if not sources:
        click.echo("rebounce: no audio files were found in what was given", err=True)
    failures = 0
    with Bar(len(sources), not is_quiet) as bar:
        for source in sources:
            inspection = _inspected(source, bar)
            failures += inspection.error is not None
            _tell(inspection, bar.say, as_json=as_json, is_quiet=is_quiet, is_verbose=is_verbose)
    return EXIT_FAILED if failures else 0


def _inspected(source: Source, bar: Bar) -> Inspection:
    if source.error is not None:
        return Inspection(input=str(source.path), error=source.error)
    return attempt_inspection(source.path, lambda fraction: bar.show(source.path, fraction))


def _tell(inspection: Inspection, say: Say, *, as_json: bool, is_quiet: bool, is_verbose: bool) -> None:
    if as_json:
        say(inspection.to_json())
    elif inspection.error is not None:
        say(f"failed     {inspection.error}", err=True)
    elif not is_quiet:
        for line in lines_of(inspection, is_verbose):
            say(line)


def lines_of(inspection: Inspection, is_verbose: bool) -> list[str]:
    """What a person reads of one file."""
    lines = [f"{inspection.input}  ({', '.join(_facts(inspection))})"]
    findings = inspection.findings or []
    lines += [f"  {finding_sentence(finding, INTENTIONS)}" for finding in findings] or [f"  {NOTHING_FOUND}"]
    if is_verbose:
        lines += [f"  {message}" for message in inspection.messages]
        if inspection.realtime_factor is not None:
            lines.append(f"  looked at in {inspection.seconds:.1f} s, {wording.real_time(inspection.realtime_factor)}")
    return lines


def _facts(inspection: Inspection) -> list[str]:
    assert inspection.frames is not None
    assert inspection.sample_rate_hz is not None
    minutes, seconds = divmod(inspection.frames / inspection.sample_rate_hz, 60)
    shape = {
        "sample_rate_hz": inspection.sample_rate_hz,
        "channels": inspection.channels,
        "subtype": inspection.subtype,
    }
    facts = [wording.format_words(shape), f"{minutes:.0f}:{seconds:04.1f}"]
    if inspection.lufs is not None:
        facts.append(wording.level(inspection.lufs, "LUFS"))
    if inspection.true_peak_dbtp is not None:
        facts.append(wording.level(inspection.true_peak_dbtp, "dBTP"))
    return facts
