"""Table VI: make a blind listening test, serve it, and analyse what raters sent.

python -m experiments.paper.listening make --run results/studio --out listening
python -m experiments.paper.listening serve --survey listening
python -m experiments.paper.listening analyse --survey listening --results listening/results
"""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.command import command
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import locked, write_json
from experiments.comparison.report.run import read_run
from experiments.paper.listening.mean_opinions import table
from experiments.paper.listening.recordings import remix_recordings
from experiments.paper.listening.results import read_key
from experiments.paper.listening.server import SurveyServer
from experiments.paper.listening.survey import SurveyOptions, write_survey
from experiments.paper.listening.table import SCORES_FILE, analyse
from experiments.paper.published import write
from experiments.paper.runs import Options


def _make(arguments: argparse.Namespace) -> None:
    for name, least in (("items", 1), ("checks", 0), ("raters", 0), ("seed", 0)):
        if getattr(arguments, name) < least:
            raise ConfigError(f"--{name} must be at least {least}")
    options = SurveyOptions(
        systems=tuple(s.strip() for s in arguments.systems.split(",") if s.strip()),
        items=arguments.items,
        checks=arguments.checks,
        raters=arguments.raters,
        seed=arguments.seed,
        title=arguments.title,
    )
    if arguments.recordings is None:
        run = read_run(arguments.run)
    else:
        run = remix_recordings(
            arguments.recordings, options.systems, arguments.out, device=arguments.device
        )
    page, key = write_survey(run, arguments.out, options)
    print(f"page for raters: {page.resolve()} ({page.stat().st_size / 1e6:.1f} MB)")
    print(f"key, not for raters: {key.resolve()}")
    for rater in read_key(key)["raters"]:
        print(f"invite: ?rater={rater}")


def _serve(arguments: argparse.Namespace) -> None:
    key = read_key(arguments.survey / "key.json")
    folder = arguments.results or arguments.survey / "results"
    try:
        page = (arguments.survey / "survey.html").read_bytes()
        address = arguments.host, arguments.port
        server = SurveyServer(address, page=page, key=key, folder=folder)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot serve {arguments.survey}: {error}") from error
    with locked(folder), server:
        host, port = server.server_address[:2]
        print(f"http://{host!s}:{port}/ takes results into {folder.resolve()}; Ctrl+C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")


def _analyse(arguments: argparse.Namespace) -> None:
    surveys, folders = arguments.survey, arguments.results or []
    if folders and len(folders) != len(surveys):
        raise ConfigError("give --results once for each --survey, or not at all")
    folders = folders or [survey / "results" for survey in surveys]
    keys = [read_key(survey / "key.json") for survey in surveys]
    scores = analyse(list(zip(keys, folders, strict=True)))
    out = arguments.out or surveys[0]
    write_json(out / SCORES_FILE, scores)
    print(*write(table(Options(ratings=out)), out), sep="\n")
    for title, reasons in (("left out", "left_out"), ("refused", "refused_files")):
        for name, why in scores[reasons].items():
            print(f"{title}: {name}: {why}")


def _subcommands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="write survey.html and key.json")
    make.set_defaults(work=_make)
    which = make.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", type=Path, metavar="DIR", help="a suite's folder")
    which.add_argument(
        "--recordings", type=Path, metavar="DIR", help="recordings without targets, and prompts.csv"
    )
    make.add_argument("--device", default="cpu", help="where --recordings are remixed")
    make.add_argument("--out", type=Path, required=True, metavar="DIR")
    make.add_argument("--systems", default="", metavar="A,B,…", help="default: all but bounds")
    make.add_argument("--items", type=int, default=20, metavar="N")
    make.add_argument("--checks", type=int, default=2, metavar="N", help="attention checks")
    make.add_argument("--raters", type=int, default=0, metavar="N", help="ids to invite; 0: any")
    make.add_argument("--seed", type=int, default=0, metavar="N")
    make.add_argument("--title", default="Listening test")
    serve = commands.add_parser("serve", help="give the page and take results")
    serve.set_defaults(work=_serve)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8765, metavar="N")
    analysis = commands.add_parser("analyse", help="write table_6.json, .md, .csv and .tex")
    analysis.set_defaults(work=_analyse)
    analysis.add_argument("--out", type=Path, metavar="DIR", help="default: the first SURVEY")
    for one, action in ((serve, "store"), (analysis, "append")):
        more = "; may be repeated" if action == "append" else ""
        one.add_argument(
            "--survey",
            type=Path,
            required=True,
            action=action,
            metavar="DIR",
            help=f"of make{more}",
        )
        one.add_argument(
            "--results",
            type=Path,
            action=action,
            metavar="DIR",
            help=f"default: SURVEY/results{more}",
        )


@command(__doc__, _subcommands, name="listening_test", prog="python -m experiments.paper.listening")
def main(arguments: argparse.Namespace) -> None:
    """Run one of the three commands."""
    arguments.work(arguments)
