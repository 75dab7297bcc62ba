# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with an app's command lines: what can't run, and above all secrets that stand in them.

No message holds a value. A command line is written down in many places (a repository, a shell's history, logs); a secret
belongs into `secrets`, and `$NAME` brings it into the command.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.flask.plugins.module_utils._app import command as app_command
from ansible_collections.slipway.flask.plugins.module_utils._app.command import REFERENCE, CommandError
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

KEYS = ("command", "once", "name")
EACH_TIME = {
    "build_commands": "each release is built anew",
    "setup_commands": "what it prepares may be new or gone on any host",
}
"""Keys whose commands run in every release, with the reason."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")
SHORTEST = 6
"""Characters from which on a secret's value is looked for in command lines: shorter ones are words of any text."""

SECRET = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret(?:[-_]?key)?|token|api[-_]?key|private[-_]?key|access[-_]?key|credentials?)"
)
VERB = r"(?:no|reset|ask|prompt|require|generate|skip|allow|check|show|expire|random|verify|with|without|hash|change|list|revoke)"
OPTION = re.compile(rf"--?(?!{VERB}[-_])(?:[a-z0-9]+[-_])*{SECRET}", re.IGNORECASE)
ASSIGNMENT = re.compile(rf"(--?)?(?!{VERB}[-_])(?:[a-z0-9]+[-_])*{SECRET}=(?P<value>.*)", re.IGNORECASE | re.DOTALL)
URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<value>[^@\s]+)@", re.IGNORECASE)
TOKEN = re.compile(
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk[-_](?:live|test|ant|proj)[-_][\w-]{10,}|rk_live_\w{10,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|-----BEGIN |SG\.[\w-]{16,}\.[\w-]{16,}"
)
"""Tokens that can be told by their look: GitHub, GitLab, Stripe, OpenAI and kin, Slack, AWS, JWT, PEM, SendGrid."""
HARMLESS = re.compile(r"|-|true|false|yes|no|none|null|\d|[./~].*|@.*|<.*>", re.IGNORECASE)
"""Values that are no secret: nothing, a switch, a file that holds it, a placeholder in documentation."""


def of_list(
    key: str, commands: Sequence[Any], names: Collection[str] | None = None, secrets: Mapping[str, Any] | None = None
) -> list[str]:
    """Return what is wrong with the COMMANDS of a description's KEY, one sentence each.

    NAMES are the variables that they may refer to (None: not known here), SECRETS those of them whose values are secret.
    """
    found, known = [], list[str]()
    for number, command in enumerate(commands, 1):
        where = f"'{key}'" if len(commands) == 1 else f"entry {number} of '{key}'"
        line = command.get("command") if isinstance(command, Mapping) else command
        if not isinstance(line, str) or not line.strip():
            found.append(f"{where} is neither a command nor `{{command: …, once: true, name: …}}`")
            continue
        found += of_line(where, line, names, secrets)
        if not isinstance(command, Mapping):
            continue
        found += [f"unknown key '{name}' in {where}{nearest(name, KEYS)}" for name in sorted(set(command) - set(KEYS))]
        wrong = once_problems(where, key, command)
        found += wrong
        if command.get("once") and not wrong and not of_line(where, line):
            known.append(app_command.once_name(dict(command)))
    found += [
        f"two commands of '{key}' that run once are both known as '{name}'; give each a `name` of its own"
        for name in sorted({name for name in known if known.count(name) > 1})
    ]
    return found


def once_problems(where: str, key: str, command: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with how a command is to run once."""
    name = command.get("name")
    if name and not (isinstance(name, str) and NAME.fullmatch(name)):
        return [f"the `name` in {where} must be up to 60 letters, digits, blanks, dots, hyphens and underscores"]
    try:
        once = boolean(command.get("once") or False)
    except TypeError:
        return [f"`once` in {where} must be true or false"]
    if not once:
        return []
    if key in EACH_TIME:
        return [f"{where} has `once: true`, but {EACH_TIME[key]}; move it to 'release_commands' or remove `once`"]
    try:
        label = app_command.label(app_command.split(str(command["command"])))
    except CommandError:
        return []
    if not name and app_command.NEEDS_NAME.fullmatch(label):
        return [f"{where} runs once and needs a `name`, by which it is known to have run, as in `name: load-ports`"]
    return []


def of_line(
    where: str, line: str, names: Collection[str] | None = None, secrets: Mapping[str, Any] | None = None
) -> list[str]:
    """Return what is wrong with one command line; a problem of it begins with WHERE."""
    try:
        words = app_command.split(line)
    except CommandError as error:
        return [f"{where} {error}"]
    if not words:
        return [f"{where} is empty"]
    found = []
    if names is not None:
        every = [*names, *app_command.RUNTIME]
        found += [
            f"{where} uses ${name}, which is neither in 'environment' nor in 'secrets'{nearest(name, every)}; put a "
            "literal $ in single quotes"
            for name in app_command.references(words) if name not in every
        ]  # fmt: skip
    if reason := secret_in(line, words, secrets or {}):
        found.append(f"{where} {reason}")
    return found


def secret_in(line: str, words: Sequence[str], secrets: Mapping[str, Any]) -> str:
    """Return what looks like a secret in a command and what to write instead, "" for nothing; never its value."""
    command = app_command.label(words)
    for name, value in secrets.items():
        if len(str(value)) >= SHORTEST and any(str(value) in text for text in (line, *words)):
            return f"(`{command} …`) contains the value of {name}: write ${name} there, which is looked up where the command runs"
    for number, word in enumerate(words):
        hint = "put it into 'secrets' and write its name with a dollar there, as in $ADMIN_PASSWORD"
        following = words[number + 1] if number + 1 < len(words) else ""
        if OPTION.fullmatch(word) and literal(following) and not following.startswith("-"):
            return f"(`{command} …`) has a literal value after {word}, which looks like a secret: {hint}"
        if (match := ASSIGNMENT.fullmatch(word)) and literal(match["value"]):
            return (
                f"(`{command} …`) has a literal value for {word.partition('=')[0]}, which looks like a secret: {hint}"
            )
        if (match := URL.search(word)) and literal(match["value"]):
            return f"(`{command} …`) has a URL with a password in it: {hint}"
        if TOKEN.search(word):
            return f"(`{command} …`) contains what looks like a token or a key: {hint}"
    return ""


def secretive(settings: Mapping[str, str]) -> dict[str, str]:
    """Return those of SETTINGS that are secret by their look, where nobody says which are."""
    named = re.compile(SECRET, re.IGNORECASE)
    return {name: value for name, value in settings.items() if named.search(name) or URL.search(value)}


def literal(value: str) -> bool:
    """Tell whether VALUE stands for itself: no reference, no file, no switch."""
    return not REFERENCE.search(value) and not HARMLESS.fullmatch(value)
