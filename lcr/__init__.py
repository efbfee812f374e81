"""Text-guided sound remixing. `load` gives a system; `lcr.registry` knows which there are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcr.api import from_pretrained as from_pretrained
    from lcr.api import load as load

__all__ = ["from_pretrained", "load"]


def _name_the_user() -> None:
    """For a process under a number that no user has, as in containers: torch and the hub ask for
    the user's name and home, and end where there are none."""
    try:
        import pwd

        pwd.getpwuid(os.getuid())
    except ImportError:  # Windows
        return
    except KeyError:
        os.environ.setdefault("USER", str(os.getuid()))
        os.environ.setdefault("HOME", "/")


_name_the_user()


def __getattr__(name: str) -> object:
    # They take a second to import, torch several, and `import lcr` must not.
    if name not in __all__:
        raise AttributeError(f"module 'lcr' has no attribute {name!r}")
    from lcr import api

    return getattr(api, name)
