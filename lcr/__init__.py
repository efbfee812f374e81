"""Text-guided sound remixing. `load` gives a system; `lcr.registry` knows which there are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcr.api import LoadedRemixer

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


def load(
    system: str | os.PathLike[str] = "lcr",
    *,
    base: str | None = None,
    device: str | None = None,
    **options: object,
) -> LoadedRemixer:
    """A system by its name (`lcr systems` lists them) with its own `options`, or the joint model in
    a folder: a checkpoint of lcr, or one that the paper's authors released (SpeechBrain's `.ckpt`
    files), for which `base` names another language model or folder than LLaMA-2-7B-chat on the hub.

    Raises `lcr.errors.LcrError` when there is none of that name, or when files are missing,
    damaged or do not fit.
    """
    # The rest takes a second to import, torch several, and `import lcr` must not.
    from lcr.api import load

    return load(system, base=base, device=device, **options)


def from_pretrained(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | None = None,
    device: str = "cpu",
) -> LoadedRemixer:
    """A joint model from a folder or from a hub's repository "OWNER/NAME", by huggingface_hub; the
    other way round are `save_pretrained` and `push_to_hub` of what this gives.

    Raises `lcr.errors.LcrError` when it is neither here nor to be had, or is damaged.
    """
    from lcr.api import from_pretrained

    return from_pretrained(name, revision=revision, token=token, device=device)
