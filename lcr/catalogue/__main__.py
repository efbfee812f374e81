"""Count everything that ships and write catalogue.json: `python -m lcr.catalogue`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from lcr.catalogue.counting import count_models, networks
from lcr.catalogue.listing import CATALOGUE, SCHEMA, list_systems
from lcr.catalogue.readers import count_reader
from lcr.files import write_whole
from lcr.nn.reader.config import PRESETS


def make_catalogue() -> dict[str, Any]:
    """What catalogue.json holds; of systems of other packages nothing."""
    readers = {name: count_reader(preset.base) for name, preset in PRESETS.items()}
    return {
        "schema": SCHEMA,
        "systems": [asdict(s) for s in list_systems(check=True, tell=print) if s.package == "lcr"],
        "models": [asdict(model) for model in count_models(networks(), print)],
        "readers": {name: size for name, size in readers.items() if size is not None},
    }


if __name__ == "__main__":
    write_whole(CATALOGUE, json.dumps(make_catalogue(), indent=1) + "\n")
