# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a visitor sees on the board, and writes into the log."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from conftest import HTTPS, arrival, log_arrival, token
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from harbour.extensions import db
from harbour.models import PortCall, Ship


def test_empty_board(client: FlaskClient) -> None:
    page = client.get("/", **HTTPS)
    assert page.status_code == 200
    assert "No arrivals on this day" in page.text
    assert "<dd>r42</dd>" in page.text
    assert "<dt>Schema</dt><dd>0005</dd>" in page.text


def test_arrival_is_written_shown_and_announced(client: FlaskClient) -> None:
    answer = log_arrival(client, name="  Grace   Darling ", note="Crew tired <b>and wet</b>")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    page = client.get("/", **HTTPS).text
    assert "Grace Darling is in the log, at Slip 2." in page
    assert "Crew tired &lt;b&gt;and wet&lt;/b&gt;" in page
    assert "is in the log" not in client.get("/", **HTTPS).text, "a message is shown once"


def test_a_second_call_is_the_same_ship(app: Flask, client: FlaskClient) -> None:
    log_arrival(client)
    log_arrival(client, berth="Fuel Pier")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ship)) == 1
        assert db.session.scalar(select(func.count()).select_from(PortCall)) == 2


def test_departure_stands_on_its_own_day(client: FlaskClient) -> None:
    leaves = datetime.now(timezone.utc) + timedelta(days=2)
    log_arrival(client, departs_at=f"{leaves:%Y-%m-%dT%H:%M}", destination="Leith")
    assert "to Leith" not in client.get("/", **HTTPS).text
    assert "to Leith" in client.get(f"/?date={leaves.date()}", **HTTPS).text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": " "}, "Please fill this in."),
        ({"name": "x" * 61}, "Please use 2 to 60 characters."),
        ({"name": "Nul\x00l"}, "Please use plain text."),
        ({"flag": ""}, "Choose the ship&#39;s flag."),
        ({"flag": "XX"}, "Choose the ship&#39;s flag."),
        ({"berth": "Moon"}, "Choose a berth."),
        ({"arrived_at": "soon"}, "The arrival time is missing or unreadable."),
        ({"arrived_at": "1999-01-01T00:00"}, "within a month of today"),
        ({"departs_at": "1999-01-01T00:00"}, "after the arrival"),
        ({"destination": "Leith"}, "Give the departure time too."),
    ],
)
def test_a_wrong_entry_is_explained_and_not_written(
    app: Flask, client: FlaskClient, changes: dict[str, str], says: str
) -> None:
    answer = log_arrival(client, **changes)
    assert answer.status_code == 422
    assert says in answer.text
    assert 'aria-invalid="true"' in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(PortCall)) == 0


def test_without_a_token_nothing_is_written(app: Flask, client: FlaskClient) -> None:
    answer = client.post("/arrivals", data=arrival(), **HTTPS)
    assert answer.status_code == 400
    assert "could not be trusted" in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Ship)) == 0


def test_a_form_from_another_site_is_refused(client: FlaskClient) -> None:
    data = {**arrival(), "csrf_token": token(client)}
    headers = {"Referer": "https://elsewhere.test/"}
    assert client.post("/arrivals", data=data, base_url=HTTPS["base_url"], headers=headers).status_code == 400


def test_session_cookie_flags(client: FlaskClient) -> None:
    cookie = client.get("/", **HTTPS).headers["Set-Cookie"]
    assert cookie.startswith("harbour_session=")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_a_busy_day_is_cut_short(app: Flask, client: FlaskClient) -> None:
    now = datetime.now(timezone.utc)
    with app.app_context():
        ship = Ship(name="Shuttle", flag="DK")
        db.session.add_all(PortCall(ship=ship, origin="Korsør", cargo="Cars", arrived_at=now) for _ in range(41))
        db.session.commit()
    page = client.get("/", **HTTPS).text
    assert page.count('class="entry"') == 40
    assert "only its latest entries are shown" in page
    assert "and 40 more" in page, "all 41 lie at anchor"


def test_ships_are_paged(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        db.session.add_all(Ship(name=f"Barge {number:02}", flag="NL") for number in range(13))
        db.session.commit()
    assert "Barge 11" in client.get("/ships").text
    assert "Barge 12" in client.get("/ships?page=2").text
    assert client.get("/ships?page=3").status_code == 404


def test_ship_page(app: Flask, client: FlaskClient) -> None:
    log_arrival(client)
    with app.app_context():
        ship_id = db.session.scalars(select(Ship.id)).one()
    page = client.get(f"/ships/{ship_id}").text
    assert "<h1>Grace Darling</h1>" in page
    assert "In port" in page


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/ships/0",
        "/ships/999999",
        f"/ships/{10**30}",
        "/?date=tomorrow",
        "/?date=0001-01-01",
        "/ships?page=0",
        "/ships?page=" + "9" * 40,
        "/documents/../../etc/passwd",
    ],
)
def test_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "Not on the chart" in answer.text


def test_seed_only_fills_an_empty_logbook(app: Flask) -> None:
    runner = app.test_cli_runner()
    assert "Entered 13 ships." in runner.invoke(args=["seed"]).output
    assert "nothing entered" in runner.invoke(args=["seed"]).output
    assert app.test_client().get("/").status_code == 200
