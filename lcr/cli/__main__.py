"""`python -m lcr.cli`, where the command `lcr` is not on the path."""

from lcr.cli import main

raise SystemExit(main())
