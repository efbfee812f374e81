"""One self-contained HTML page for a comparison: tables, plots, and examples to hear and see."""

from experiments.comparison.report.page import write_report
from experiments.comparison.report.run import RunFolder, read_run, run_just_made

__all__ = ["RunFolder", "read_run", "run_just_made", "write_report"]
