"""What a rater sent: read, checked to the letter, and never larger than it can honestly be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.comparison.errors import ConfigError
from lcr.errors import LcrError

SCHEMA = 1
"""Version of the key, of results and of the table; another one is refused."""
KEY_FILE = "key.json"
MAX_BYTES = 262_144
SCALES = ("faithfulness", "quality")
RATER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_KEYS = {"schema", "survey", "rater", "started", "finished", "ratings"}
_RATING_KEYS = {"stimulus", "page", "place", "plays", *SCALES}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


class ResultError(LcrError):
    """A rater's file is not well-formed; the message says where."""


@dataclass(frozen=True, kw_only=True)
class Rating:
    """Both scores, 1 to 5, of a sound, and how often it was started."""

    stimulus: str
    faithfulness: int
    quality: int
    plays: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """All ratings of one rater, one for each sound of the survey."""

    rater: str
    ratings: tuple[Rating, ...]


def read_key(path: Path) -> Mapping[str, Any]:
    """The key that `make` wrote. Raises ConfigError."""
    try:
        key: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if key["schema"] != SCHEMA:
            raise ConfigError(f"{path} has schema {key['schema']}; this program reads {SCHEMA}")
        stimuli_of(key)
    except OSError as error:
        raise ConfigError(f"cannot read the key {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path} is not a survey's key ({type(error).__name__})") from error
    return key


def stimuli_of(key: Mapping[str, Any]) -> set[str]:
    """Ids of every sound that a rater rates."""
    return {s for item in key["items"] for s in item["stimuli"]} | set(key["checks"])


def parse_result(content: bytes, key: Mapping[str, Any]) -> Result:
    """Raises ResultError unless `content` answers this survey, completely and with nothing else."""
    if len(content) > MAX_BYTES:
        raise ResultError(f"{len(content)} bytes; a result has at most {MAX_BYTES}")
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultError("not JSON in UTF-8") from error
    if not isinstance(found, dict) or set(found) != _KEYS:
        raise ResultError(f"a result is an object with {', '.join(sorted(_KEYS))}")
    if found["schema"] != SCHEMA or found["survey"] != key["survey"]:
        raise ResultError("a result of another survey")
    rater = found["rater"]
    if not isinstance(rater, str) or not RATER_ID.fullmatch(rater):
        raise ResultError("rater: 1 to 64 letters, digits, - and _")
    if key["raters"] and rater not in key["raters"]:
        raise ResultError("no such rater was invited")
    for name in ("started", "finished"):
        if not isinstance(found[name], str) or not _TIME.fullmatch(found[name]):
            raise ResultError(f"{name}: a time such as 2026-01-31T12:00:00.000Z")
    if not isinstance(found["ratings"], list):
        raise ResultError("ratings: a list")
    ratings = tuple(_rating(row) for row in found["ratings"])
    wanted = stimuli_of(key)
    if len(ratings) != len(wanted) or {r.stimulus for r in ratings} != wanted:
        raise ResultError(f"ratings: each of the survey's {len(wanted)} sounds once")
    return Result(rater=rater, ratings=ratings)


def read_results(folder: Path, key: Mapping[str, Any]) -> tuple[list[Result], dict[str, str]]:
    """Results of `folder`/*.json, and why other such files were left out, by file name.

    Raises ConfigError when the folder cannot be read.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; give the one that raters' files are in")
    results: dict[str, Result] = {}
    problems: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            with path.open("rb") as file:
                result = parse_result(file.read(MAX_BYTES + 1), key)
            if result.rater in results:
                raise ResultError(f"rater {result.rater} has answered in another file")
            results[result.rater] = result
        except OSError as error:
            problems[path.name] = str(error.strerror)
        except ResultError as error:
            if path.name != KEY_FILE:  # results may lie beside the survey's own key
                problems[path.name] = str(error)
    return list(results.values()), problems


def _rating(row: object) -> Rating:
    if not isinstance(row, dict) or set(row) != _RATING_KEYS:
        raise ResultError(f"a rating is an object with {', '.join(sorted(_RATING_KEYS))}")
    if not isinstance(row["stimulus"], str):
        raise ResultError("stimulus: text")
    for name in sorted(_RATING_KEYS - {"stimulus"}):
        low, high = (1, 5) if name in SCALES else (0, 9999)
        # A bool is an int to Python, not to a rater.
        if type(row[name]) is not int or not low <= row[name] <= high:
            raise ResultError(f"{name}: a whole number from {low} to {high}")
    return Rating(**{k: row[k] for k in ("stimulus", "faithfulness", "quality", "plays")})
