# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's `audit`: its short and its long form, and what is wrong with one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import audit
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._target import release as target
from app_descriptions import shop

ENTRY = {"id": "CVE-2024-22195", "reason": "no xmlattr", "until": "2027-01-31"}
REST = {"severity": "low", "allow": [], "private": []}

# Each row: what stands in the description, and what it means.
MEANS: dict[str, tuple[Any, dict[str, Any]]] = {
    "nothing": (..., {"mode": "off", **REST}),
    "a bare off, which YAML reads as false": (False, {"mode": "off", **REST}),
    "one word": ("refuse", {"mode": "refuse", **REST}),
    "a mapping without a mode reports": ({"severity": "high"}, {"mode": "report", **REST, "severity": "high"}),
    "a bare off inside": ({"mode": False}, {"mode": "off", **REST}),
    "a date that YAML has read as one": (
        {"mode": "refuse", "allow": [{**ENTRY, "until": date(2027, 1, 31)}]}, {"mode": "refuse", **REST, "allow": [ENTRY]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("said, means", MEANS.values(), ids=MEANS)
def test_it_means(said: Any, means: dict[str, Any]) -> None:
    app = shop(audit=said)
    assert app_description.problems([app]) == []
    assert app_description.normalise(app)["audit"] == means


# Each row: the value, and its one problem.
WRONG: dict[str, tuple[Any, str]] = {
    "a misspelt word": ("refuze", "'audit' is 'refuze'; it must be one of off, report, refuse (did you mean 'refuse'?)"),
    "yes": (True, "'audit' must be text or a mapping, not true or false."),
    "a misspelt key": ({"allowed": []}, "unknown key 'allowed' in 'audit' (did you mean 'allow'?)"),
    "a severity that there is not": (
        {"severity": "moderate"}, "'severity' in 'audit' is 'moderate'; it must be one of low, medium, high, critical"
    ),
    "one exception, no list": ({"allow": ENTRY}, "'allow' in 'audit' must be a list"),
    "an exception that is an id": ({"allow": ["CVE-2024-22195"]}, "entry 1 of 'allow' in 'audit' must be a mapping such as"),
    "one without a reason": (
        {"allow": [ENTRY, {"id": "CVE-1-2", "until": "2027-01-31"}]}, "'reason' is missing in entry 2 of 'allow' in 'audit'."
    ),
    "an empty reason": ({"allow": [{**ENTRY, "reason": " "}]}, "'reason' in entry 1 of 'allow' in 'audit' is empty"),
    "one for ever": (
        {"allow": [{**ENTRY, "until": "never"}]},
        "'until' in entry 1 of 'allow' in 'audit' is 'never'; it must be a date such as 2027-01-31",
    ),
    "a day that there is not": ({"allow": [{**ENTRY, "until": "2027-02-30"}]}, "'until' in entry 1 of 'allow' in 'audit' is"),
    "a name for an id": (
        {"allow": [{**ENTRY, "id": "jinja2"}]}, "'id' in entry 1 of 'allow' in 'audit' is 'jinja2'; it must be one such as CVE-"
    ),
    "a number for an id": ({"allow": [{**ENTRY, "id": 22195}]}, "'id' in entry 1 of 'allow' in 'audit' must be text"),
    "no pattern": ({"private": ["/acme/"]}, "'/acme/' in 'private' of 'audit' must be the name of a package, or a pattern"),
}  # fmt: skip


@pytest.mark.parametrize("said, says", WRONG.values(), ids=WRONG)
def test_a_wrong_one_has_one_problem_that_says_what_it_must_be(said: Any, says: str) -> None:
    found = app_description.problems([shop(audit=said)])
    assert len(found) == 1
    assert found[0].startswith(f"slipway_apps, app 'shop': {says}")


@pytest.mark.parametrize(
    "said, mode", [("", "refuse"), ("report", "report"), ("off", "off"), (False, "off"), (None, "refuse")]
)
def test_the_command_line_decides_for_one_run(said: Any, mode: str) -> None:
    app = app_description.normalise(shop(audit={"mode": "refuse", "allow": [ENTRY]}))
    assert audit.run_problems(said) == []
    assert target.release(app, audit=said)["audit"] == {**app["audit"], "mode": mode}


def test_a_misspelt_word_on_the_command_line_is_refused() -> None:
    assert audit.run_problems("reprot") == [
        "-e audit is 'reprot'; it must be one of off, report, refuse (did you mean 'report'?)"
    ]
