"""List the packages and data of others that Tchat gives on, and their licences.

    python tools/licences.py            write docs/licences.md
    python tools/licences.py --check    fail if that file is not what the lock files say
    python tools/licences.py FILE       write all licences' texts, which go with dist/chat-server

What is listed follows from requirements.txt, and from chat/static/vendor/licences.txt with
tools/vendor/package-lock.json. A licence that does not fit ours ends this with 1.
"""

from __future__ import annotations

import json
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LIST = ROOT / "docs" / "licences.md"

# What may be given on with a program under the MIT licence, if its notice goes with it.
FITTING = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "PSF-2.0"),
    "Unicode-3.0",
}

# For what we have it. A package that is not named here is new, and somebody has to say why.
WHAT_FOR = {
    "babel": "translations (Flask-Babel needs it)",
    "async-timeout": "redis needs it, with Python before 3.11.3",
    "blinker": "Flask needs it",
    "click": "the command line",
    "flask": "the pages",
    "flask-babel": "the pages in two languages",
    "flask-sock": "the `/ws` route",
    "gunicorn": "the server's process",
    "h11": "wsproto needs it",
    "hiredis": "the replies of Redis, read quickly",
    "itsdangerous": "Flask needs it; Tchat signs nothing",
    "jinja2": "the templates of pages",
    "linkify-it-py": "Textual needs it",
    "markdown-it-py": "Textual needs it",
    "markupsafe": "escaping in templates",
    "mdit-py-plugins": "Textual needs it",
    "msgspec": "commands and events in JSON",
    "platformdirs": "the folder of a user's data",
    "prometheus-client": "`/metrics`",
    "pygments": "Textual needs it",
    "pytz": "Flask-Babel needs it; Tchat uses UTC alone",
    "redis": "several workers on Redis",
    "rich": "text in the terminal (Textual needs it)",
    "simple-websocket": "Flask-Sock needs it",
    "textual": "`tchat connect`",
    "typing-extensions": "Textual needs it",
    "websockets": "the WebSocket of `chat.client`",
    "werkzeug": "requests, routes and answers",
    "whitenoise": "the files of the page",
    "wsproto": "the frames of WebSockets",
    "@highlightjs/cdn-assets": "the colours of code",
    "dompurify": "no script in a message",
    "emoji-picker-element-data": "the names of emoji",
    "entities": "markdown-it needs it",
    "linkify-it": "links in messages",
    "markdown-it": "marks in messages",
    "mdurl": "markdown-it needs it",
    "punycode.js": "markdown-it needs it",
    "uc.micro": "markdown-it needs it",
    "uqr": "QR codes",
}

# Installed with some Pythons alone; so their licence stands here.
OF_SOME_PYTHONS = {"async-timeout": "Apache-2.0"}

# Locked with the others, but not in the page.
NOT_IN_THE_PAGE = {
    "argparse": "for markdown-it's command line",
    "@types/trusted-types": "for TypeScript",
}


class Unfit(Exception):
    """Something that is not as it must be, in one line."""


class Package(NamedTuple):
    """A package of somebody else."""

    name: str
    version: str
    licence: str

    @property
    def row(self) -> str:
        """Give its line in a table."""
        return f"| {self.name} | {self.version} | {self.licence} | {WHAT_FOR[self.name]} |"


def of_server() -> Iterator[Package]:
    """Give the packages that requirements.txt locks."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    for name, version in (found.groups() for found in map(_PIN.match, lines) if found):
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in OF_SOME_PYTHONS:
                yield Package(name, version, OF_SOME_PYTHONS[name])
                continue
            raise Unfit(f"{name} is locked, but not installed") from None
        if package.version != version:
            raise Unfit(f"{name} {package.version} is installed, but {version} is locked")
        yield Package(name, version, _licence_of(package))


_PIN = re.compile(r"([a-z0-9-]+)==([^ ;\\]+)")


def of_page() -> Iterator[Package]:
    """Give the packages whose licences the page names, at the locked versions."""
    lock = json.loads((ROOT / "tools/vendor/package-lock.json").read_text())["packages"]
    locked = {path.removeprefix("node_modules/"): each for path, each in lock.items() if path}
    texts = (ROOT / "chat/static/vendor/licences.txt").read_text()
    named = re.findall(r"^=+\n(\S+): ", texts, re.MULTILINE)
    if missing := set(locked).difference(named, NOT_IN_THE_PAGE):
        raise Unfit(f"The page's licences.txt lacks {', '.join(sorted(missing))}")
    for name in dict.fromkeys(named):
        if name not in locked:
            raise Unfit(f"{name} is in the page's licences.txt, but no longer locked")
        yield Package(name, locked[name]["version"], locked[name]["license"].strip("()"))


def check(package: Package) -> Package:
    """Refuse a package that nobody can say the use of, or whose licence does not fit."""
    if package.name not in WHAT_FOR:
        raise Unfit(f"What is {package.name} for? Say it in tools/licences.py")
    for needed in package.licence.split(" AND "):
        if FITTING.isdisjoint(needed.split(" OR ")):
            raise Unfit(f"{package.name}: the licence {package.licence!r} does not fit ours")
    return package


def _licence_of(package: metadata.Distribution) -> str:
    """Give the SPDX expression of a distribution's licence, by what it says itself."""
    said = package.metadata
    if expression := said.get_all("License-Expression"):
        return str(expression[0])
    short = str(*said.get_all("License", []))
    if short in FITTING:
        return short
    classes = [each for each in said.get_all("Classifier", []) if each.startswith("License ::")]
    if classes == ["License :: OSI Approved :: MIT License"]:
        return "MIT"
    if classes == ["License :: OSI Approved :: BSD License"]:
        texts = " ".join(" ".join(text for _, text in _texts_of(package)).split())
        return "BSD-3-Clause" if "Neither the name of" in texts else "BSD-2-Clause"
    return short or "; ".join(classes) or "none"


