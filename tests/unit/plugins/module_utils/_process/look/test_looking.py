# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Who only looks at the processes of an app has them all, and nothing to change them with."""

from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._process.base import Process
from ansible_collections.slipway.flask.plugins.module_utils._process.look import members
from fake_host import FakeHost

KINDS = {"mailer": {"kind": "worker"}, "digest": {"kind": "schedule"}}


def test_who_looks_sees_the_processes_that_a_run_has(host: FakeHost) -> None:
    (host.paths.settings / "processes.json").write_text(json.dumps(KINDS))
    (host.units / "shop.gone@0001-a.timer").write_text(
        ""
    )  # it may have been a worker in one release, and a schedule in another
    seen = [process.name for process in members.processes_of(host.paths)]
    assert seen == [process.name for process in host.processes()] == ["web", "mailer", "digest", "gone", "gone"]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_who_looks_has_nothing_of_what_a_run_does(host: FakeHost, number: int) -> None:
    (host.paths.settings / "processes.json").write_text(json.dumps(KINDS))
    looked_at, acting = members.processes_of(host.paths)[number], host.processes()[number]
    assert isinstance(acting, type(looked_at)) and isinstance(acting, Process)
    acts = {name for name in vars(Process) if not name.startswith("_")}
    assert {"start", "write_unit", "switch_in", "stop", "forget"} < acts
    assert not [name for name in acts if hasattr(looked_at, name)]
