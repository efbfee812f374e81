"""LCR-G, one mask from grounded masks, and its live form."""
