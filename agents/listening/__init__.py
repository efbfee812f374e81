"""What a recording holds: its parts, and words for each."""
