# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What `-e revision_of=…` means in an inventory."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import origin
from ansible_collections.slipway.flask.plugins.plugin_utils._app.choice import ChoiceError

GROUPS = {
    "all": ["p1", "s1", "s2"], "ungrouped": [], "web": ["p1", "s1", "s2"], "staging": ["s1", "s2"], "empty": [],
    "wiki": ["p1"],
}  # fmt: skip
SHOP = [{"name": "shop"}]
VARIABLES: dict[str, Any] = {
    "p1": {"slipway_apps": [*SHOP, {"name": "shop-staging"}]},
    "s1": {"slipway_apps": SHOP},
    "s2": {"slipway_apps": [*SHOP, {"name": "wiki"}]},
}


@pytest.mark.parametrize(
    ("of", "places"),
    [
        ("staging", [("s1", "shop"), ("s2", "shop")]),
        ("s2", [("s2", "shop")]),
        ("shop-staging", [("p1", "shop-staging")]),
    ],
)
def test_a_group_a_host_and_an_app_can_be_promoted(of: str, places: list[tuple[str, str]]) -> None:
    found = origin.places(of, "shop", GROUPS, VARIABLES)
    assert [(one["host"], one["app"]) for one in found] == places


@pytest.mark.parametrize(
    ("of", "app", "told"),
    [
        (
            "stagin",
            "shop",
            "no group, host or app of that name (did you mean 'staging'?). If it is in another inventory",
        ),
        ("empty", "shop", "no group, host or app"),
        ("s1", "wiki", "whose hosts have no app 'wiki' (they have shop)"),
        ("wiki", "shop", "which is a group of the inventory and an app as well; rename one of them"),
    ],
)
def test_what_means_nothing_or_two_things_is_refused(of: str, app: str, told: str) -> None:
    with pytest.raises(ChoiceError) as refused:
        origin.places(of, app, GROUPS, VARIABLES)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("version", "only", "host", "told"),
    [
        ("", "shop", "p1", []),
        ("v2", "shop", "p1", ["revision_of is 'staging' and version is 'v2'; give one of them"]),
        ("", "", "p1", ["revision_of is 'staging', but there are 2 apps; say of which: -e app=shop or shop-staging"]),
        (
            "",
            "shop",
            "s1",
            [
                "revision_of is 'staging', which has the app on this very host: nothing can be promoted to itself; see --limit"
            ],
        ),
    ],
)
def test_one_app_is_promoted_to_other_hosts(version: str, only: str, host: str, told: list[str]) -> None:
    places = origin.places("staging", "shop", GROUPS, VARIABLES)
    assert origin.problems("staging", version, VARIABLES["p1"]["slipway_apps"], only, places, host) == told
