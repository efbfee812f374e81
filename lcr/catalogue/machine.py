"""The processor, which a measured number must name."""

from __future__ import annotations

import platform
from pathlib import Path


def cpu_model() -> str:
    """The processor's name, family and model (the name alone is often generic)."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    if "model name" not in named:
        return platform.processor() or platform.machine()
    family, model = named.get("cpu family", "?"), named.get("model", "?")
    return f"{named['model name']} (family {family}, model {model})"
