# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Releases that go, and what goes with them."""

from __future__ import annotations

import os

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from fake_host import FakeHost


@pytest.mark.parametrize("newest", ["a", "b", "c"])
def test_of_several_environments_that_nothing_uses_a_failed_deploy_leaves_the_newest(
    host: FakeHost, newest: str
) -> None:
    """It failed before it had one of its own; in whatever order the file system names them."""
    host.deploy()
    for name in ("a", "b", "c"):
        folder = host.paths.environments / name
        folder.mkdir()
        os.utime(folder, (2_000_000_000 + (name == newest), 2_000_000_000 + (name == newest)))
    host.change()
    host.fails["build"] = OSError("no space left")
    with pytest.raises(ReleaseError, match="no space left"):
        host.deploy()
    assert sorted(os.listdir(host.paths.environments)) == sorted(["env1", newest])
    assert host.history[-1]["outcome"] == "failed"
