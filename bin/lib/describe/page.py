# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What `bin/describe` prints: the entry in YAML, the reason beside each line, then what a person should look at."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS

from describe.app import TODO, App, Line

COLUMN, WIDTH = 58, 120
"""Where the reasons begin at most, and where a line ends."""
HEAD = "# Every line has its reason; lines that begin with # are suggestions. All keys: docs/variables.md\n"
Row = tuple[str, str]
"""(YAML, reason)"""


def flow(value: Any) -> str:
    """Return a value in YAML on one line."""
    found = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False)
    return found.strip().removesuffix("...").strip()


def rows(app: App) -> Iterator[Row]:
    """Yield the rows of the entry, the keys in the order of docs/variables.md."""
    first = True
    known = [*KEYS, *(key for key in (*app.lines, *app.inner) if key not in KEYS)]
    for key in dict.fromkeys(known):
        dash = "  - " if first else "    "
        if key in app.lines:
            yield from _line(app.lines[key], dash, off=key not in KEYS)
            first = False
        elif inner := app.inner.get(key):
            off = key not in KEYS or all(line.off for line in inner.values())
            yield f"{dash}{'# ' if off else ''}{key}:", ""
            for line in sorted(inner.values(), key=lambda line: line.off):
                yield f"      {'# ' if off or line.off else ''}{flow(line.key)}: {flow(line.value)}", line.why
            first = False


def _line(line: Line, dash: str, off: bool) -> Iterator[Row]:
    start = f"{dash}{'# ' if off or line.off else ''}{line.key}:"
    whole = f"{start} {flow(line.value)}"
    if isinstance(line.value, list) and len(whole) > COLUMN and line.value:
        yield start, line.why
        for one in line.value:
            yield f"      {'# ' if off or line.off else ''}- {flow(one)}", ""
    else:
        yield whole, line.why


def entry(app: App) -> str:
    """Return the entry of `slipway_apps`, the reasons aligned."""
    found = [("slipway_apps:", ""), *rows(app)]
    column = min(max(len(row) for row, why in found if why and len(row) <= COLUMN), COLUMN) + 2
    text = ""
    for row, why in found:
        if not why:
            text += f"{row}\n"
            continue
        parts = textwrap.wrap(
            printable(why), max(WIDTH - column - 2, 40), break_long_words=False, break_on_hyphens=False
        )
        if len(row) + 2 <= column:
            text += f"{row:{column}}# {parts.pop(0)}\n"
        else:
            text += f"{row}\n"
        text += "".join(f"{'':{column}}# {part}\n" for part in parts)
    return text


def printable(text: str) -> str:
    """Return TEXT on one line, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)


def waiting(app: App) -> list[str]:
    """Return the names of what is still TODO."""
    found = [line.key for line in app.lines.values() if not line.off and TODO in flow(line.value)]
    for key, inner in app.inner.items():
        found += [f"{key}.{line.key}" for line in inner.values() if not line.off and TODO in flow(line.value)]
    return [*found, *(name for name, value in app.vault.items() if value.startswith(TODO))]


def remarks(app: App, written: bool = False) -> str:
    """Return what is said after the entry, as comments; WRITTEN: its vault is, too."""
    text = ""
    secrets = [name for name in app.vault if not app.vault[name].startswith(TODO)]
    if app.vault and not written:
        them = "them" if len(app.vault) > 1 else "it"
        fresh = f", fresh where nobody else has to know {them}" if secrets else ""
        text += paragraph("Vault", [f"{', '.join(app.vault)}: `--write FOLDER` makes {them}{fresh}"])
    text += paragraph("Dangers", list(dict.fromkeys(app.dangers)))
    text += paragraph("Notes", list(dict.fromkeys(app.notes)))
    unread = list(dict.fromkeys(app.tree.unread))
    text += paragraph("Not read", [*unread[:8], *([f"and {len(unread) - 8} more"] if len(unread) > 8 else [])])
    todo = waiting(app)
    if not todo:
        return text
    them = "them" if len(todo) > 1 else "it"
    return text + paragraph(TODO, [f"{len(todo)} to fill in: {', '.join(todo)}. Preflight refuses {them} by name."])


def paragraph(head: str, sentences: list[str]) -> str:
    """Return sentences under a word, wrapped."""
    if not sentences:
        return ""
    text = f"\n# {head}\n"
    for sentence in sentences:
        lines = textwrap.wrap(printable(sentence), WIDTH - 4, break_long_words=False, break_on_hyphens=False)
        text += "".join(f"# {'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(lines))
    return text
