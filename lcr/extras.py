"""What the extras of this package bring, and the command that installs what is missing.

The command names packages, not this one: it does the same for a checkout, a wheel and a plug-in.
"""

from __future__ import annotations

import re
import shlex
from importlib.metadata import requires

_MARK = re.compile(r"""extra == ['"]([\w-]+)['"]""")
_NAME = re.compile(r"[\w.-]+")
_NOT_FOR_USERS = {"all", "docs", "test", "dev"}


def extras() -> dict[str, list[str]]:
    """Each extra a user may want, and what it requires."""
    found: dict[str, list[str]] = {}
    for line in requires("lcr") or ():
        requirement, _, marker = line.partition(";")
        mark = _MARK.search(marker)
        if mark and mark[1] not in _NOT_FOR_USERS and name_of(requirement) != "lcr":
            found.setdefault(mark[1], []).append(requirement.strip())
    return found


def name_of(requirement: str) -> str:
    """The name of the package in a requirement such as "torch==2.11.0"."""
    match = _NAME.match(requirement.strip())
    return match[0] if match else ""


def install_command(*names: str) -> str:
    """What to type for some extras, as pip takes it."""
    known = extras()
    return shlex.join(["pip", "install", *(line for name in names for line in known[name])])


PORTAUDIO = "install PortAudio (Debian and Ubuntu: apt install libportaudio2)"
"""What to do where sounddevice is installed and does not load."""


def mending(module: str, wanted: str = "") -> str:
    """What to type for a `module` that is missing: all of the extras `wanted` ("model,live") where
    one of them brings it, else the first extra that does, else the package of that name."""
    package = module.partition(".")[0].replace("_", "-").lower()
    having = [name for name, some in extras().items() if package in map(name_of, some)]
    asked = [name for name in wanted.split(",") if name in extras()]
    if not having:
        return f"pip install {package}"
    return install_command(*(asked if set(asked) & set(having) else having[:1]))
