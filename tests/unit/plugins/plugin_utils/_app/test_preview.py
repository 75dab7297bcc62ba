# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Previews: what a branch may name, what a preview has of its app, and what it must never have."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, preview
from ansible_collections.slipway.flask.plugins.plugin_utils._app.choice import ChoiceError
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names
from app_descriptions import shop

GIT = {"git": "https://ann:t0ken@git.example.com/shop.git", "version": "main", "key": "-----BEGIN KEY"}
PREVIEW: dict[str, Any] = {"domain": "*.preview.example.org", "access": []}
COPY: dict[str, Any] = {**PREVIEW, "database": "copy", "anonymize": "flask anonymize"}


def parent(**changes: Any) -> dict[str, Any]:
    return shop(**{"source": GIT, "preview": PREVIEW, **changes})


def made(branch: str = "feature/search", **changes: Any) -> dict[str, Any]:
    app = parent(**changes)
    assert description.problems([app]) == []
    found = preview.of([app], "shop", branch)
    assert description.problems([app, found]) == []
    return found


@pytest.mark.parametrize(
    "branch",
    [
        "feature/search",
        "UPPER_case",
        "x" * 200,
        "dependabot/pip/flask-3.1.3",
        "fix/émigré",
        "日本",
        "a;$(id)`reboot`|&",
        "'\"<b>",
    ],
)
def test_any_branch_makes_a_name_that_a_user_a_unit_and_a_domain_can_have(branch: str) -> None:
    found = made(branch)
    assert names.APP.fullmatch(found["name"])
    assert re.fullmatch(r"[a-z0-9-]{8,63}\.preview\.example\.org", found["domains"][0])
    assert found["source"]["version"] == branch


def test_branches_that_look_alike_have_previews_of_their_own() -> None:
    alike = ["feature/x", "feature-x", "Feature/X", "feature.x", f"feature/{'x' * 50}", f"feature/{'x' * 51}"]
    assert len({preview.named("shop", branch) for branch in alike}) == len(alike)
    assert preview.named("shop", "x") != preview.named("blog", "x")
    assert len(preview.named("a" * 31, "b" * 200)[0]) <= 31


@pytest.mark.parametrize(
    "branch",
    ["", "-x", "--upload-pack=evil", "a..b", "a b", "a\nb", "x~1", "x" * 201, "a:b", "a\x1b[2J", "a\x9b2J", "a\u202eb"],
)
def test_what_git_takes_for_no_branch_is_refused(branch: str) -> None:
    with pytest.raises(ChoiceError, match="it must be the name of a branch: -e branch=feature/search"):
        preview.of([parent()], "shop", branch)


def test_a_preview_has_no_secret_of_its_app_and_nothing_that_leads_to_its_data() -> None:
    found = made(
        secrets={"SECRET_KEY": "0123456789abcdef0123456789abcdef", "STRIPE": "sk_live_1"},
        database="url", database_url="postgresql://shop:dbpassw0rd@db.example.com/shop",
        redis="url", redis_url="rediss://:redispassw0rd@cache.example.com:6379/0",
        files={"instance/config.py": "TOKEN = 'filet0ken'"}, writable_paths=["/var/lib/shop"],
        notifications=[{"url": "https://hooks.example.com/hookt0ken"}], hooks={"after_switch": "purge.yml"},
    )  # fmt: skip
    told = json.dumps({**found, "source": {}})
    for secret in (
        "0123456789abcdef",
        "sk_live_1",
        "dbpassw0rd",
        "redispassw0rd",
        "filet0ken",
        "hookt0ken",
        "/var/lib/shop",
    ):
        assert secret not in told
    assert (found["database"], found["redis"]) == ("local", "local")
    assert set(found["secrets"]) == {"SECRET_KEY"} and len(found["secrets"]["SECRET_KEY"]) == 64
    assert {"hooks", "notifications", "files", "writable_paths", "adopt", "preview"}.isdisjoint(found)


def test_what_the_host_keeps_has_neither_secrets_nor_the_repositorys_credentials() -> None:
    kept = preview.kept(made())
    assert description.problems([kept]) == []
    assert not re.search("t0ken|BEGIN KEY|SECRET", json.dumps(kept))


