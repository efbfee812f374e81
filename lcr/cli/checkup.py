"""What `lcr doctor` looks at; each check says what it found and, if need be, what to do."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

import numpy as np

from lcr.catalogue.machine import cpu_model
from lcr.errors import one_line
from lcr.registry import RegistryError, available, card_of

SCHEMA = 1
DEFAULT_SYSTEM = "lcr"
_HEAVY = ("soundfile", "soxr", "scipy", "torch", "transformers", "peft", "safetensors")
"""Imported for real: a package may be there and not load (torchaudio of another build, say)."""
_MARK = re.compile(r"""extra == ['"]([\w-]+)['"]""")
_NAME = re.compile(r"[\w.-]+")
_NOT_FOR_USERS = {"all", "test", "dev"}


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
    for name in _HEAVY:
        yield _library(name)
    yield from _extras()
    yield _accelerator()
    yield from _weights()
    yield _cache()
    yield from _limits()
    yield _end_to_end()


def _library(name: str) -> Check:
    install = f"pip install {name}, or pip install -e '.[model]' in the project's folder"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        return Check(name=name, status="bad", found=f"not installed ({error})", advice=install)
    except Exception as error:  # a broken build raises anything at all
        found = f"installed, but does not load: {type(error).__name__}: {error}"
        advice = "its version or build does not fit the others; make setup gives those that do"
        return Check(name=name, status="bad", found=found, advice=advice)
    return Check(name=name, status="good", found=str(getattr(module, "__version__", "here")))


def _extras() -> Iterator[Check]:
    """The extras of this package and which of their packages are missing."""
    wanted: dict[str, list[str]] = {}
    for line in requires("lcr") or ():
        requirement, _, marker = line.partition(";")
        package = _NAME.match(requirement.strip())
        mark = _MARK.search(marker)
        if package and mark and package[0] != "lcr" and mark[1] not in _NOT_FOR_USERS:
            wanted.setdefault(mark[1], []).append(package[0])
    for extra, names in sorted(wanted.items()):
        absent = [name for name in names if not _is_installed(name)]
        yield Check(
            name=f"extra {extra}",
            status="missing" if absent else "good",
            found=f"lacks {', '.join(absent)}" if absent else f"{len(names)} packages",
            advice=f"pip install -e '.[{extra}]' in the project's folder" if absent else "",
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
    try:
        from lcr.catalogue.readers import find_reader
        from lcr.checkpoints import CONFIG_FILE, WEIGHTS, WEIGHTS_FILE
        from lcr.joint.remixer import DEFAULT_WEIGHTS
        from lcr.nn.reader.config import PRESETS
    except ImportError as error:  # told above, library by library
        yield Check(name="weights", status="bad", found=f"cannot be looked at: {error}")
        return
    for folder in sorted(path for path in WEIGHTS.iterdir() if path.is_dir()):
        lacking = [n for n in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / n).is_file()]
        needed = folder.name == DEFAULT_WEIGHTS
        yield Check(
            name=f"weights {folder.name}",
            status="good" if not lacking else "bad" if needed else "missing",
            found=str(folder) if not lacking else f"{folder} lacks {', '.join(lacking)}",
            advice="" if not lacking else "check out or install the package again",
        )
    for name in PRESETS:
        reader = find_reader(name)
        yield Check(
            name=f"language model {reader.base}",
            status="good" if reader.missing is None else "missing",
            found="here" if reader.missing is None else reader.missing,
            advice="" if reader.missing is None else f"only readers of preset {name} need it",
        )


def _cache() -> Check:
    try:
        from lcr.nn.reader.embedding_cache import default_cache_path
    except ImportError as error:
        return Check(name="cache", status="missing", found=f"cannot be looked at: {error}")
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
