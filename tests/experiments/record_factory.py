"""A whole record, for tests that care about some of its keys."""

from __future__ import annotations

from typing import Any

from experiments.comparison.records import SCHEMA


def make_record(index: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "suite": "made",
        "system": "system",
        "family": "joint",
        "uses_oracle": [],
        "config_digest": "c" * 64,
        "weights": [],
        "data_digest": "d",
        "index": index,
        "example_id": f"made-0-{index:05d}",
        "example_sha256": "e" * 64,
        "task": "TSE",
        "pattern": "1000",
        "n_speech": 2,
        "n_audio": 2,
        "sources": [
            {
                "clip": f"clip{index}",
                "group": f"group{index}",
                "action": "1",
                "kind": "audio",
                "description": {"label": "rain"},
            }
        ],
        "prompt": "Keep the rain.",
        "seed": 0,
        "status": "ok",
        "error": None,
        "metrics": {"snr_improvement_db": 1.0},
        "input_metrics": {"snr_db": 0.0},
        "undefined": {},
        "cost": {
            "wall_s": 1.0,
            "real_time_factor": 0.1,
            "peak_bytes": 1,
            "peak_device_bytes": None,
            "batch": 1,
            "llm_calls": 0,
            "tokens_in": 0,
            "tokens_out": 0,
        },
        "trace": [],
        "audio": None,
        "code": {"commit": None, "dirty": None},
        "env": {"python": "3.11", "torch": None, "device": "cpu", "threads": 1},
        "started": "2026-01-01T00:00:00.000+00:00",
        "finished": "2026-01-01T00:00:01.000+00:00",
    } | changes
