# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Rows of Markdown tables: of the options in a role's argument specs, and of the keys of a description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.key import REQUIRED, Key

HEAD = "| Variable | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"
# Ansible's own markup in descriptions: C(code), V(value), O(option), M(module).
MARKUP = re.compile(r"\b[CVOM]\(((?:\\\)|[^)])*)\)")


def as_cell(value: object) -> str:
    """Return VALUE's text for one cell of a Markdown table; a list of sentences becomes one paragraph."""
    text = " ".join(str(part).strip() for part in value) if isinstance(value, list) else str(value).strip()
    text = MARKUP.sub(r"`\1`", " ".join(text.split())).replace("\\)", ")").replace("|", "\\|")
    # Outside of code, <name> would be a tag.
    return "`".join(part if at % 2 else part.replace("<", "&lt;") for at, part in enumerate(text.split("`")))


def as_default(option: Mapping[str, Any]) -> str:
    """Return the default as one would write it in YAML, or that the variable is required."""
    if "default" not in option:
        return "**required**" if option.get("required") else ""
    default = option["default"]
    if default is None:
        return ""
    if isinstance(default, str) and "'" in default:  # readable quotes, such as those of a template
        text = json.dumps(default, ensure_ascii=False)
    else:
        text = yaml.safe_dump(default, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return "`" + " ".join(text.removesuffix("...\n").split()).replace("|", "\\|") + "`"


def as_choices(choices: Sequence[object]) -> str:
    """Return the sentence that lists CHOICES; an empty text is shown as one would write it."""
    return " One of " + ", ".join(f"`{choice}`" if choice != "" else '`""`' for choice in choices) + "."


def as_type(option: Mapping[str, Any]) -> str:
    """Return the type of a role's OPTION: `list of dict`, for example."""
    kind = str(option.get("type", "str"))
    return f"list of {option.get('elements', 'str')}" if kind == "list" else kind


def rows(options: Mapping[str, Any], prefix: str = "", printed: Sequence[object] = ()) -> Iterator[str]:
    """Yield one row per option; the keys of a dictionary or of a list's entries follow it as `name.key`.

    Keys that are a YAML alias of one of the options PRINTED have their row there.
    """
    printed = printed or list(options.values())
    for name, option in options.items():
        if prefix and any(option is one for one in printed):
            continue
        meaning = as_cell(option.get("description", ""))
        if "choices" in option:
            meaning += as_choices(option["choices"])
        yield f"| `{prefix}{name}` | {as_type(option)} | {as_default(option)} | {meaning} |\n"
        yield from rows(option.get("options", {}), f"{prefix}{name}{'[]' if 'elements' in option else ''}.", printed)


def specs(role: Path) -> dict[str, Any]:
    """Return the argument specs of ROLE (its folder), by entry point."""
    found: dict[str, Any] = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return found


def role_tables(role: Path) -> str:
    """Return the tables of ROLE, one per entry point that takes variables."""
    parts = []
    for entry, spec in specs(role).items():
        if not spec.get("options"):
            continue
        title = (
            "" if entry == "main" else f"With `tasks_from: {entry}`: {as_cell(spec.get('short_description', ''))}\n\n"
        )
        parts.append(title + HEAD + "".join(rows(spec["options"])))
    return "\n".join(parts)


def key_rows(described: Mapping[str, Key], anchor: str = "", prefix: str = "") -> Iterator[str]:
    """Yield one row per key of a description, such as an entry of `slipway_apps`, and per key inside of it.

    With an ANCHOR, `app-` for example, each key can be linked to as `#app-domains`. PREFIX stands before each name.
    """
    for name, key in described.items():
        for whole, one in key.rows(name):
            meaning = as_cell(one.text)
            if one.range:
                meaning += f" From {one.range[0]} to {one.range[1]}."
            if one.choices:
                meaning += as_choices(one.choices)
            default = "**required**" if one.default is REQUIRED else as_default({"default": one.default})
            mark = f'<a id="{anchor}{name}"></a>' if anchor and one is key else ""
            yield f"| {mark}`{prefix}{whole}` | {one.type_name} | {default} | {meaning} |\n"
