"""Nothing in a test depends on how fast or how busy the machine is, or on an earlier run."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ["LCR_CACHE"] = ""  # readers of tests remember nothing on disk

settings.register_profile("lcr", deadline=None, database=None, print_blob=True)
settings.load_profile("lcr")
