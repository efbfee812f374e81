"""Turn a finished run into a checkpoint that its system loads: `ship.py RECIPE --run DIR OUT`.

Writes config.json and model.safetensors (fp16), and with --curve the validations of the runs it
was trained by as curve.csv. The card (README.md) is written by hand beside them, from these and
from `compare.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.command import command, named_path, option, set_option
from experiments.training.shipping import CURVE_FILE, FLOAT16_BITS, read_curve, ship, write_curve
from lcr.checkpoints import WEIGHTS_FILE


@command(
    __doc__,
    option("recipe", type=Path),
    option("--run", type=Path, required=True),
    set_option(),
    option(
        "--curve",
        action="append",
        default=[],
        type=named_path,
        metavar="STAGE=DIR",
        help="a run whose log becomes part of curve.csv; may be given for each stage",
    ),
    option(
        "--bits",
        type=int,
        choices=range(1, FLOAT16_BITS + 1),
        default=FLOAT16_BITS,
        metavar="N",
        help=f"significant bits of a joint model's weights (default {FLOAT16_BITS}, all there are)",
    ),
    option("out", type=Path),
)
def main(options: argparse.Namespace) -> None:
    """Write the checkpoint; print its size and digest."""
    curve = read_curve(options.curve)
    digest = ship(options.recipe, options.run, options.out, options.overrides, bits=options.bits)
    if curve:
        write_curve(curve, options.out / CURVE_FILE)
    size = (options.out / WEIGHTS_FILE).stat().st_size / 2**20
    print(f"{options.out}: {size:.1f} MiB, sha256 {digest}")


if __name__ == "__main__":
    raise SystemExit(main())
