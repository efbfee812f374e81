"""Remix audio files as a text asks. Of any rate, channel count, bit depth and length: the output
has the samples, the format and the tags of the input. Several files, folders (searched to the
bottom) and patterns go into a folder; a batch that was stopped goes on where it stood when the same
command is given again. Exit status: 0 all done, 4 something named is not there or was
not understood, 3 some files failed, 2 nothing could be done."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lcr.cli.bars import Bars
from lcr.cli.status import EXIT_BAD_INPUT, EXIT_MISSING, EXIT_PARTIAL
from lcr.errors import AudioFileError, LcrError, cause_of, words_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lcr.audio.reader import AudioFile
    from lcr.cli.batch import BatchPlan, Job, Ledger
    from lcr.cli.outcomes import Outcome, Status
    from lcr.remixer import Remixer
    from lcr.running.files import FileRemix

EXTRA = "run"
_PREVIEW_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="file, folder or pattern; - reads a WAV from standard input",
    )
    parser.add_argument("prompt", metavar="PROMPT", help='such as "turn the siren down"')
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT|DIR",
        help="file (its suffix may name another format), folder, or - for a WAV on standard output "
        "(default: NAME.remixed.SUFFIX beside the input)",
    )
    parser.add_argument(
        "--system",
        default="lcr",
        metavar="NAME",
        help="registered system or checkpoint folder (default: lcr)",
    )
    parser.add_argument(
        "--gain-db", type=_decibels, default=0.0, metavar="DB", help="change the output's level"
    )
    parser.add_argument(
        "--from",
        dest="start_s",
        type=_time,
        metavar="TIME",
        help="change only what comes after: 90, 1:30, -3 (before the end); the prompt can say it "
        'as well, as in "mute the dog from 0:10 to 0:15"',
    )
    parser.add_argument(
        "--to", dest="end_s", type=_time, metavar="TIME", help="change only what comes before"
    )
    parser.add_argument(
        "--like",
        metavar="FILE",
        help='an example of what the prompt calls "it" or "this sound", for systems that can take '
        "one",
    )
    parser.add_argument(
        "--preview",
        action="store_true",
        help=f"only the first {_PREVIEW_S:.0f} s, as NAME.preview.SUFFIX",
    )
    parser.add_argument(
        "--ab",
        action="store_true",
        help="also write OUT.ab.wav to compare: the recording left, the remix right",
    )
    parser.add_argument("--explain", action="store_true", help="tell what the system did and why")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the system's choice)")
    parser.add_argument("--force", action="store_true", help="make again what a batch has made")
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would be made; load and write nothing"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(options: argparse.Namespace) -> int:
    from lcr.cli.batch import plan_batch
    from lcr.cli.outcomes import Reporter
    from lcr.files import locked
    from lcr.prompts.time_words import choose_range

    _check_prompt(options)
    # Before any file is read, what is wrong for all of them.
    options.timed = choose_range(options.prompt, start_s=options.start_s, end_s=options.end_s)
    mark = "preview" if options.preview else "remixed"
    plan = plan_batch(options.inputs, options.output, mark=mark)
    _check_standard_output(plan, options)
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        plan = _spool_input(plan, stack)
        bars = stack.enter_context(Bars("lcr remix", total=len(plan.jobs)))
        if plan.root is not None and not options.dry_run:
            stack.enter_context(locked(plan.root))
        say = Reporter(options, plan, bars)
        say.prompt()
        try:
            for outcome in _work(plan, options, bars):
                outcomes.append(outcome)
                say.outcome(outcome)
        except KeyboardInterrupt:
            if plan.root is not None:
                bars.line("stopped; give the same command again to finish the rest")
            raise
    say.summary(outcomes)
    failed = sum(outcome.status == "failed" for outcome in outcomes)
    if failed == len(outcomes):
        return EXIT_BAD_INPUT
    if failed:
        return EXIT_PARTIAL
    return EXIT_MISSING if any(outcome.misses for outcome in outcomes) else 0


def _work(plan: BatchPlan, options: argparse.Namespace, bars: Bars) -> Iterator[Outcome]:
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: bars.line(f"warning: {message}")
        from lcr.cli.batch import Ledger

        remixer, ledger, weights = None, None, None
        if not options.dry_run:
            from lcr.api import load

            remixer = load(options.system, device=options.device).remixer
            weights = dict(remixer.card.weights)
            options.example = _example(options)
        if plan.root is not None:
            ledger = Ledger(plan.root, settings=_settings(options), weights=weights)
        for job in plan.jobs:
            with bars.step(job.name) as tell:
                yield _attempt(job, remixer, ledger, options, tell)


def _attempt(
    job: Job,
    remixer: Remixer | None,
    ledger: Ledger | None,
    options: argparse.Namespace,
    tell: Callable[[float], object],
) -> Outcome:
    """Make one file, or without a remixer see whether it could be made."""
    from lcr.audio.reader import AudioFile
    from lcr.audio.writer import encoding_like

    try:
        if ledger is not None and not options.force and ledger.has(job):
            return _outcome(job, "kept", misses=ledger.misses(job))
        if job.problem is not None:
            return _outcome(job, "failed", error=job.problem)
        assert job.source is not None
        file = AudioFile.open(job.source)
        if options.preview:
            file = file.beginning(_PREVIEW_S)
        if remixer is None:
            encoding_like(file, job.target or Path("standard output.wav"))
            return _outcome(job, "to do", file=file)
        done = _remix(job, file, remixer, ledger, options, tell)
        return _outcome(job, "done", file=file, remix=done, misses=_misses(done))
    except BrokenPipeError:
        raise
    except Exception as error:  # one bad file, or a system's fault with it, must not stop a batch
        return _outcome(job, "failed", error=_words(job, error))


def _remix(
    job: Job,
    file: AudioFile,
    remixer: Remixer,
    ledger: Ledger | None,
    options: argparse.Namespace,
    tell: Callable[[float], object],
) -> FileRemix:
    from lcr.audio.reader import AudioFile
    from lcr.audio.writer import encoding_like
    from lcr.cli.batch import beside
    from lcr.running.files import remix_file, write_remix, write_side_by_side

    given: dict[str, Any] = {
        "gain_db": options.gain_db,
        "like": options.example,
        "tell": lambda samples: tell(samples / file.samples),
    }
    if job.target is None:
        with tempfile.TemporaryFile() as spool:
            encoding = encoding_like(file, Path("standard output.wav"))
            done = write_remix(remixer, file, spool, options.timed, encoding=encoding, **given)
            spool.seek(0)
            shutil.copyfileobj(spool, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        return done
    state = os.stat(file.path)

    def note(written: IO[bytes], done: FileRemix) -> None:
        if ledger is not None:
            ledger.add(job, state, written, misses=_misses(done))

    done = remix_file(remixer, file, job.target, options.timed, before_rename=note, **given)
    if options.ab:
        write_side_by_side(file, AudioFile.open(job.target), beside(job.target))
    return done


def _example(options: argparse.Namespace) -> NDArray[np.float32] | None:
    """The recording of --like as systems take it. Raises AudioFileError."""
    if options.like is None:
        return None
    from lcr.audio.core import read_audio
    from lcr.running.chunked import mono_16k

    clip = read_audio(Path(options.like))
    return mono_16k(clip.audio, clip.sample_rate)


def _outcome(
    job: Job,
    status: Status,
    *,
    error: str | None = None,
    file: AudioFile | None = None,
    remix: FileRemix | None = None,
    misses: bool = False,
) -> Outcome:
    from lcr.cli.outcomes import Outcome

    return Outcome(
        source=job.name,
        target="standard output" if job.target is None else str(job.target),
        status=status,
        error=error,
        duration_s=None if file is None else file.duration_s,
        sample_rate=None if file is None else file.sample_rate,
        channels=None if file is None else file.channels,
        remix=remix,
        misses=misses,
    )


def _misses(done: FileRemix) -> bool:
    return any(one.is_missing for one in done.understood)


def _words(job: Job, error: Exception) -> str:
    if isinstance(error, AudioFileError):
        return error.problem if error.path == job.source else str(error)
    if isinstance(error, LcrError | ValueError):
        return words_of(error)
    if isinstance(error, OSError):
        return cause_of(error)
    return f"{type(error).__name__}: {words_of(error)}"


def _settings(options: argparse.Namespace) -> str:
    from lcr.cli.batch import settings_digest

    given = {"start_s": options.start_s, "end_s": options.end_s, "like": _digest(options.like)}
    given["preview"] = options.preview or None
    return settings_digest(
        system=options.system,
        prompt=options.prompt,
        gain_db=options.gain_db,
        # Left out where there is none, so that batches without are those of before.
        **{name: value for name, value in given.items() if value is not None},
    )


def _digest(path: str | None) -> str | None:
    """Of a file's bytes; None for no file or one that is not there, which is said later."""
    if path is None or not Path(path).is_file():
        return None
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _check_prompt(options: argparse.Namespace) -> None:
    from lcr.prompts.request import prepared

    options.asked, options.prompt = options.prompt, prepared(options.prompt, options.system)
    with contextlib.suppress(OSError, ValueError):  # a long text is no possible file name
        if Path(options.asked).exists():
            raise LcrError(
                f"the prompt comes last, and {options.asked} is a file; "
                'add what to do, such as "turn the siren down"'
            )


