# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The command lines of an app: split as a shell splits them, with `$NAME` for a value of the app's environment.

They run without a shell. `$NAME` and `${NAME}` outside of single quotes are looked up where the command runs, in the
environment that it has; until then its words carry only the name. `RUNNER` does the looking up. A program of the app's own
Python gets the values without an argument list of the kernel's, which `ps` and the journal (`_CMDLINE`) would show.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence

REFERENCE = re.compile("\0([A-Za-z_][A-Za-z0-9_]*)\0")
"""A reference in a word. No argument of a program can hold a null byte, so nothing else is taken for one."""

RUNTIME = ("PATH", "VIRTUAL_ENV", "FLASK_APP", "RELEASE_ID", "HOME")
"""Variables that every command has beside the app's own."""
SYSTEM_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
"""Where a program is looked for that is not in the release's environment."""

QUOTED = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
OPERATOR = re.compile(r"(?<!\S)(?:(&&|\|\|?|&|<)(?!\S)|&?[012]?(>>?))|(;)(?!\S)")
"""What a shell reads between commands, as a word of its own: a URL may have a `&` in it, and an option a `|`."""

LABEL_WORDS = 3
SUBCOMMAND = re.compile(r"[A-Za-z][A-Za-z:_-]{0,30}|[\w./-]+\.(py|sh|sql)")
"""A word that may be shown: no value, as far as one can tell."""
BEFORE_A_SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
"""A subcommand such as `set-password`, whose next word is not shown."""
NEEDS_NAME = re.compile(r"(.*/)?(python[\d.]*|sh|bash|dash|env)( -\w)?")
"""Labels that say nothing of what the command does."""

RUNNER = r"""
import json, os, re, runpy, shutil, sys


def value(match):
    if match.group(1) not in os.environ:
        sys.exit("the command uses $" + match.group(1) + ", which its environment does not have")
    return os.environ[match.group(1)]


words = [re.sub("\0(\\w+)\0", value, word) for word in json.loads(sys.argv[1])]
while words and re.match(r"[A-Za-z_]\w*=", words[0]):
    name, _, text = words.pop(0).partition("=")
    os.environ[name] = text
if not words:
    sys.exit("the command has no program")
program = shutil.which(words[0])
if program is None:
    sys.stderr.write(words[0] + ": No such file or directory\n")
    sys.exit(127)
own = os.path.join(sys.prefix, "bin")
if os.path.isdir(own) and os.path.samefile(os.path.dirname(program) or ".", own):
    if re.match(r"python[\d.]*$", os.path.basename(program)) and len(words) > 1:
        if words[1] == "-m" and len(words) > 2:
            sys.argv, sys.path[0] = words[2:], os.getcwd()
            runpy.run_module(words[2], run_name="__main__", alter_sys=True)
            sys.exit()
        if not words[1].startswith("-"):
            sys.argv, sys.path[0] = words[1:], os.path.dirname(os.path.abspath(words[1]))
            runpy.run_path(words[1], run_name="__main__")
            sys.exit()
    else:
        with open(program, "rb") as file:
            head = file.read(200)
        if head.startswith(b"#!") and b"python" in head:
            sys.argv, sys.path[0] = [program, *words[1:]], os.path.dirname(program)
            runpy.run_path(program, run_name="__main__")
            sys.exit()
os.execv(program, words)
"""
"""Runs the words in its argument (JSON) with their references looked up; for Python 3.6 and later."""


class CommandError(ValueError):
    """A command line that can't be read; the message is for the user and holds nothing of the line."""


def surroundings(venv: str, wsgi: str, release: str) -> dict[str, str]:
    """Return the variables that a command of RELEASE has beside the app's own: RUNTIME, and how Python behaves."""
    return {
        "PATH": ":".join((f"{venv}/bin", *SYSTEM_FOLDERS)),
        "VIRTUAL_ENV": venv,
        "FLASK_APP": wsgi,
        "RELEASE_ID": release,
        "HOME": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def program(line: str) -> str:
    """Return the program that a command line calls, "" when it has none."""
    return next((word for word in split(line) if not re.match(r"[A-Za-z_]\w*=", word)), "")


def split(line: str) -> list[str]:
    """Return the words of a command line, their references as REFERENCE has them.

    Single quotes and a backslash keep a dollar as it is. Raises CommandError for an open quote and for what only a shell
    could do.
    """
    if "\0" in line:
        raise CommandError("contains a null byte")
    if found := OPERATOR.search(QUOTED.sub("q", line)):
        sign = next(part for part in found.groups() if part)
        raise CommandError(
            f"holds '{sign}', which needs a shell, and commands run without one: split it into several commands, use a "
            "script of the app's, or put it in single quotes if it is meant literally"
        )
    marked, quote, place = "", "", 0
    while place < len(line):
        char = line[place]
        if char == "\\" and quote != "'":
            pair = line[place : place + 2]
            # Between double quotes shlex.split takes no backslash off a dollar, as a shell does.
            marked, place = marked + (pair[1:] if quote and pair[1:] == "$" else pair), place + 2
            continue
        if char in "'\"":
            quote = "" if quote == char else quote or char
        if char != "$" or quote == "'":
            marked, place = marked + char, place + 1
            continue
        if found := re.match(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", line[place:], re.ASCII):
            marked, place = f"{marked}\0{found[1] or found[2]}\0", place + found.end()
        elif line[place + 1 : place + 2] in ("(", "{"):
            raise CommandError(
                f"holds '${line[place + 1]}', which needs a shell, and commands run without one: only $NAME and ${{NAME}} "
                "are replaced; put the rest in a script of the app's, or in single quotes if it is meant literally"
            )
        else:
            marked, place = marked + char, place + 1
    try:
        return shlex.split(marked)
    except ValueError as error:
        raise CommandError(f"can't be split into words ({str(error).lower()}); close its quotes") from None


def references(words: Sequence[str]) -> list[str]:
    """Return the names that WORDS refer to."""
    return list(dict.fromkeys(name for word in words for name in REFERENCE.findall(word)))


def shown(word: str) -> str:
    """Return a WORD as the user wrote it."""
    return REFERENCE.sub(r"$\1", word)


def argv(words: Sequence[str]) -> list[str]:
    """Return the arguments that run WORDS in a release: themselves, or RUNNER when they refer to a variable."""
    return ["python", "-c", RUNNER, json.dumps(list(words))] if references(words) else list(words)


def label(words: Sequence[str]) -> str:
    """Return what a command is called in messages: its program and subcommands, without options and values.

    `flask --app shop create-admin --password x` is `flask create-admin`.
    """
    rest = [word for word in words if not re.match(r"[A-Za-z_]\w*=", word)]
    if not rest:
        return "the command"
    found, rest = [rest[0]], rest[1:]
    while rest and len(found) < LABEL_WORDS and not BEFORE_A_SECRET.search(found[-1]):
        word, *rest = rest
        if word in ("--app", "-A") and found == ["flask"]:
            rest = rest[1:]
        elif len(found) == 1 and re.fullmatch(r"-[cm]", word):
            found.append(word)
            if word == "-c":
                break
        elif SUBCOMMAND.fullmatch(word) or (found[-1:] == ["-m"] and re.fullmatch(r"[\w.]+", word)):
            found.append(word)
        else:
            break
    return " ".join(found)


def once_name(entry: dict[str, object]) -> str:
    """Return the name by which a command that runs once is known to have run: its own, or its label."""
    return str(entry.get("name") or "") or label(split(str(entry["command"])))
