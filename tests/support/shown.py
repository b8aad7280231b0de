"""What an example of the documents shows, and what a real server says.

A text like `"<key>"` stands in a place in which each run has another value, but the same one
wherever an example has that name. `"…"` is left out.
"""

from __future__ import annotations

import re
from typing import Any

NAMED = re.compile(r"<(.+)>")
LEFT_OUT = "…"


class Shown:
    """The values that were named in one example."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}

    def filled(self, value: Any) -> Any:
        """Give what is shown with the values that were named before."""
        if isinstance(value, dict):
            return {name: self.filled(each) for name, each in value.items()}
        if isinstance(value, str) and (name := NAMED.fullmatch(value)):
            return self._named[name[1]]
        return value

    def compare(self, shown: Any, real: Any, where: str) -> None:
        """Compare what is shown with what came; `where` tells it in a failure."""
        if shown == LEFT_OUT:
            return
        if isinstance(shown, str) and (name := NAMED.fullmatch(shown)):
            assert self._named.setdefault(name[1], real) == real, f"{name[0]} in {where}"
        elif isinstance(shown, dict) and isinstance(real, dict):
            names = shown.keys() - {LEFT_OUT}
            assert names == (real.keys() & names if LEFT_OUT in shown else real.keys()), where
            for each in names:
                self.compare(shown[each], real[each], where)
        elif isinstance(shown, list) and isinstance(real, list):
            assert len(shown) == len(real), where
            for one, other in zip(shown, real, strict=True):
                self.compare(one, other, where)
        else:
            assert shown == real, where
