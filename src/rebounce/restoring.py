"""What `rebounce restore` does with its arguments: check everything first, then work, then tell."""

import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebounce.engine.batch import Batch, exit_code, run_batch
from rebounce.engine.batch_plan import Item, plan_batch, read_input_list
from rebounce.engine.board import Board
from rebounce.engine.errors import UsageError
from rebounce.engine.job import Job, Options
from rebounce.engine.model_choice import asked_for, ready_models
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.engine.record import ERROR, Record
from rebounce.engine.reference_choice import with_reference
from rebounce.engine.restore import failed_record, foresee, skipped_record
from rebounce.engine.sample_formats import check_depth
from rebounce.progress import Bar, tell

if TYPE_CHECKING:
    from rebounce.cli_restore import Arguments


def run(arguments: "Arguments", preset: str | Path) -> int:
    """Restore everything that was asked for; returns the exit code."""
    options = _options(arguments)
    chain = with_reference(load_preset(preset, arguments.allowed_plugins), arguments.reference, arguments.preset)
    board = chain.at_strength(arguments.strength / 100)
    _choose_model(board, arguments)
    listed = read_input_list(arguments.input_list) if arguments.input_list else []
    items = plan_batch(
        [*arguments.inputs, *listed], arguments.output, arguments.file_format, arguments.delta, arguments.saves_chain
    )
    if not items:
        click.echo("rebounce: no audio files were found in what was given", err=True)
    pairs = [(item, _job(item, arguments, options)) for item in items]
    if arguments.is_album and not arguments.is_dry_run:
        board = _album(board, pairs)
    shape, model = preset_hash(board, options.shaping()), board.model_id()
    pairs = [(item, replace(job, preset_hash=shape, model=model)) for item, job in pairs]
    records = _told_plan(pairs, arguments) if arguments.is_dry_run else _work(pairs, board, arguments)
    return exit_code(records)


def _options(arguments: "Arguments") -> Options:
    """The options that shape a file, refused here where no file could satisfy them."""
    if arguments.file_format != "keep":
        check_depth(arguments.file_format.upper(), arguments.bit_depth)
    if arguments.delta and arguments.sample_rate_hz:
        raise UsageError("--delta: input minus output needs both at one rate; leave --sample-rate out")
    if arguments.delta and os.path.realpath(arguments.delta) == os.path.realpath(arguments.output):
        raise UsageError(f"--delta {arguments.delta}: the results go there already; name a folder of its own")
    return Options(
        file_format=arguments.file_format,
        bit_depth=arguments.bit_depth,
        sample_rate_hz=arguments.sample_rate_hz,
        clip_mode=arguments.clip_mode,
        keep_mtime=arguments.keep_mtime,
        delta=arguments.delta,
        saves_chain=arguments.saves_chain,
    )


def _choose_model(board: Board, arguments: "Arguments") -> None:
    """Give the chain the model and the device that were asked for; refused here where they cannot be used."""
    choice = asked_for(arguments.model, arguments.device)
    choice.check([board], [arguments.preset])
    choice.apply_to(board)
    message = ready_models(board)
    if message is not None and not arguments.is_quiet:
        click.echo(f"rebounce: {message}", err=True)


def _job(item: Item, arguments: "Arguments", options: Options) -> Job:
    return Job(
        source=item.source,
        target=item.target,
        copy_target=item.copy_target,
        root=arguments.output,
        options=options,
        preset=arguments.preset,
        is_forced=arguments.is_forced,
    )


def _album(board: Board, pairs: list[tuple[Item, Job]]) -> Board:
    """The chain with one level change for everything that will be restored."""
    from rebounce.engine.album import album_board

    jobs = [job for item, job in pairs if _settled(item, job) is None]
    album, messages = album_board(board, jobs)
    shape = preset_hash(album, jobs[0].options.shaping()) if jobs else ""
    stale = [job for job in jobs if foresee(replace(job, preset_hash=shape)).status == ERROR and job.target.exists()]
    if stale:
        raise UsageError(
            f"--album: {stale[0].target} is there with another level than the album has now, and {len(stale)} such in "
            "all; add --force to restore the whole album anew, so that it keeps its balance"
        )
    for message in messages:
        click.echo(f"rebounce: {message}", err=True)
    return album


def _settled(item: Item, job: Job) -> Record | None:
    """The record of an input that needs no work."""
    if item.skipped is not None:
        return skipped_record(job, item.skipped)
    return failed_record(job, item.error) if item.error is not None else None


def _told_plan(pairs: list[tuple[Item, Job]], arguments: "Arguments") -> list[Record]:
    """Say what would be done: headers are read, and results that are there already are recognised."""
    records = []
    for item, job in pairs:
        records.append(_settled(item, job) or foresee(job))
        tell(records[-1], arguments.as_json, arguments.is_quiet, arguments.is_verbose)
    return records


def _work(pairs: list[tuple[Item, Job]], board: Board, arguments: "Arguments") -> list[Record]:
    """Restore the files, and tell of each as it is done."""
    records = []
    for item, job in pairs:
        record = _settled(item, job)
        if record is not None:
            records.append(record)
            tell(record, arguments.as_json, arguments.is_quiet, arguments.is_verbose)
    jobs = [job for item, job in pairs if _settled(item, job) is None]
    with Bar(len(jobs), not arguments.is_quiet) as bar, closing(_batch(jobs, board, arguments, bar)) as done:
        for _, record in done:
            records.append(record)
            tell(record, arguments.as_json, arguments.is_quiet, arguments.is_verbose, bar.say)
    _finish(records, arguments)
    return records


def _batch(
    jobs: list[Job], board: Board, arguments: "Arguments", bar: Bar
) -> Generator[tuple[Job, Record], None, None]:
    batch = Batch(jobs=jobs, chain=board.settings() if arguments.processes > 1 else {})
    return run_batch(batch, board, arguments.processes, lambda job, fraction: bar.show(job.source, fraction))


def _finish(records: list[Record], arguments: "Arguments") -> None:
    """What is written once for the whole batch."""
    if not arguments.has_report:
        return
    from rebounce.engine.overview import overview_of
    from rebounce.engine.report import ReportEntry, write_report

    entries = []
    for record in records:
        if record.output is None or record.status == ERROR:
            entries.append(ReportEntry(record=record.to_dict()))
            continue
        before, after = Path(record.input), Path(record.output)
        entries.append(
            ReportEntry(
                record=record.to_dict(),
                before=overview_of(before),
                after=overview_of(after),
                before_audio=before,
                after_audio=after,
            )
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    page = arguments.output / "report.html"
    write_report(page, entries)
    if not arguments.is_quiet:
        click.echo(f"report    {page}", err=arguments.as_json)
