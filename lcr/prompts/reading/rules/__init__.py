"""Rules that are surer than the network: they mend what a tagger found in a prompt."""
