"""A whole record, for tests that care about some of its keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from experiments.comparison.records import SCHEMA
from lcr.evaluation.effective import MEASURES


def scores(snri_db: float) -> dict[str, float | None]:
    """What a record holds of an example whose input SNR is 0 dB."""
    return {
        "snr_db": snri_db,
        "snr_improvement_db": snri_db,
        "si_sdr_db": snri_db,
        "si_sdr_improvement_db": snri_db,
        **dict.fromkeys(MEASURES),
    }


def make_record(index: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "suite": "made",
        "system": "system",
        "family": "joint",
        "uses_oracle": [],
        "config": {"options": {}},
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
                "action": action,
                "kind": "audio",
                "description": {"label": "rain"},
            }
            for action in "1000"
        ],
        "prompt": "Keep the rain.",
        "seed": 0,
        "status": "ok",
        "error": None,
        "metrics": scores(1.0),
        "input_metrics": {"snr_db": 0.0, "si_sdr_db": 0.0},
        "undefined": {},
        "effective_gains_db": [0.0] * 4,
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


def make_summary(files: Mapping[str, str], n: int, **changes: Any) -> dict[str, Any]:
    """A whole summary of `n` examples made by `make_record`; `files` maps systems to records."""
    mean = {"mean": 1.0, "low": None, "high": None, "n": n, "reason": None}
    system = {
        **{"family": "joint", "bound": False, "uses_oracle": [], "causal": False},
        **{"reference": "", "sample_rate": None, "config_digest": "c", "weights": []},
        **{"device": "cpu", "n": n, "of": n, "failed": 0, "not_defined": [], "statuses": {"ok": n}},
        **{"first_error": None, "undefined": 0, "dropped_lines": 0, "tasks": {}, "average": mean},
        **{"average_without_ovc": mean, "answered_mean_db": 1.0, "rank": 1, "versus": None},
        **{"rank_low": 1, "rank_high": 1, "p_first": 1.0, "trained_on": [], "weakest": []},
        **{"latency_s": 0.5, "stages": {}},
        "share_improved": {"mean": 1.0, "low": None, "high": None, "n": n},
        "followed": dict.fromkeys(MEASURES, mean),
        **{"real_time_factor": 0.1, "wall_s": 1.0, "peak_bytes": 1, "peak_device_bytes": None},
        **{"llm_calls": 0, "tokens_in": 0, "tokens_out": 0},
    }
    record = make_record()
    return {
        **{"schema": 3, "suite": "made", "about": "", "corpora": []},
        **{
            "families": None,
            "may_be_first": [],
            "config": {},
            "config_digest": "c",
            "data_digest": "d",
        },
        "examples_sha256": hashlib.sha256((record["example_sha256"] * n).encode()).hexdigest(),
        **{"measure": "snr_improvement_db", "confidence": 0.95, "tasks": [], "per_task": 1},
        **{"n_examples": n, "compare_to": None, "not_run": {}, "examples": [], "notes": []},
        "systems": [{"name": name, "records": file, **system} for name, file in files.items()],
        **{key: record[key] for key in ("code", "env", "started", "finished")},
        **changes,
    }
