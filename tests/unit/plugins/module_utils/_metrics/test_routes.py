# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Paths are put together to a few routes that a person knows again, whatever is asked for."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics.routes import OTHER, ROUTES, STALE_SECONDS, Routes


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("", "/"),
        ("/ships", "/ships"),
        ("/ships/", "/ships/"),
        ("/ships/1234/edit", "/ships/:id/edit"),
        ("/api/v1/users/7", "/api/v1/users/:id"),
        ("/oauth2/callback", "/oauth2/callback"),
        ("/api/getUser", "/api/getUser"),
        ("/files/6f1c3a52-8a53-4d0e-9a51-0c8b1f3f2a11", "/files/:id"),
        ("/build/3f2a9c81d4e5", "/build/:id"),
        ("/img/app.3f2a9c81.css", "/img/:id"),
        ("/docs/how-to-write-a-title-that-is-far-too-long", "/docs/:id"),
        ("/search/%C3%A9t%C3%A9", "/search/:id"),
        ("/u/ann@example.org", "/u/:id"),
        ("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/…"),
        ("/robots.txt", "/robots.txt"),
        ("/.well-known/security.txt", "/.well-known/security.txt"),
        ("*", "/"),
        ("/" + "/".join(["a-segment-of-thirty-characters"] * 6), "/" + "/".join(["a-segment-of-thirty-characters"] * 3) + "/…"),
    ],
)  # fmt: skip
def test_values_are_taken_out_of_a_path(path: str, route: str) -> None:
    assert Routes().pattern(path.encode()) == route


def asked(routes: Routes, path: str, times: int = 5, status: int = 200, now: float = 0) -> str:
    """Return the route of the last of so many requests for PATH."""
    return [routes.of(path.encode(), status, now) for _ in range(times)][-1]


def test_a_path_that_the_app_knows_is_a_route_and_what_scanners_try_is_none() -> None:
    routes = Routes()
    assert asked(routes, "/ships", times=1) == OTHER
    assert asked(routes, "/ships", times=2) == "/ships"
    assert asked(routes, "/wp-login.php", status=404) == OTHER
    assert asked(routes, "/ships", status=500) == "/ships"
    assert asked(routes, "/checkout", status=502) == OTHER
    assert asked(routes, "/checkout", status=500) == "/checkout"
    assert set(routes.known) == {"/ships", "/checkout"}


def test_titles_below_a_folder_are_values() -> None:
    routes = Routes()
    titles = [f"/blog/a-title-of-{letter}" for letter in "abcdefghij"]
    for title in titles:
        asked(routes, title)
    assert {asked(routes, title) for title in titles} == {"/blog/:id"}
    assert set(routes.known) == {"/blog/:id"}


def test_pages_at_the_root_stay_when_somebody_is_answered_well_for_whatever_he_tries() -> None:
    routes = Routes()
    asked(routes, "/ships")
    for number in range(100):
        routes.of(b"/try" + bytes([97 + number // 10, 97 + number % 10]), 200, 0)
    assert asked(routes, "/ships") == "/ships"
    assert asked(routes, "/harbour") == "/:id"


def test_an_app_has_no_more_routes_than_a_page_can_show_and_a_new_one_takes_the_place_of_one_nobody_asks_for() -> None:
    routes = Routes()
    names = [f"/{chr(97 + number)}" for number in range(ROUTES)]
    for name in names:
        asked(routes, name, now=10)
    assert asked(routes, "/late", now=20) == OTHER
    for name in names[1:]:
        asked(routes, name, now=STALE_SECONDS)
    assert asked(routes, "/late", now=STALE_SECONDS + 11) == "/late"
    assert set(routes.known) == {*names[1:], "/late"}


def test_routes_are_the_same_after_a_restart() -> None:
    routes = Routes()
    for number in range(12):
        asked(routes, f"/blog/title-{chr(97 + number)}")
    asked(routes, "/ships")
    again = Routes(routes.saved())
    assert again.saved() == routes.saved()
    assert asked(again, "/blog/another", times=1) == "/blog/:id"
