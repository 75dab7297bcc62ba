# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a status says of an app's own services."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._host.attempt import Attempt
from ansible_collections.slipway.flask.plugins.module_utils._process import services
from ansible_collections.slipway.flask.plugins.module_utils._redis import check, names

WELL = {"used_memory": str(3 * 2**20), "maxmemory": str(128 * 2**20), "aof_enabled": "1", "aof_last_write_status": "ok"}


@pytest.mark.parametrize(
    ("purpose", "found", "said", "problem"),
    [
        ("queue", Attempt(WELL), "Redis (queue) has 3 of 128 MB in use, kept on the disk", ""),
        (
            "cache",
            Attempt({**WELL, "aof_enabled": "0"}),
            "Redis (cache) has 3 of 128 MB in use, kept in memory only",
            "",
        ),
        ("queue", Attempt({**WELL, "used_memory": str(2**28)}), "256 of 128 MB", "is full and rejects new entries"),
        ("cache", Attempt({**WELL, "used_memory": str(2**28), "aof_enabled": "0"}), "256 of 128 MB", ""),
        ("queue", Attempt({**WELL, "aof_last_write_status": "err"}), "not saved", "free some space on it"),
        ("queue", Attempt({}, "socket_dead", "nobody answers"), "does not answer", "does not answer: nobody answers"),
    ],
)
def test_an_instance_tells_its_memory_and_what_is_kept(
    purpose: str, found: Attempt, said: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "config", lambda name: str(tmp_path / f"{name}.conf"))
    monkeypatch.setattr(check, "attempt", lambda *_: found)
    assert services.services_of("shop") == []
    (tmp_path / f"shop-{purpose}.conf").write_text("")
    (service,) = services.services_of("shop")
    assert said in service.said
    assert problem in service.problem
    assert bool(service.problem) is bool(problem)
