"""What a run's records say: figures with intervals, ranks, a verdict, and tables."""
