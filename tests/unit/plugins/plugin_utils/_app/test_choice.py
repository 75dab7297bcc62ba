# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which apps a playbook is about."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import choice


def app(name: str, **keys: Any) -> dict[str, Any]:
    return {
        "name": name,
        "domains": [f"{name}.example.com"],
        "source": {"path": "../shop"},
        "wsgi": "shop:app",
        "secrets": {"SECRET_KEY": "7c1d6f0be2a94385b1e9c07f5ad2386e"},
        **keys,
    }


APPS = [app("shop"), app("wiki")]


@pytest.mark.parametrize(("name", "chosen"), [("", ["shop", "wiki"]), ("wiki", ["wiki"])])
def test_all_apps_are_meant_or_the_one_that_is_named(name: str, chosen: list[str]) -> None:
    found = choice.choose(APPS, name)
    assert [app["name"] for app in found] == chosen
    assert found[0]["health_path"] == ["/"], "every key has its default"


def test_a_name_that_nobody_has_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(choice.ChoiceError) as refused:
        choice.choose(APPS, "shp", ["blog"])
    assert str(refused.value) == "there is no app 'shp' (did you mean 'shop'?); the apps are: blog, shop, wiki"


def test_an_app_of_another_host_is_no_mistake() -> None:
    assert choice.choose(APPS, "blog", ["blog"]) == []
    assert choice.choose_one(APPS, "blog", ["blog"]) is None


def test_a_wrong_description_is_refused() -> None:
    with pytest.raises(choice.ChoiceError, match=r"(?s)The app descriptions.*did you mean 'workers'"):
        choice.choose([app("shop", workes=1)], "")
    with pytest.raises(choice.ChoiceError, match="at least one app"):
        choice.choose([], "shop")


def test_one_app_is_chosen_by_name_or_because_there_is_no_other() -> None:
    for apps, name in ((APPS, "shop"), (APPS[:1], "")):
        found = choice.choose_one(apps, name)
        assert found is not None
        assert found["name"] == "shop"
    with pytest.raises(choice.ChoiceError) as refused:
        choice.choose_one(APPS, "")
    assert str(refused.value) == "choose one app with -e app=NAME; the apps are: shop, wiki"


def test_the_apps_of_every_host_of_the_play_are_known() -> None:
    hostvars = {"a": {"slipway_apps": APPS}, "b": {}, "c": {"slipway_apps": [app("blog"), "broken"]}, "d": {}}
    found = choice.play_apps({"ansible_play_hosts_all": ["a", "b", "c"], "hostvars": hostvars})
    assert found == {"a": ["shop", "wiki"], "b": [], "c": ["blog"]}
    assert choice.play_apps({}) == {}
