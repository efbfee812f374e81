"""Nothing in a test depends on how fast or how busy the machine is, or on an earlier run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ["LCR_CACHE"] = ""  # readers of tests remember nothing on disk
# One torch thread a worker: several workers share the cores. Before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "lcr",
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lcr")


@pytest.fixture(autouse=True)
def _subnormal_numbers() -> Iterator[None]:
    """A training sets faint numbers to zero in its process, which here goes on to other tests."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture
def bfloat16_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with bfloat16 products; torch emulates them elsewhere."""
    monkeypatch.setattr("lcr.training.precision.has_bfloat16", lambda: True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rehearsals",
        action="store_true",
        help="run also what is marked `rehearsal` (see pyproject.toml), as `make test-all` does",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect rehearsals unless they are asked for, or are the only tests that are named."""
    if config.getoption("rehearsals"):
        return
    left_out = [item for item in items if item.get_closest_marker("rehearsal")]
    if len(left_out) < len(items):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("rehearsal")]
