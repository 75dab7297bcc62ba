# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""`TODO` in an app's description: preflight refuses it by name, once, and without a secret's text."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from app_descriptions import KEY, shop

START = "slipway_apps, app 'shop': "
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"health_path": "TODO: a page that answers 200"}, "'health_path' is still TODO: a page that answers 200"),
    ({"health_path": "TODO"}, "'health_path' is still TODO; write what it should be"),
    ({"health_status": "TODO"}, "'health_status' is still TODO; write what it should be"),
    ({"domains": ["TODO"]}, "'domains' is still TODO; write what it should be"),
    ({"wsgi": "TODO: no module makes an app"}, "'wsgi' is still TODO: no module makes an app"),
    ({"source": {"path": "TODO"}}, "'path' in 'source' is still TODO; write what it should be"),
    ({"release_commands": ["flask TODO"]}, "'release_commands' is still TODO; write what it should be"),
    (
        {"release_commands": [{"command": "TODO: what makes the tables", "once": True}]},
        "'command' in 'release_commands' is still TODO: what makes the tables",
    ),
    (
        {"environment": {"MAIL_SERVER": "TODO: config.py:4"}},
        "'MAIL_SERVER' in 'environment' is still TODO: config.py:4",
    ),
    ({"static": {"/static/": "TODO"}}, "'/static/' in 'static' is still TODO; write what it should be"),
    ({"shared_folders": ["a", "TODO"]}, "'shared_folders' is still TODO; write what it should be"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_what_is_still_todo_is_refused_once_and_by_name(changes: dict[str, Any], sentence: str) -> None:
    assert description.problems([shop(**changes)]) == [START + sentence]


def test_a_secret_that_is_still_todo_is_named_and_not_shown() -> None:
    secrets = {"SECRET_KEY": KEY, "MAIL_PASSWORD": "TODO: hunter2"}
    assert description.problems([shop(secrets=secrets)]) == [
        f"{START}'MAIL_PASSWORD' in 'secrets' is still TODO; write what it should be"
    ]


def test_a_file_that_begins_with_todo_is_named_and_not_shown() -> None:
    settings = 'TODO = "add MAIL_SERVER"\nSECRET_KEY = "hunter2"\n'
    assert description.problems([shop(files={"shop.cfg": settings})]) == [
        f"{START}'shop.cfg' in 'files' is still TODO; write what it should be"
    ]


def test_every_todo_is_named_and_other_faults_beside_them() -> None:
    found = description.problems([shop(domains=["TODO"], health_path="TODO", workers=999)])
    assert [sentence.removeprefix(START).split(" ")[0] for sentence in found] == [
        "'domains'",
        "'health_path'",
        "'workers'",
    ]


TAKEN: list[dict[str, Any]] = [
    {"environment": {"TITLE": "My TODO list"}},
    {"environment": {"LIST": "TODOS"}},
    {"files": {"instance/config.py": "# TODO tidy\nA = 1\n"}},
    {"headers": {"X-List": "a TODO list"}},
    {"static": {"/todo/": "todo/static"}},
]


@pytest.mark.parametrize("changes", TAKEN)
def test_the_word_in_a_text_of_the_app_is_taken(changes: dict[str, Any]) -> None:
    assert description.problems([shop(**changes)]) == []
