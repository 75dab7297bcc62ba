# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A module's parameters become a frozen dataclass: nested ones, those with another name, lists."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.parameters import typed


@dataclass(frozen=True)
class Step:
    command: str
    once: bool = False


@dataclass(frozen=True)
class Place:
    url: str = ""
    key: str = field(default="", metadata={"parameter": "place_key"})


@dataclass(frozen=True)
class Asked:
    app: str
    names: tuple[str, ...] = ("a",)
    steps: tuple[Step, ...] = ()
    step: Step = Step("true")
    place: Place = field(default=Place(), metadata={"flat": True})


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"app": "shop"}, Asked("shop")),
        ({"app": "shop", "names": None, "step": None, "url": None}, Asked("shop")),
        ({"app": "shop", "names": []}, Asked("shop", names=())),
        ({"app": "shop", "names": ["b", "c"]}, Asked("shop", names=("b", "c"))),
        ({"app": "shop", "steps": [{"command": "x", "once": True}]}, Asked("shop", steps=(Step("x", True),))),
        ({"app": "shop", "step": {"command": "y"}}, Asked("shop", step=Step("y"))),
        ({"app": "shop", "url": "u", "place_key": "k"}, Asked("shop", place=Place("u", "k"))),
        ({"app": "shop", "of": "no concern"}, Asked("shop")),
    ],
)
def test_parameters_become_a_dataclass(given: dict[str, Any], asked: Asked) -> None:
    assert typed(Asked, given) == asked


def test_nobody_changes_it() -> None:
    with pytest.raises(FrozenInstanceError):
        typed(Asked, {"app": "shop"}).app = "blog"  # type: ignore[misc]


def test_what_must_be_given_is_missed() -> None:
    with pytest.raises(TypeError, match="app"):
        typed(Asked, {})
