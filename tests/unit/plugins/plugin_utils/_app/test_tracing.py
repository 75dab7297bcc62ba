# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Tracing as an app's description has it: what is refused, and what becomes of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, tracing
from ansible_collections.slipway.flask.plugins.plugin_utils._target import systemd
from app_descriptions import shop

ENDPOINT = "https://otel.example.com:4318"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no endpoint": ({"sample_percent": 5}, "'endpoint' is missing in 'otel'"),
    "no address": ({"endpoint": "otel.example.com:4318"}, "must be an address such as http://127.0.0.1:4318"),
    "a port of words": ({"endpoint": "http://x:many"}, "must be an address such as"),
    "a password in it": ({"endpoint": "https://ann:s3cret@x"}, "has a password in it: put it into 'headers'"),
    "two lines": ({"endpoint": ENDPOINT, "headers": {"A": "s3cret\nB: c"}}, "'A' in 'headers' of 'otel' is no header"),
    "no name": ({"endpoint": ENDPOINT, "headers": {"A B": "s3cret"}}, "'A B' in 'headers' of 'otel' is no header"),
    "an attribute more": ({"endpoint": ENDPOINT, "environment": "a,b=c"}, "'environment' in 'otel' must be"),
    "a word that is meant": ({"endpoint": ENDPOINT, "sample": 5}, "did you mean 'sample_percent'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_can_t_be_traced_so_is_refused_without_a_secret(case: str) -> None:
    otel, said = WRONG[case]
    found = "\n".join(description.problems([shop(otel=otel)]))
    assert said in found
    assert "s3cret" not in found


def test_an_app_that_is_not_traced_has_neither_variables_nor_packages() -> None:
    app = description.normalise(shop())
    assert not [name for name in (*app["environment"], *app["secrets"]) if name.startswith("OTEL_")]
    assert systemd.needed_packages(app) == [systemd.GUNICORN]
    assert systemd.service(app)["tracing"] is False


def test_an_app_that_is_traced_has_them_and_its_own_variables_go_before() -> None:
    otel = {"endpoint": ENDPOINT, "headers": {"Authorization": "Bearer a,b"}, "sample_percent": 25}
    app = description.normalise(
        shop(otel=otel, environment={"OTEL_BSP_SCHEDULE_DELAY": 100, "OTEL_SERVICE_NAME": "till"})
    )
    told = app["environment"]
    assert (told["OTEL_EXPORTER_OTLP_ENDPOINT"], told["OTEL_TRACES_SAMPLER_ARG"]) == (ENDPOINT, "0.25")
    assert (told["OTEL_SERVICE_NAME"], told["OTEL_BSP_SCHEDULE_DELAY"]) == ("till", 100)
    assert app["secrets"]["OTEL_EXPORTER_OTLP_HEADERS"] == "Authorization=Bearer%20a%2Cb"
    assert set(tracing.PACKAGES) < set(systemd.needed_packages(app))
    assert systemd.service(app)["tracing"] is True
