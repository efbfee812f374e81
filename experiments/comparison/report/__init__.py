"""One self-contained HTML page for a comparison: tables, plots, and examples to hear and see."""

from experiments.comparison.report.page import write_report

__all__ = ["write_report"]
