# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The configuration of sshd as it is written: which line of which file says what, and how it would be with other files.

`sshd -T` says what holds, and never where it comes from. Rules of sshd_config(5): the first value of a keyword holds; an
Include stands for the files that it names, in the order of their names; a Match ends with its file.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import fnmatch
import glob
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEEPEST = 16
"""How deep files may include each other (SERVCONF_MAX_DEPTH of OpenSSH)."""
ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostkeyfile": "hostkey",
}
_LINE = re.compile(r'\s*"?(?P<keyword>[A-Za-z0-9]+)"?(?:\s*=\s*|\s+)(?P<rest>.*\S)\s*')


class ConfigError(ValueError):
    """The files can't be read as sshd reads them; the message is for the user."""


@dataclass(frozen=True)
class Setting:
    """One line that sets something; KEYWORD in small letters, MATCH: for whom alone, "" for everybody."""

    path: str
    line: int
    keyword: str
    value: str
    match: str = ""

    @property
    def place(self) -> str:
        return f"{self.path}, line {self.line}"


class Configuration:
    """The file MAIN and what it includes, in the order in which sshd reads it.

    :param changed: texts that stand for what is in a file, which need not be there; None: as if it were not there.
    :raises ConfigError: for files that include each other without end.
    """

    def __init__(self, main: Path, changed: Mapping[str, str | None] | None = None) -> None:
        self.main, self.changed = main, dict(changed or {})
        self.settings: list[Setting] = []
        self.reached: dict[str, str] = {}
        """Files that were read -> the Match that they were included in first, "" for none."""
        self._included: dict[tuple[str, int], list[str]] = {}
        self._read(str(main), "", 0)

    def first(self, keyword: str) -> Setting | None:
        """Return the line that decides about KEYWORD for everybody."""
        return next((found for found in self.settings if found.keyword == keyword and not found.match), None)

    def every(self, keyword: str) -> list[Setting]:
        """Return the lines with a KEYWORD that adds up, for everybody."""
        return [found for found in self.settings if found.keyword == keyword and not found.match]

    def text(self, path: str) -> str | None:
        """Return what is in a file, bytes that are no UTF-8 as surrogates; None when there is none."""
        if path in self.changed:
            return self.changed[path]
        try:
            return Path(path).read_text(errors="surrogateescape")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{path} can't be read: {error.strerror}") from error

    def copy(self, folder: Path) -> tuple[Path, dict[str, str]]:
        """Write all files into FOLDER, including each other there; return the main one, and copy -> original."""
        copies = {path: str(folder / str(number)) for number, path in enumerate(self.reached)}
        for path, copy in copies.items():
            lines = (self.text(path) or "").split("\n")
            for (file, number), included in self._included.items():
                if file == path:
                    known = " ".join(copies[one] for one in included if one in copies)
                    lines[number - 1] = f"Include {known}" if known else ""
            Path(copy).write_text("\n".join(lines) + "\n", errors="surrogateescape")
        return Path(copies[str(self.main)]), {copy: path for path, copy in copies.items()}

    def _read(self, path: str, around: str, depth: int) -> None:
        if depth > DEEPEST:
            raise ConfigError(f"{path} is included more than {DEEPEST} files deep: does a file include itself?")
        text = self.text(path)
        if text is None:
            return
        self.reached.setdefault(path, around)
        match = around
        for number, line in enumerate(text.split("\n"), 1):  # as sshd counts: no other sign ends a line
            found = _LINE.fullmatch(line)
            if not found or line.lstrip().startswith("#"):
                continue
            keyword, words = found["keyword"].lower(), _words(found["rest"])
            if keyword == "match":
                own = "" if [word.lower() for word in words] == ["all"] else " ".join(words)
                match = " ".join(filter(None, (around, own)))
            elif keyword == "include":
                included = self._included[path, number] = [file for word in words for file in self._files(word)]
                for file in included:
                    self._read(file, match, depth + 1)
            else:
                keyword = ALIASES.get(keyword, keyword)
                self.settings.append(Setting(path, number, keyword, " ".join(words), match))

    def _files(self, pattern: str) -> list[str]:
        """Return the files that an Include names; one without a folder is beside the main file."""
        pattern = str(self.main.parent / pattern)
        found = set(glob.glob(pattern))
        for path, text in self.changed.items():
            same_folder = Path(path).parent == Path(pattern).parent
            if text is None:
                found.discard(path)
            elif same_folder and fnmatch.fnmatchcase(Path(path).name, Path(pattern).name):
                found.add(path)
        return sorted(found)


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest, comments=True)
    except ValueError:  # sshd refuses the line, and says why better than we could
        return rest.split()
