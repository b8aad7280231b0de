"""Run one target under atheris: `python -m tests.fuzz TARGET [options of libFuzzer]`."""

from __future__ import annotations

import shlex
import sys

import atheris

with atheris.instrument_imports(include=["chat", "wsproto", "tests.fuzz"]):
    from tests.fuzz import commands, frames

name, *options = sys.argv[1:]
# To merge, libFuzzer starts its own command again, in a shell.
command = f"{shlex.quote(sys.executable)} -m tests.fuzz {name}"
atheris.Setup([command, *options], {"commands": commands, "frames": frames}[name].check)
atheris.Fuzz()
