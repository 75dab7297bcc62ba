# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The command lines with which an app's own files start it: Procfile, Dockerfile, Compose, scripts, units."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.module_utils._source.procfile import LINE

from describe.tree import ASIDE, Tree

Command = tuple[str, str, str]
"""(process, command, where); the process is "" where the file does not name it."""
SHELL = ("&&", "||", ";", "|", "&", ">", ">>", "2>&1")
PROGRAMS = re.compile(
    r"\b(gunicorn|uwsgi|waitress-serve|flask|celery|rq|rqworker|huey_consumer(\.py)?|dramatiq|hypercorn|python3?)\b"
)


def all_of(tree: Tree) -> list[Command]:
    """Return every command, the files first that say most surely how the app is run in production."""
    found: list[Command] = []
    for path in tree.called("procfile"):
        found += procfile(tree.text(path), path)
    for path in tree.called(
        "docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml", "docker-compose.prod.yml"
    ):
        found += compose(tree.text(path), path)
    dockerfiles = [
        path
        for path in tree.files
        if not ASIDE.search(path) and re.search(r"(^|/)(Dockerfile|Containerfile)[^/]*$|\.[Dd]ockerfile$", path)
    ]
    for path in sorted(dockerfiles, key=lambda path: (path.count("/"), len(path))):
        found += dockerfile(tree.text(path), path)
    for path in sorted(tree.files):
        if path.endswith(".service"):
            found += unit(tree.text(path), path)
        elif re.search(r"supervisor[^/]*\.(conf|ini)$|/supervisor/", path):
            found += supervisor(tree.text(path), path)
        elif path.endswith(".sh"):
            found += script(tree.text(path), path)
    return found


def procfile(text: str, path: str) -> Iterator[Command]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := LINE.fullmatch(line):
            yield match[1], match[2], f"{path}:{number}"


def dockerfile(text: str, path: str) -> Iterator[Command]:
    lines = re.sub(r"\\\s*\n", "  ", text).splitlines()
    for line in lines:
        match = re.fullmatch(r"\s*(CMD|ENTRYPOINT)\s+(.+)", line, re.IGNORECASE)
        if match and PROGRAMS.search(match[2]):
            yield "", _command(match[2]), f"{path} {match[1]}"


def _command(text: str) -> str:
    """Return a command of the JSON form, or of a shell."""
    try:
        words = json.loads(text)
    except ValueError:
        return text.strip()
    return shlex.join(map(str, words)) if isinstance(words, list) else text.strip()


def compose(text: str, path: str) -> Iterator[Command]:
    for name, service in services(text).items():
        command = service.get("command")
        if isinstance(command, list) and all(
            isinstance(one, (str, int, float)) for one in command
        ):  # no aliases inside of aliases
            command = shlex.join(map(str, command))
        if isinstance(command, str) and PROGRAMS.search(command):
            yield name, command.strip(), f"{path} {name}"


def services(text: str) -> dict[str, dict[str, Any]]:
    """Return the services of a Compose file, those that are mappings."""
    if len(text) > 200_000 or text.count("&") > 50:
        return {}
    try:
        loaded = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    found = loaded.get("services") if isinstance(loaded, dict) else None
    return {str(name): one for name, one in (found if isinstance(found, dict) else {}).items() if isinstance(one, dict)}


def unit(text: str, path: str) -> Iterator[Command]:
    for number, line in enumerate(text.splitlines(), 1):
        match = re.fullmatch(r"\s*ExecStart\s*=\s*[-@:+!]*(.+)", line)
        if match and PROGRAMS.search(match[1]):
            yield re.sub(r"^.*/|\.service$", "", path), match[1].strip(), f"{path}:{number}"


def supervisor(text: str, path: str) -> Iterator[Command]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError):
        return
    for section in parser.sections():
        command = parser[section].get("command", "")
        if section.startswith("program:") and PROGRAMS.search(command):
            yield section.partition(":")[2].strip(), command.strip(), f"{path} [{section}]"


def script(text: str, path: str) -> Iterator[Command]:
    joined = re.sub(r"\\\n", "  ", text)
    for number, line in enumerate(joined.splitlines(), 1):
        match = re.match(
            r"\s*(?:exec\s+)?((?:\S*/)?(?:gunicorn|celery|rq|huey_consumer(?:\.py)?|dramatiq|uwsgi|waitress-serve)\s.+)",
            line,
        )
        if match:
            yield "", match[1].strip(), f"{path}:{number}"


def words(command: str) -> list[str]:
    """Return the words of a command line, cut at the first thing that only a shell understands."""
    try:
        found = shlex.split(command)
    except ValueError:
        found = command.split()
    while found and (
        re.fullmatch(r"\w+=.*", found[0])
        or found[0]
        in ("exec", "env", "sh", "bash", "-c", "/bin/sh", "poetry", "uv", "pipenv", "run", "sudo", "nohup", "time")
    ):
        if found[0] == "-c" and len(found) > 1:
            return words(found[1])
        found = found[1:]
    ends = [index for index, word in enumerate(found) if word in SHELL or word.endswith(";")]
    if not ends:
        return found
    one, rest = found[: ends[0]], found[ends[0] + 1 :]
    goes_on = found[ends[0]] in ("&&", ";") or found[ends[0]].endswith(";")
    served = bool(one) and re.search(r"gunicorn|celery|rq|huey|dramatiq|uwsgi", one[0])
    return words(shlex.join(rest)) if rest and goes_on and not served else one