def _check_standard_output(plan: BatchPlan, options: argparse.Namespace) -> None:
    if all(job.target is not None for job in plan.jobs) or options.dry_run:
        return
    if options.ab:
        raise LcrError("--ab goes with a file: give -o FILE")
    if options.json:
        raise LcrError("--json and the audio both want standard output; give -o FILE")
    if sys.stdout.isatty():
        raise LcrError("the audio would go to the terminal; give -o FILE, or pipe it on")


def _spool_input(plan: BatchPlan, stack: contextlib.ExitStack) -> BatchPlan:
    """Standard input as a file: how long it is must be known first, and it is read twice."""
    if plan.jobs[0].source is not None:
        return plan
    # Without a name, so that it goes with the process however that ends.
    file: IO[bytes] = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    path = Path(f"/proc/self/fd/{file.fileno()}")
    if not path.exists():  # not on Linux
        file = stack.enter_context(tempfile.NamedTemporaryFile())  # noqa: SIM115
        path = Path(file.name)
    try:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
    except OSError as error:
        problem = f"{cause_of(error)}, in {tempfile.gettempdir()}; set TMPDIR to another folder"
        raise LcrError(f"standard input finds no room: {problem}") from error
    return dataclasses.replace(plan, jobs=(dataclasses.replace(plan.jobs[0], source=path),))


def _time(text: str) -> float:
    from lcr.prompts.time_words import parse_time

    try:
        return parse_time(text)
    except LcrError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _decibels(text: str) -> float:
    with contextlib.suppress(ValueError):
        if -200 <= (value := float(text)) <= 200:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from -200 to 200, in dB")
