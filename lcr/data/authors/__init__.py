"""The authors' test set, read and rebuilt."""
