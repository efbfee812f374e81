"""How well does LCR-Q find sounds by name, by another recording and by pointing, and does it know
what is not there? `python -m experiments.analysis.open_sounds CHECKPOINT --suite real --bank DIR`.

Each mixture of the suite is asked for each sound in it: by name; by a clip of the kind from another
original recording, where the bank has one; by the second of the mixture in which the sound has most
of the energy; for a kind of which it is ("animals"); and for two names and a kind of the bank that
are not there. Names and kinds are looked for as `lcr` does (`lcr.joint.finding`). The figures are
the SNR of the extracted sound less that of the mixture, which is the SNR improvement of task TAE,
and the SNR itself, which is that of TAR, TA↑ and TA↓. Reading takes no part: names are given.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.command import command, mixture_options, option, suite_of
from experiments.comparison.examples import drawn_mixtures
from experiments.comparison.records import write_json
from lcr.checkpoints import CONFIG_FILE, Checkpoint
from lcr.data.bank import SAMPLE_RATE, Bank, Entry, Waveform
from lcr.data.mixtures import Example, MixtureConfig, MixtureSet, place, set_level
from lcr.evaluation.statistics import bootstrap_mean
from lcr.instruction import AudioDescription, SpeechDescription
from lcr.joint.finding import draw, find_kind
from lcr.joint.listening import UNLIKE
from lcr.joint.query import Encoding, Floats, QueryModel, Thresholds, unit_length
from lcr.joint.torch_network import read_query_model


@dataclass(frozen=True, kw_only=True)
class Found:
    """One query: how it was put (`way`), the sound's name, SNR in dB of what came out and of the
    mixture (None where it is absent), the presence logit, and the cosine of the query's vector and
    that of what it found."""

    way: str
    label: str
    group: str
    snr_db: float | None
    input_snr_db: float | None
    presence: float
    likeness: float = 1.0


def measure(model: QueryModel, mixtures: MixtureSet, count: int) -> list[Found]:
    """`count` mixtures, every sound in them asked for in every way."""
    by_label: dict[str, list[Entry]] = {}
    for entry in mixtures.bank.entries(mixtures.split):
        if isinstance(entry.description, AudioDescription):
            by_label.setdefault(entry.description.label, []).append(entry)
    found: list[Found] = []
    for index in range(count):
        example = mixtures.example(index)
        rng = np.random.default_rng([index, 17])
        asked = _queries(model, example, mixtures.bank, by_label, rng)
        encoding = model.encode(example.mixture)
        vectors = [_vector(model, encoding, query) for query in asked]
        answer = model.answer(encoding, vectors)
        for query, vector, part, logit in zip(
            asked, vectors, answer.parts, answer.presence.tolist(), strict=True
        ):
            sound = model.of_part(encoding, encoding.energy * part.T)
            likeness = float(unit_length(sound) @ unit_length(vector))
            if query.way.startswith("name"):
                known = 0 if query.way == _NEVER else model.recordings.get(query.label, 0)
                vector = draw(vector, sound, known)
            found.append(_score(model, encoding, example, query, [vector], logit, likeness))
        for query in _kinds(model, example, rng):
            logit, vectors, _ = find_kind(model, encoding, query.label, model.network.items)
            found.append(_score(model, encoding, example, query, vectors, logit, 1.0))
        found += _without(model, example)
    return found


@dataclass(frozen=True, kw_only=True)
class _Query:
    way: str
    label: str
    sources: tuple[int, ...]
    """Of the example; none where it is not there."""
    vector: Floats | tuple[float, float]
    """A span in s is made a vector by the mixture."""


def _queries(
    model: QueryModel,
    example: Example,
    bank: Bank,
    by_label: dict[str, list[Entry]],
    rng: np.random.Generator,
) -> list[_Query]:
    asked: list[_Query] = []
    here = set()

    def ask(way: str, label: str, source: int | None, vector: Floats | tuple[float, float]) -> None:
        sources = () if source is None else (source,)
        asked.append(_Query(way=way, label=label, sources=sources, vector=vector))

    for i, description in enumerate(example.instruction.descriptions):
        if isinstance(description, SpeechDescription):
            told = [f"{name}={value}" for name, value in description.known.items()]
            ask("voice", "", i, model.of_style("speech", *told))
            if description.gender is not None:
                ask("gender", "", i, model.of_style("speech", f"gender={description.gender}"))
            continue
        label = description.label
        here.add(label)
        ask("name", label, i, model.of_name(label))
        if model.is_recorded(label):
            ask(_NEVER, label, i, model.of_name_alone(label))
        others = [e for e in by_label[label] if e.group != example.groups[i]]
        if others:
            other = others[int(rng.integers(len(others)))]
            ask("example", label, i, model.of_sound(_clip(bank, other, rng)))
            ask("name, with an example", label, i, model.of_name(label))
        start = _loudest_second(example.sources, i)
        ask("pointing", label, i, (start, start + 1))
    absent = [label for label in by_label if label not in here]
    for name in map(str, rng.choice(absent, 2, replace=False)):
        ask("name", name, None, model.of_name(name))
        if model.is_recorded(name):
            ask(_NEVER, name, None, model.of_name_alone(name))
    genders = {getattr(d, "gender", "") for d in example.instruction.descriptions}
    for gender in {"M", "F"} - genders:
        ask("gender", "", None, model.of_style("speech", f"gender={gender}"))
    ask("scope", "", 0, model.of_style("all_speech"))
    ask("scope", "", len(example.sources) - 1, model.of_style("all_audio"))
    return asked


def _kinds(model: QueryModel, example: Example, rng: np.random.Generator) -> list[_Query]:
    """A kind that is there, and one that is not, of those with recorded sounds."""
    labels = {
        d.label: i
        for i, d in enumerate(example.instruction.descriptions)
        if isinstance(d, AudioDescription)
    }
    here: list[_Query] = []
    missing: list[_Query] = []
    for kind, sounds in model.lexicon.by_hypernym.items():
        names = {sound.name for sound in sounds}
        if any(map(model.is_recorded, names)):
            sources = tuple(i for label, i in labels.items() if label in names)
            query = _Query(way="kind", label=kind, sources=sources, vector=model.of_kind(kind))
            (here if sources else missing).append(query)
    return [some[int(rng.integers(len(some)))] for some in (here, missing) if some]


def _without(model: QueryModel, example: Example) -> list[Found]:
    """The same mixture without its speech, and without its other sounds: are they missed?"""
    speech = example.instruction.n_speech
    found = []
    for rows, scope in ((slice(speech, None), "all_speech"), (slice(speech), "all_audio")):
        left = example.sources[rows]
        if len(left) in (0, len(example.sources)):
            continue
        answer = model.answer(model.encode(left.sum(0)), [model.of_style(scope)])
        logit = float(answer.presence[0])
        found.append(
            Found(way="scope", label="", group="", snr_db=None, input_snr_db=None, presence=logit)
        )
    return found


def _vector(model: QueryModel, encoding: Encoding, query: _Query) -> Floats:
    if isinstance(query.vector, tuple):
        return model.of_span(encoding, *query.vector)
    return query.vector


def _score(
    model: QueryModel,
    encoding: Encoding,
    example: Example,
    query: _Query,
    vectors: Sequence[Floats],
    logit: float,
    likeness: float,
) -> Found:
    after = before = None
    group = ""
    if query.sources:
        group = example.groups[query.sources[0]]
        if query.way not in ("scope", "gender"):
            out = model.remix(encoding, 0.0, [(1.0, False, vector) for vector in vectors]).wave
            source = example.sources[list(query.sources)].sum(0)
            after, before = snr(out, source), snr(example.mixture, source)
        else:
            after = before = 0.0
    return Found(
        way=query.way,
        label=query.label,
        group=group,
        snr_db=after,
        input_snr_db=before,
        presence=logit,
        likeness=likeness,
    )


def _clip(bank: Bank, entry: Entry, rng: np.random.Generator) -> Waveform:
    mix = MixtureConfig(duration_s=4.0)
    return set_level(place(bank.load(entry), mix.samples, rng, mix), 0, mix)


def _loudest_second(sources: NDArray[np.float32], i: int) -> float:
    """The start in s of the second in which source `i` has the largest share of the energy."""
    step = SAMPLE_RATE // 10
    count = sources.shape[1] // step
    power = np.square(sources[:, : count * step]).reshape(len(sources), count, step).sum(-1)
    window = np.ones(10)
    mine = np.convolve(power[i], window, "valid")
    total = np.convolve(power.sum(0), window, "valid")
    share = mine / (total + 1e-9) * (mine > 0.1 * mine.max())
    return float(np.argmax(share)) / 10


def snr(estimate: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    error = np.square(estimate - reference, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(reference, dtype=np.float64).sum() / (error + 1e-12)))


def equal_error(present: Sequence[float], absent: Sequence[float]) -> tuple[float, float]:
    """The share of errors at the threshold where both kinds are equally frequent, and it."""
    values = np.sort(np.concatenate([present, absent]))
    missed = np.searchsorted(np.sort(present), values, side="left") / len(present)
    taken = 1 - np.searchsorted(np.sort(absent), values, side="left") / len(absent)
    best = int(np.argmin(np.abs(missed - taken)))
    return float((missed[best] + taken[best]) / 2), float(values[best])


def summary(
    found: Sequence[Found], sure: Mapping[str, Thresholds] | None = None
) -> dict[str, object]:
    """Means with 95 % intervals, clustered by original recording, and presence errors; with the
    thresholds of a checkpoint also what it calls heard, not sure and absent."""
    table: dict[str, object] = {}
    for way in dict.fromkeys(one.way for one in found):
        mine = [one for one in found if one.way == way and one.snr_db is not None]
        if not mine:
            continue
        groups = [one.group for one in mine]
        snr = np.array([one.snr_db for one in mine])
        gained = snr - np.array([one.input_snr_db for one in mine])
        row: dict[str, object] = {"queries": len(mine)}
        for name, values in (("extraction_snri_db", gained), ("snr_db", snr)):
            interval = bootstrap_mean(values, clusters=groups)
            row[name] = [interval.mean, interval.low, interval.high]
        table[way] = row
    presence: dict[str, dict[str, object]] = {}
    for sort, way in _WAY_OF.items():
        present, absent = _logits(found, way)
        if present and absent:
            rate, threshold = equal_error(present, absent)
            presence[way] = {
                "present": len(present),
                "absent": len(absent),
                "equal_error": rate,
                "at_logit": threshold,
            }
            if sure and sort in sure:
                presence[way] |= {
                    "present_are": _called(present, sure[sort]),
                    "absent_are": _called(absent, sure[sort]),
                    "heard_but_unlike": _unlike(found, way, sure[sort]),
                }
    table["presence"] = presence
    return table


def apart(found: Sequence[Found], prefix: str) -> dict[str, object]:
    """Summarise apart the recordings whose group begins with `prefix`, and all others."""
    return {
        name: summary([one for one in found if one.group.startswith(prefix) == begins])
        for name, begins in ((prefix, True), (f"not {prefix}", False))
    }


_NEVER = "name, as if never recorded"
_WAY_OF = {
    "recorded": "name",
    "unrecorded": _NEVER,
    "kind": "kind",
    "style": "gender",
    "scope": "scope",
}
"""Which queries say where the thresholds of a sort of name are."""


def _logits(found: Sequence[Found], way: str) -> tuple[list[float], list[float]]:
    """Presence logits of what is there, and of what is not."""
    mine = [one for one in found if one.way == way]
    return (
        [one.presence for one in mine if one.snr_db is not None],
        [one.presence for one in mine if one.snr_db is None],
    )


def _called(logits: Sequence[float], sure: Thresholds) -> dict[str, float]:
    """The shares of some queries that are called heard, not sure and absent."""
    values = np.array(logits)
    absent, heard = float((values < sure.absent).mean()), float((values >= sure.heard).mean())
    return {"heard": heard, "not sure": 1 - heard - absent, "absent": absent}


def _unlike(found: Sequence[Found], way: str, sure: Thresholds) -> dict[str, float]:
    """Of what is called heard, the shares in which what was found is told to be rather another
    sound."""
    heard = [one for one in found if one.way == way and one.presence >= sure.heard]
    sorts = {
        "present": [one.likeness for one in heard if one.snr_db is not None],
        "absent": [one.likeness for one in heard if one.snr_db is None],
    }
    return {sort: float((np.array(v) < UNLIKE).mean()) for sort, v in sorts.items() if v}


def thresholds(found: Sequence[Found]) -> dict[str, dict[str, float]]:
    """From validation mixtures: where what is there and what is not overlap, 1 % of what is there
    would be called absent and 11 % more not sure; where they do not, the gap between them is not
    sure but for a quarter at each end."""
    table = {}
    for sort, way in _WAY_OF.items():
        present, missing = _logits(found, way)
        if not present or not missing:
            continue
        absent, heard = (float(q) for q in np.quantile(present, [0.01, 0.12]))
        below = float(np.quantile(missing, 0.97))
        if below < absent:
            gap = absent - below
            absent, heard = below + gap / 4, below + 3 * gap / 4
        table[sort] = {"absent": round(absent, 3), "heard": round(heard, 3)}
    return table


@command(
    __doc__,
    option("checkpoint", type=Path, help="folder of a shipped LCR-Q"),
    *mixture_options(per_task=8),
    option(
        "--calibrate",
        action="store_true",
        help="write what counts as heard, not sure and absent into the checkpoint's config.json",
    ),
    option(
        "--apart",
        metavar="PREFIX",
        help="also report recordings whose group begins so, and the others, apart",
    ),
    option("--threads", type=int, default=1),
)
def main(options: argparse.Namespace) -> None:
    """Ask for every sound, print the figures, and calibrate where asked."""
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    config = suite_of(options)
    model = read_query_model(Checkpoint.read(options.checkpoint))
    count = config.per_task * 16
    found = measure(model, drawn_mixtures(config), count)
    table = summary(found, model.thresholds)
    if options.apart:
        table |= apart(found, options.apart)
    print(json.dumps(table, indent=1))
    if options.calibrate:
        # What is there stands out more among two sources than among four.
        pairs = replace(config, mixture=replace(config.mixture, n_speech=1, n_audio=1))
        found += measure(model, drawn_mixtures(pairs), count // 2)
        path = options.checkpoint / CONFIG_FILE
        settings = json.loads(path.read_text(encoding="utf-8"))
        settings["names"]["thresholds"] = thresholds(found)
        write_json(path, settings)


if __name__ == "__main__":
    raise SystemExit(main())
