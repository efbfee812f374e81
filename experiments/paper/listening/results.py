"""What a rater sent: read, checked to the letter, and never larger than it can honestly be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments.comparison.errors import ConfigError
from lcr.errors import LcrError

SCHEMA = 1
"""Version of the key, of results and of the table; another one is refused."""
KEY_FILE = "key.json"
MAX_BYTES = 262_144
SCALES = ("faithfulness", "quality")

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
_Score = Annotated[int, Field(ge=1, le=5)]
_Count = Annotated[int, Field(ge=0, le=9999)]
_Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]


class ResultError(LcrError):
    """A rater's file is not well-formed; the message says where."""


class Rating(BaseModel):
    """Both scores, 1 to 5, of a sound, on which page and place, and how often it was started."""

    model_config = _STRICT

    stimulus: str
    page: _Count
    place: _Count
    plays: _Count
    faithfulness: _Score
    quality: _Score


class Result(BaseModel):
    """All ratings of one rater, one for each sound of the survey."""

    model_config = _STRICT

    schema_: Literal[1] = Field(alias="schema")
    survey: str
    rater: str = Field(pattern="^[A-Za-z0-9_-]{1,64}$")
    started: _Time
    finished: _Time
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
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
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
        result = Result.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ResultError(f"{where}: {first['msg']}" if where else first["msg"]) from error
    if result.survey != key["survey"]:
        raise ResultError("survey: a result of another survey")
    if key["raters"] and result.rater not in key["raters"]:
        raise ResultError("rater: no such rater was invited")
    wanted = stimuli_of(key)
    sounds = [rating.stimulus for rating in result.ratings]
    if len(sounds) != len(wanted) or set(sounds) != wanted:
        raise ResultError(f"ratings: each of the survey's {len(wanted)} sounds once")
    return result


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
