"""SpeechBrain's modules as references, imported so that the other tests still run."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest


def speechbrain_module(name: str) -> ModuleType:
    """Import `speechbrain.<name>`; skips the test where SpeechBrain is not installed.

    SpeechBrain leaves placeholders among the imported modules that raise ImportError when anyone
    looks at them, as `inspect.getmodule` does, and Hypothesis through it. They go.
    """
    module: ModuleType = pytest.importorskip(f"speechbrain.{name}")
    placeholder = pytest.importorskip("speechbrain.utils.importutils").LazyModule
    for key, found in list(sys.modules.items()):
        if isinstance(found, placeholder):
            del sys.modules[key]
    return module
