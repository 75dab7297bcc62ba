# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Mistakes in the variables, each named on a bare host before anything is changed there."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import DESCRIPTION, DOMAIN, App
from helpers import Host

pytestmark = pytest.mark.once("12")


def duplicate_domain(app: dict[str, Any]) -> dict[str, Any]:
    return {"slipway_apps": [app, {**app, "name": "second"}]}


def misspelled_key(app: dict[str, Any]) -> dict[str, Any]:
    app["workes"] = app.pop("workers")
    return {"slipway_apps": [app]}


def no_secret_key(app: dict[str, Any]) -> dict[str, Any]:
    del app["secrets"]["SECRET_KEY"]
    return {"slipway_apps": [app]}


def no_source(app: dict[str, Any]) -> dict[str, Any]:
    app["source"]["path"] += "-that-is-not-there"
    return {"slipway_apps": [app]}


def small_disk(app: dict[str, Any]) -> dict[str, Any]:
    return {"slipway_apps": [app], "slipway_disk_mb": 10**9}


MISTAKES: list[tuple[Callable[[dict[str, Any]], dict[str, Any]], list[str]]] = [
    (duplicate_domain, ["domain", DOMAIN, "is listed 2 times"]),
    (misspelled_key, ["app 'harbour'", "'workes'", "did you mean 'workers'?"]),
    (no_secret_key, ["app 'harbour'", "SECRET_KEY is missing", "secrets.token_hex"]),
    (no_source, ["app 'harbour'", "source folder", "-that-is-not-there' does not exist"]),
    (small_disk, ["MB of disk is free", "1000000000 MB is needed", "slipway_disk_mb"]),
]


def traces(host: Host) -> str:
    """Return one line that is another one as soon as a package, a user or a file of the host's settings is."""
    return host.run(
        "dpkg -l | wc -l; getent passwd | wc -l;"
        "find /etc /srv /opt /usr/local /var/lib/apt -printf '%p %m %u %s %T@\\n' | sort | sha256sum"
    )


@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=[mistake.__name__ for mistake, _ in MISTAKES])
def test_mistake_is_named_before_anything_is_changed(
    app: App, host: Host, mistake: Callable[[dict[str, Any]], dict[str, Any]], said: list[str]
) -> None:
    before = traces(host)
    right = {**copy.deepcopy(DESCRIPTION), "source": {"path": str(app.folder)}}
    app.project.write(mistake(right))
    refused = app.project.play("site.yml")
    app.describe()
    assert refused.code != 0
    assert refused.count("changed") == 0
    assert "Nothing was changed, because:" in refused.output
    assert [text for text in said if text not in refused.output] == [], refused.output
    assert DESCRIPTION["secrets"]["SECRET_KEY"] not in refused.output
    assert traces(host) == before


def test_wrong_type_of_a_roles_variable_is_named_before_anything_is_changed(app: App, host: Host) -> None:
    before = traces(host)
    refused = app.project.play("site.yml", "--extra-vars", "nginx_tls_hsts_seconds=two-years")
    assert "argument 'nginx_tls_hsts_seconds' is of type" in refused.output, refused.output
    assert refused.count("changed") == 0
    assert traces(host) == before


def test_root_password_is_enough_to_log_in(app: App, host: Host, tmp_path: Path) -> None:
    """A new VPS often has nothing else; what stops the run here is known from the host alone."""
    host.run(
        "echo root:correct-horse | chpasswd; printf 'PermitRootLogin yes\nPasswordAuthentication yes\n'"
        " >/etc/ssh/sshd_config.d/00-password.conf && systemctl reload ssh"
    )
    (tmp_path / "password").write_text("correct-horse\n")
    alone = "-o ControlPath=none -o IdentityAgent=none"
    variables = {"ansible_ssh_private_key_file": None, "ansible_ssh_extra_args": alone, "slipway_disk_mb": 10**9}
    asked = ("--connection-password-file", str(tmp_path / "password"))  # as --ask-pass, without a terminal
    stopped = app.project.play("playbooks/provision.yml", *asked, "--extra-vars", json.dumps(variables))
    host.run("rm /etc/ssh/sshd_config.d/00-password.conf; usermod --password '*' root; systemctl reload ssh")
    assert "1000000000 MB is needed" in stopped.output, stopped.output
