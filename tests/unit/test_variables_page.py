# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""docs/variables.md: everything that one can set is there, once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app import keys

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/variables.md").read_text()
ROW = re.compile(r'^\| (?:<a id="[^"]+"></a>)?`([^`]+)` \| ([^|]+) \|', re.MULTILINE)
TYPES = dict(ROW.findall(PAGE))
REGISTERED = re.compile(r"register: (slipway_\w+)")
READ = re.compile(r"(?<![\w.])(slipway_\w+) *(?:\||\)|\.|-)")


def test_every_variable_has_one_row() -> None:
    assert {name: rows for name, rows in Counter(name for name, _ in ROW.findall(PAGE)).items() if rows > 1} == {}


def test_every_key_of_an_app_can_be_linked_to_from_the_index() -> None:
    for name in keys.KEYS:
        assert f'<a id="app-{name}"></a>`{name}` |' in PAGE, name
        assert f"[`{name}`](#app-{name})" in PAGE, name


def test_every_variable_of_a_host_that_a_playbook_reads_is_listed() -> None:
    files = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "playbooks/tasks").glob("*.yml")]
    text = "\n".join(path.read_text() for path in files)
    read = set(READ.findall(text)) - set(REGISTERED.findall(text)) - {"slipway_apps"}
    assert len(read) > 10, "the expression still finds what playbooks read"
    described = {re.split(r"[.\[]", name)[0] for name in TYPES}
    assert read - described == set()


def test_every_variable_of_a_role_is_named() -> None:
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(path.read_text())["argument_specs"].values():
            for name in spec.get("options", {}):
                assert PAGE.count(f"`{name}`") >= 1, name


def test_no_placeholder_is_taken_for_a_tag() -> None:
    readmes = "".join(path.read_text() for path in ROOT.glob("roles/*/README.md"))
    cells = re.sub(r"`[^`]*`|<!--.*?-->|<a id=[^>]*></a>|```.*?```", "", PAGE + readmes, flags=re.DOTALL)
    assert re.findall(r"^\|.*<[a-z/].*$", cells, flags=re.MULTILINE) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("access", "list of dict"),
        ("access[].basic_auth", "dict of str"),
        ("notifications", "list of dict"),
        ("release_commands", "list of str or dict"),
        ("release_commands[].once", "bool"),
        ("health_path", "str or list of str"),
        ("static.<url>.expires_seconds", "int"),
        ("processes.<process>.ready", "str or dict of str"),
        ("slipway_people[].keys", "list of str"),
        ("slipway_backups.to[].sftp.port", "int"),
    ],
)
def test_types_are_those_of_the_values(name: str, kind: str) -> None:
    assert TYPES[name] == kind