def _texts_of(package: metadata.Distribution) -> list[tuple[str, str]]:
    """Give the texts that a distribution brings about its licence, each with its file's name."""
    found = [
        (file.name, file.read_text(encoding="utf-8").strip())
        for file in package.files or ()
        if re.match(r"(licen[cs]e|notice|copying)\b", file.name, re.IGNORECASE)
    ]
    if not found:
        raise Unfit(f"{package.name} brings no text of its licence")
    return found


def _unicode_licence() -> str:
    return dict(_texts_of(metadata.distribution("babel")))["LICENSE.unicode"]


def _unicode_tables() -> Iterator[str]:
    for file in sorted((ROOT / "chat/names").glob("*.txt")):
        head = "".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[:6])
        version = re.search(r"\d+\.\d+\.\d+", head)
        if "Unicode" not in head or version is None:
            raise Unfit(f"{file.name} does not say in its head where it is from")
        name = file.relative_to(ROOT)
        yield f"| `{name}` | {version[0]} | Unicode-3.0 | which names are allowed, and look alike |"


def make_list() -> str:
    """Make the text of docs/licences.md."""
    return _LIST.format(
        server="\n".join(check(each).row for each in of_server()),
        page="\n".join(check(each).row for each in of_page()),
        tables="\n".join(_unicode_tables()),
        unicode=_unicode_licence(),
    )


_LIST = """\
# Licences

Tchat has the MIT licence (`LICENSE`). It uses what is listed here. `make licences` makes this page
from the lock files and from what each package says about itself. `make test` fails if a package or
a version is missing here, or if a licence does not fit.

Tools that only build or test Tchat are not listed: nobody gets them with Tchat.

## The server

`pip` installs these from PyPI, each with the text of its licence.

| package | version | licence | what for |
|---|---|---|---|
{server}

## The page

These are in `chat/static/vendor/` and, built, in `chat/static/dist/`. The built scripts have no
comments. The texts of all these licences are in one file, `chat/static/vendor/licences.txt`. Each
page links to it (`<link rel="license">`). From `MPL-2.0 OR Apache-2.0`, Tchat takes Apache-2.0.

| package | version | licence | what for |
|---|---|---|---|
{page}

The names and short codes in emoji-picker-element-data come from Emojibase (MIT) and from Unicode's
CLDR (Unicode-3.0).

## Data

| file | version | licence | what for |
|---|---|---|---|
{tables}

## The one-file program

`make binary` puts all of the above into `dist/chat-server`, but not Textual and what only that
needs; and Python itself (PSF-2.0), with the libraries that Python was built with, such as OpenSSL
(Apache-2.0), SQLite (public domain) and zlib (Zlib). It starts with PyInstaller's bootloader
(GPL-2.0-or-later, with an exception that allows any program in it). The licences of the packages,
of Python and of PyInstaller are written to `dist/licences.txt`. Whoever gives the program to others
must give that file with it.

## The licence of Unicode's data

```
{unicode}
```
"""


def make_texts() -> str:
    """Make the text of all licences of what is in dist/chat-server, ours first."""
    texts = [("Tchat: LICENSE", (ROOT / "LICENSE").read_text().strip())]
    for name in (*(package.name for package in map(check, of_server())), "pyinstaller"):
        try:
            found = _texts_of(metadata.distribution(name))
        except metadata.PackageNotFoundError:
            continue  # this Python does not need it: it is not in the program
        texts += [(f"{name}: {file}", text) for file, text in found]
    texts.append(("Python: LICENSE", _python_licence()))
    parts = [f"{'=' * 70}\n{title}\n\n{text}\n" for title, text in texts]
    return "\n".join([*parts, (ROOT / "chat/static/vendor/licences.txt").read_text()])


def _python_licence() -> str:
    """Give Python's own licence; Debian keeps it with those of all packages."""
    version = sysconfig.get_python_version()
    for path in (
        Path(sysconfig.get_path("stdlib"), "LICENSE.txt"),
        Path(f"/usr/share/doc/python{version}-minimal/copyright"),
        Path(f"/usr/share/doc/python{version}/copyright"),
    ):
        if path.exists():
            return path.read_text(encoding="utf-8").strip()
    return "https://docs.python.org/3/license.html"


def main(*arguments: str) -> int:
    """Do what the arguments say; print one line if something is wrong."""
    try:
        if arguments == ("--check",):
            if LIST.read_text(encoding="utf-8") != make_list():
                raise Unfit("docs/licences.md is not what the lock files say: run make licences")
        elif arguments:
            target = Path(arguments[0])
            target.parent.mkdir(exist_ok=True)
            target.write_text(make_texts(), encoding="utf-8")
        else:
            LIST.write_text(make_list(), encoding="utf-8")
    except Unfit as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
