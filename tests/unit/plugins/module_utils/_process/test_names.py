# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What belongs to a process of a release is named after both, and never after another app."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._process import members, names
from ansible_collections.slipway.flask.plugins.module_utils._process.web import Web
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import APP
from fake_host import FakeHost


@pytest.mark.parametrize(
    ("process", "unit"), [("web", "shop@0001-a.b.service"), ("worker", "shop.worker@0001-a.b.service")]
)
def test_a_unit_is_named_after_app_process_and_release(process: str, unit: str) -> None:
    assert names.unit("shop", process, "0001-a.b") == unit


def test_no_app_can_be_called_like_another_ones_process() -> None:
    assert not APP.fullmatch(names.template("shop", "worker"))


def test_the_apps_commands_run_in_the_sandbox_of_its_first_process(host: FakeHost) -> None:
    assert members.processes_of(host.context())[0].name == names.FIRST


def test_a_release_takes_its_requests_in_a_folder_of_its_own_until_it_says_otherwise(host: FakeHost) -> None:
    web = Web(host.context())
    assert web.socket("0001-a") == host.memory / "shop/0001-a/gunicorn.sock"
    host.paths.release("0001-a").mkdir(parents=True)
    (host.paths.release("0001-a") / "run").symlink_to(host.memory / "shop/socket")
    assert web.socket("0001-a") == host.memory / "shop/socket/gunicorn.sock"
