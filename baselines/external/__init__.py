"""Peers: programs of other environments that are spoken to over pipes; see docs/peers.md."""
