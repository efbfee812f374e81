"""The chat page of `lcr app`: a recording, what is heard in it, and a prompt a turn.

`session` holds one user's turns, `sounds` the files a browser plays, `contest` two systems side by
side, `page` the layout, `actions` what its controls do, and `server` runs it without a network.
"""
