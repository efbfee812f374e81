"""Systems that plan, separate and mix, in that order."""
