"""Table VI: the listening test. `python -m experiments.paper.table_6 --ratings DIR`.

DIR is the folder that `experiments.paper.listening analyse` wrote its table into: the survey's own,
or the `--out` given there. Without it no cell has a number of ours.
"""

from __future__ import annotations

from experiments.paper.listening.mean_opinions import table
from experiments.paper.runs import table_command

__all__ = ["main", "table"]

main = table_command(__doc__, table)


if __name__ == "__main__":
    raise SystemExit(main())
