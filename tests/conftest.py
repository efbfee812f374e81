"""Nothing in a test depends on how fast or how busy the machine is, or on an earlier run."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

os.environ["LCR_CACHE"] = ""  # readers of tests remember nothing on disk

settings.register_profile("lcr", deadline=None, database=None, print_blob=True)
settings.load_profile("lcr")


@pytest.fixture
def bfloat16_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with bfloat16 products; torch emulates them elsewhere."""
    monkeypatch.setattr("lcr.training.precision.has_bfloat16", lambda: True)
