# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The module preview_copy: what the host is asked, and when it copies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.action import preview_copy as action
from ansible_collections.slipway.flask.plugins.module_utils._app import previews
from ansible_collections.slipway.flask.plugins.module_utils._app.previews import Preview
from ansible_collections.slipway.flask.plugins.module_utils._backup.error import BackupError
from ansible_collections.slipway.flask.plugins.modules import preview_copy, preview_copy_on_host
from ansible_collections.slipway.flask.plugins.plugin_utils._app import preview
from app_descriptions import shop
from as_ansible import Call, options_of, task

ASKED = {
    "app": "shop", "root": "/srv/shop", "settings": "/etc/shop", "preview": "shop-x-1", "wsgi": "app:app",
    "variable": "DATABASE_URL", "words": '["flask", "anonymize"]', "environment": '{"MAIL": "off"}', "folders": [],
}  # fmt: skip


class Online:
    online = True


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The times that a copy was made; one whose preview is called `broken` can't be."""
    made: list[str] = []

    class Copy:
        def __init__(self, paths: Any, name: str, *_: Any) -> None:
            self.name = name

        def make(self, cluster: Any, before: Callable[[], None]) -> list[str]:
            if self.name == "broken":
                raise BackupError("`flask anonymize` (`anonymize`) failed")
            before()
            note = previews.read(self.name)
            made.append(note.copied if note else "no note")
            return ["left out"]

    monkeypatch.setattr(previews, "FOLDER", tmp_path)
    monkeypatch.setattr(preview_copy_on_host, "PreviewCopy", Copy)
    monkeypatch.setattr(preview_copy_on_host, "find_cluster", lambda wanted: Online())
    monkeypatch.setattr(preview_copy_on_host, "make_way", lambda: None)
    return made


def note(name: str = "shop-x-1", copied: str = "") -> None:
    Preview(name, "shop", "x", "https://x.example.org/", 0.0, {}, copied).write()


@pytest.mark.parametrize(
    ("copied", "fresh", "made"),
    [("", False, 1), ("2026-11-27 02:00 UTC", False, 0), ("2026-11-27 02:00 UTC", True, 1)],
    ids=["a new one is copied", "an update keeps what it has", "a fresh one is copied anew"],
)
def test_a_database_is_copied_once(call: Call, copies: list[str], copied: str, fresh: bool, made: int) -> None:
    note(copied=copied)
    result = call(preview_copy_on_host.main, **task(**ASKED, fresh=fresh))
    assert (result["changed"], copies) == (bool(made), [""] * made), (
        "it is noted that there is none before the old one goes"
    )
    kept = previews.read("shop-x-1")
    assert kept and kept.copied and kept.copied == result["copied"]


def test_one_that_failed_is_tried_again_and_keeps_what_was_there(call: Call, copies: list[str]) -> None:
    note("broken", "2026-11-27 02:00 UTC")
    result = call(preview_copy_on_host.main, **task(**{**ASKED, "preview": "broken"}, fresh=True))
    assert (result["failed"], result["msg"]) == (True, "`flask anonymize` (`anonymize`) failed")
    kept = previews.read("broken")
    assert kept and kept.copied == "2026-11-27 02:00 UTC"


def test_the_command_has_the_previews_variables_and_no_secret_of_the_app() -> None:
    wanted = {
        "domain": "*.p.example.org", "access": [], "database": "copy", "anonymize": "flask anonymize --to $MAIL",
        "environment": {"MAIL": "off"}, "secrets": {"STRIPE": "sk_test"},
    }  # fmt: skip
    app = shop(
        source={"git": "https://git.example.com/shop.git"}, preview=wanted, redis="local", shared_folders=["uploads"],
        files={"config.py": "TOKEN = 'production'"},
        secrets={"SECRET_KEY": "0123456789abcdef0123456789abcdef", "STRIPE": "sk_live", "TOKEN": "production"},
    )  # fmt: skip
    asked = action.question(app, preview.of([app], "shop", "x"))
    assert "production" not in json.dumps(asked) and "sk_live" not in json.dumps(asked)
    variables = json.loads(asked["environment"])
    assert (variables["MAIL"], variables["STRIPE"], variables["REDIS_URL"]) == ("off", "sk_test", action.NOWHERE)
    assert variables["SLIPWAY_STAGE"] == "preview" and variables["SECRET_KEY"] != app["secrets"]["SECRET_KEY"]
    assert asked["folders"] == ["/srv/shop/shared/uploads"]
    assert asked["files"] == ["config.py"]
    assert json.loads(asked["words"]) == ["flask", "anonymize", "--to", "\0MAIL\0"]


def test_its_documentation_names_what_the_action_takes() -> None:
    assert set(options_of(preview_copy)) == set(action.ActionModule._VALID_ARGS)
