# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a target can't do with an app, and the table that says what each key means there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._app.keys import KEYS
from ansible_collections.slipway.flask.plugins.plugin_utils._render import refusals
from ansible_collections.slipway.flask.plugins.plugin_utils._render.meanings import MEANINGS, TARGETS
from app_descriptions import shop as described


def shop(**changes: Any) -> dict[str, Any]:
    return description.normalise(described(**changes))


def test_every_key_of_an_app_has_its_meaning_on_every_target() -> None:
    assert set(MEANINGS) == set(KEYS)
    assert all(text for meaning in MEANINGS.values() for text in meaning)


@pytest.mark.parametrize("target", TARGETS)
def test_a_usual_app_can_be_anywhere(target: str) -> None:
    assert refusals.problems(shop(database="url", database_url="postgresql://u:x@db/shop"), target) == []


@pytest.mark.parametrize(
    ("changes", "targets", "text"),
    [
        ({"database": "mariadb"}, TARGETS, "set `database: url`"),
        ({"database": "url", "database_url": "sqlite:////data/x.sqlite"}, TARGETS, "use PostgreSQL"),
        ({"database_pool": "pgbouncer"}, TARGETS, "'database_pool' is 'pgbouncer'"),
        ({"hooks": {"after_switch": "hooks/x.yml"}}, TARGETS, "'hooks'"),
        ({"shared_folders": ["uploads"]}, ("swarm",), "object storage"),
        ({"processes": {"w": {"command": "flask w", "ready": "notify"}}}, TARGETS, "process 'w' has `ready: notify`"),
        ({"processes": {"s": {"command": "flask s", "schedule": "*:*:0/5"}}}, TARGETS, "has seconds"),
        ({"processes": {"s": {"command": "flask s", "schedule": "Fri *-*-13 12:00"}}}, ("kubernetes",), "both agree"),
    ],
)
def test_what_a_target_cannot_do_is_refused_with_what_to_do(
    changes: dict[str, Any], targets: tuple[str, ...], text: str
) -> None:
    for target in TARGETS:
        found = [one for one in refusals.problems(shop(**changes), target) if text in one]
        assert bool(found) == (target in targets), (target, found)
        assert all(one.startswith("slipway_apps, app 'shop': ") for one in found)


def test_keys_that_nothing_comes_of_are_named_when_they_are_set() -> None:
    assert refusals.without_effect(shop(), "compose") == []
    (found,) = refusals.without_effect(shop(keep_releases=9), "swarm")
    assert found.startswith("keep_releases (")


def test_what_is_left_out_is_said_with_how_to_do_it() -> None:
    told = refusals.notes(
        shop(
            release_commands=[{"command": "flask seed", "once": True}],
            setup_commands=["git init $REPOSITORY"],
            shared_folders=["data"],
        ),
        "kubernetes",
    )
    assert any("'flask seed'" in text and "slipway-migrate --once" in text for text in told)
    assert any(text.startswith("setup_commands") and "slipway-run -- COMMAND" in text for text in told)


def test_the_table_has_a_row_for_each_key() -> None:
    rows = refusals.table().splitlines()
    assert len(rows) == len(KEYS) + 2
    assert rows[0] == "| Key | Compose | Docker Swarm | Kubernetes |"
