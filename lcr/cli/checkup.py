"""What `lcr doctor` looks at; each check says what it found and, if need be, what to do."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np

from lcr.catalogue.machine import cpu_model
from lcr.catalogue.readers import find_reader
from lcr.checkpoints import CONFIG_FILE, WEIGHTS, WEIGHTS_FILE
from lcr.errors import LcrError, one_line
from lcr.extras import PORTAUDIO, extras, install_command, mending, name_of
from lcr.nn.reader.config import PRESETS
from lcr.nn.reader.embedding_cache import default_cache_path
from lcr.registry import RegistryError, available, card_of
from lcr.runtime import exported

SCHEMA = 1
DEFAULT_SYSTEM = "lcr"
_NEEDED = ("numpy", "soundfile", "soxr")
_USEFUL = ("onnxruntime", "torch", "transformers", "peft", "scipy", "sounddevice")
"""Imported for real: a package may be there and not load (sounddevice without PortAudio, say)."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """`missing`: something optional is not here. `bad`: the default system cannot work so."""

    name: str
    status: Literal["good", "missing", "bad"]
    found: str
    advice: str = ""


def examine() -> Iterator[Check]:
    """Every check, the quick ones first."""
    machine = f"{platform.system()} {platform.machine()}, {cpu_model()}"
    python = f"Python {platform.python_version()}"
    yield Check(name="lcr", status="good", found=f"{version('lcr')}, {python}, {machine}")
    for name in (*_NEEDED, *_USEFUL):
        yield _library(name)
    yield from _extras()
    yield _accelerator()
    yield from _weights()
    yield _cache()
    yield from _limits()
    yield _end_to_end()


def _library(name: str) -> Check:
    status: Literal["missing", "bad"] = "bad" if name in _NEEDED else "missing"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError:
        return Check(name=name, status=status, found="not installed", advice=mending(name))
    except Exception as error:  # a broken build raises anything at all
        found = f"installed, but does not load: {type(error).__name__}: {one_line(error)}"
        advice = "install the library that it names, or a build that fits the other packages"
        if name == "sounddevice":
            advice = PORTAUDIO
        return Check(name=name, status=status, found=found, advice=advice)
    return Check(name=name, status="good", found=str(getattr(module, "__version__", "here")))


def _extras() -> Iterator[Check]:
    """The extras of this package and which of their packages are missing."""
    for extra, requirements in sorted(extras().items()):
        absent = [name for name in map(name_of, requirements) if not _is_installed(name)]
        yield Check(
            name=f"extra {extra}",
            status="missing" if absent else "good",
            found=f"lacks {', '.join(absent)}" if absent else f"{len(requirements)} packages",
            advice=install_command(extra) if absent else "",
        )


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _accelerator() -> Check:
    torch = sys.modules.get("torch")
    if torch is None:
        return Check(name="device", status="missing", found="no torch to ask")
    if torch.cuda.is_available():
        found = f"cuda: {torch.cuda.get_device_name(0)} (lcr remix --device cuda)"
    elif torch.backends.mps.is_available():
        found = "mps (lcr remix --device mps)"
    else:
        found = f"no GPU; {torch.get_num_threads()} CPU threads"
    return Check(name="device", status="good", found=found)


def _weights() -> Iterator[Check]:
    for folder in sorted(path for path in WEIGHTS.iterdir() if path.is_dir()):
        yield _checkpoint(folder)
    for name in PRESETS:
        reader = find_reader(name)
        yield Check(
            name=f"language model {reader.base}",
            status="good" if reader.missing is None else "missing",
            found="here" if reader.missing is None else reader.missing,
            advice="" if reader.missing is None else f"only readers of preset {name} need it",
        )


def _checkpoint(folder: Path) -> Check:
    name = f"weights {folder.name}"
    lacking = [n for n in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / n).is_file()]
    if lacking:
        found = f"{folder} lacks {', '.join(lacking)}"
        advice = "check out or install the package again"
        return Check(name=name, status="missing", found=found, advice=advice)
    try:
        by = "torch" if exported(folder) is None else "onnxruntime"
    except LcrError as error:
        return Check(name=name, status="missing", found=str(error), advice=mending("torch"))
    return Check(name=name, status="good", found=f"{folder}, run by {by}")


def _cache() -> Check:
    path = default_cache_path()
    if path is None:
        return Check(name="cache", status="good", found="off (LCR_CACHE is empty)")
    there = next(folder for folder in path.parents if folder.exists())
    if os.access(there, os.W_OK):
        return Check(name="cache", status="good", found=str(path))
    advice = "set LCR_CACHE to a folder that can be written, or to nothing"
    return Check(name="cache", status="missing", found=f"{there} is read-only", advice=advice)


def _limits() -> Iterator[Check]:
    """What is known of the weaknesses of the systems that can be imported here."""
    found: dict[str, list[str]] = {}
    for one in available():
        with suppress(RegistryError):
            card = card_of(one.name)
            if card is not None and card.limits:
                found.setdefault(card.limits, []).append(one.name)
    for limits, names in found.items():
        yield Check(name=f"limits of {', '.join(names)}", status="good", found=limits)


def _end_to_end() -> Check:
    name = f"system {DEFAULT_SYSTEM}"
    try:
        from lcr import load

        noise = np.random.default_rng(0).normal(0, 0.1, (1, 16_000)).astype(np.float32)
        done = load(DEFAULT_SYSTEM).remix(noise, 16_000, "turn the music down")
        if done.audio.shape != noise.shape or not np.isfinite(done.audio).all():
            raise ValueError(f"gave {done.audio.shape} with samples that are not finite")
    except Exception as error:  # whatever it is, a person must learn of it
        found = f"{type(error).__name__}: {one_line(error)}"
        return Check(name=name, status="bad", found=found, advice="see what is broken above")
    return Check(name=name, status="good", found="remixed a second of noise")
