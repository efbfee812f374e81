"""Where a joint model loses what the ideal ratio mask has."""