def test_a_preview_is_small_closed_and_knows_what_it_is() -> None:
    closed = {**PREVIEW, "access": [{"path": "/", "basic_auth": {"team": "$5$salt$" + "a" * 43}}], "memory_max_mb": 128}
    found = made(
        preview={**closed, "environment": {"MAIL": "off"}, "secrets": {"STRIPE": "sk_test"}}, certificate="acme"
    )
    whole = description.normalise(found)
    assert (whole["stage"], whole["workers"], whole["memory_max_mb"], whole["certificate"]) == (
        "staging",
        1,
        128,
        "acme",
    )
    assert whole["access"] == closed["access"]
    assert whole["environment"]["SLIPWAY_STAGE"] == "preview" and whole["environment"]["MAIL"] == "off"
    assert whole["secrets"]["STRIPE"] == "sk_test"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"preview": {**PREVIEW, "domain": "preview.example.org"}},
            "it must be a wildcard such as *.preview.example.org",
        ),
        ({"preview": {"access": []}}, "'domain' in 'preview' is ''"),
        ({"preview": {**PREVIEW, "day": 3}}, "unknown key 'day' in 'preview' (did you mean 'days'?)"),
        ({"preview": {**PREVIEW, "days": 0}}, "'days' in 'preview' is 0; it must be from 1 to 90"),
        ({"preview": {**PREVIEW, "most": "5"}}, "'most' in 'preview' must be a whole number"),
        (
            {"preview": {**PREVIEW, "database": "full"}},
            "'database' in 'preview' is 'full'; it must be one of empty, copy",
        ),
        (
            {"preview": {**PREVIEW, "database": "copy"}},
            "'anonymize' is missing in 'preview': the code of any branch could",
        ),
        ({"preview": {**COPY, "anonymize": " "}}, "`anonymize: none` copies it as it is"),
        (
            {"preview": {**PREVIEW, "anonymize": "flask a"}},
            "'anonymize' in 'preview' is given, but 'database' in 'preview' is not",
        ),
        (
            {"preview": {**COPY, "anonymize": "flask a | cat"}},
            "'anonymize' in 'preview' holds '|', which needs a shell",
        ),
        (
            {"preview": {**COPY, "anonymize": "flask a $STRIPE"}},
            "'anonymize' in 'preview' uses $STRIPE, which is neither in",
        ),
        (
            {"preview": COPY, "database": "url", "database_url": "postgresql://a:b@db.example.com/a"},
            "'database' in 'preview' is 'copy', but the app's database is elsewhere (`database: url`)",
        ),
        (
            {"preview": COPY, "database": "mariadb"},
            "but the app's database is MariaDB, and only PostgreSQL on the host can",
        ),
        ({"preview": COPY, "database": "none"}, "but the app has no database (`database: none`)"),
        (
            {"preview": {"domain": "*.p.example.org"}},
            "'access' is missing in 'preview': anybody could see the previews",
        ),
    ],
)
def test_what_is_no_preview_is_said(changes: dict[str, Any], told: str) -> None:
    assert told in "\n".join(description.problems([parent(**changes)]))


def test_an_app_without_previews_has_none() -> None:
    with pytest.raises(ChoiceError, match="app 'shop' has no 'preview'"):
        preview.of([shop()], "shop", "x")
    with pytest.raises(ChoiceError, match="app 'shop' has no 'git' source"):
        preview.of([parent(source={"path": "../shop"})], "shop", "x")


@pytest.mark.parametrize(
    "line", ["none", "flask anonymize", "flask mail --to $MAIL --as $SECRET_KEY --url $DATABASE_URL"]
)
def test_a_copy_of_the_database_is_made_anonymous_or_as_it_is_on_purpose(line: str) -> None:
    app = parent(preview={**COPY, "anonymize": line, "environment": {"MAIL": "x@example.org"}})
    assert description.problems([app]) == []
    assert (preview.copies(app), preview.copies(parent())) == (True, False)
