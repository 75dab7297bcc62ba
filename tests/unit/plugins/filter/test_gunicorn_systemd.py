# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role writes into systemd's files, and how it refuses values that can't work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.filter.gunicorn_systemd import FilterModule, gunicorn_systemd_problems
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import text_of, value_text
from ansible_collections.slipway.flask.plugins.module_utils._host.gunicorn import INSTANCE, unit_quote

DEFAULTS = Path(__file__).parents[4] / "roles/gunicorn_systemd/defaults/main.yml"


def variables(**changed: Any) -> dict[str, Any]:
    """Return the role's variables as they are for an app called shop, with some of them CHANGED."""
    text = DEFAULTS.read_text()
    found = yaml.safe_load(text.replace("{{ gunicorn_systemd_app }}", "shop"))
    found = {
        name: value.replace("{{ gunicorn_systemd_settings_folder }}", "/etc/shop") if isinstance(value, str) else value
        for name, value in found.items()
    }
    found |= {"gunicorn_systemd_app": "shop", "gunicorn_systemd_wsgi": "shop.wsgi:app"}
    found |= {"gunicorn_systemd_graceful_timeout_seconds": 30, "gunicorn_systemd_worker_memory_mb": 150}
    return found | {f"gunicorn_systemd_{name}": value for name, value in changed.items()}


def complaints(**changed: Any) -> str:
    return "\n".join(gunicorn_systemd_problems(variables(**changed)))


def test_names_of_the_filters() -> None:
    assert set(FilterModule().filters()) == {
        "gunicorn_systemd_problems", "systemd_environment_file", "systemd_quote"}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", 'X="plain"'),
        ("  two  words ", 'X="  two  words "'),
        ('say "hi"', r'X="say \"hi\""'),
        ("it's", 'X="it\'s"'),
        ("$HOME `id` 100% #", r'X="\$HOME \`id\` 100% #"'),
        ("C:\\new\\", r'X="C:\\new\\"'),
        ("one\ntwo", 'X="one\ntwo"'),
        ("船", 'X="船"'),
        ("", 'X=""'),
        (8000, 'X="8000"'),
        (True, 'X="true"'),
        (False, 'X="false"'),
    ],
)
def test_environment_file_quotes_as_systemd_reads(value: object, line: str) -> None:
    assert text_of({"X": value}, {}) == f"{line}\n"


def test_environment_file_has_secrets_too_sorted() -> None:
    assert text_of({"B": "1"}, {"A": "2"}) == 'A="2"\nB="1"\n'


def test_unit_quote() -> None:
    assert unit_quote("""p:f("100%", 'a$b', '\\')""") == r'''"p:f(\"100%%\", 'a$$b', '\\')"'''
    assert value_text("007") == "007"


def test_defaults_are_fine() -> None:
    assert complaints() == ""


@pytest.mark.parametrize(
    "wsgi", ["app:app", "a.b.c:create_app()", 'x:f("a", b=[1, {"c": None}])', "café:app", "x:f(-1)"]
)
def test_good_entry_points(wsgi: str) -> None:
    assert complaints(wsgi=wsgi) == ""


@pytest.mark.parametrize(
    "wsgi",
    [
        "",
        "app",
        "shop.wsgi",
        "my-app:app",
        "a:b.c",
        "a:b.c()",
        "a:f(x)",
        "a:f(",
        "a:",
        ":a",
        "a:b\n",
        "a/b:c",
        "a..b:c",
    ],
)
def test_bad_entry_points(wsgi: str) -> None:
    assert complaints(wsgi=wsgi).startswith(f"gunicorn_systemd_wsgi is '{wsgi}'")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"app": "Shop"}, "app is 'Shop': it must be a small letter"),
        ({"app": "s" * 32}, "app is"),
        ({"user": "my user"}, "user is 'my user': it must be a Linux user name"),
        ({"instance": "../x"}, "instance is '../x'"),
        ({"worker_class": "tornado"}, "worker_class is 'tornado': it must be one of sync, gthread, gevent"),
        ({"log_level": "loud"}, "log_level is 'loud'"),
        ({"workers": -1}, "workers is '-1': it must be a whole number from 0 to 256"),
        ({"workers": True}, "workers is 'True'"),
        ({"threads": 0}, "threads is '0'"),
        ({"threads": "four"}, "threads is 'four'"),
        ({"timeout_seconds": 60}, "graceful_timeout_seconds is 30, less than gunicorn_systemd_timeout_seconds (60)"),
        ({"max_requests": 10}, "max_requests_jitter is 1000, more than gunicorn_systemd_max_requests (10)"),
        ({"restart_seconds": 90}, "restart_seconds is 90"),
        ({"memory_max_mb": 100}, "memory_max_mb is 100: not one worker"),
        ({"venv": "venv"}, "venv has 'venv': it must be an absolute path"),
        ({"venv": "/opt/my venv"}, "venv has '/opt/my venv'"),
        ({"venv": "/opt/%h"}, "venv has '/opt/%h'"),
        ({"venv": "/home/me/venv"}, "venv has '/home/me/venv': the service can't see home folders"),
        ({"writable_paths": ["/srv/../etc"]}, "writable_paths has '/srv/../etc'"),
        ({"settings_folder": "/etc/%i"}, "settings_folder holds the settings of all releases"),
        ({"service_directives": {"CPU quota": 1}}, "service_directives has 'CPU quota'"),
        ({"service_directives": {"ExecStartPre": "a\n[Unit]"}}, "a value that is not one line"),
        ({"config_extra": "x = ("}, "config_extra is not Python"),
        ({"config_extra": "def post_worker_init(w): pass"}, "config_extra sets 'post_worker_init'"),
        ({"config_extra": "bind = '0.0.0.0'"}, "config_extra sets 'bind'"),
    ],
)
def test_bad_values_are_named_with_the_cure(changed: dict[str, Any], message: str) -> None:
    assert f"gunicorn_systemd_{message}" in complaints(**changed) or message in complaints(**changed)


@pytest.mark.parametrize("changed", [{"workers": "3"}, {"timeout_seconds": 0}, {"environment": {"A_1": "", "b": 0}}])
def test_other_good_values(changed: dict[str, Any]) -> None:
    assert complaints(**changed) == ""


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("1ST", "x", "a variable's name has"),
        ("MY-VAR", "x", "a variable's name has"),
        ("A=B", "x", "a variable's name has"),
        ("RELEASE_ID", "x", "set by the unit itself"),
        ("GUNICORN_CMD_ARGS", "--bind x", "set by the unit itself"),
        ("LD_PRELOAD", "/srv/shop/current/venv/lib/libx.so", "lines that run as root"),
        ("LD_PRELOAD", "/usr/lib/libx.so {release_folder}/libx.so", "lines that run as root"),
        ("LD_LIBRARY_PATH", "/usr/lib:", "lines that run as root"),  # nothing is the folder of the code
        ("LD_LIBRARY_PATH", "/usr/../srv/shop/shared", "lines that run as root"),
        ("LD_AUDIT", "lib/x.so", "lines that run as root"),
        ("X", None, "it has no value"),
        ("X", 1.10, "in quotes"),
        ("X", ["hush"], "it is a list"),
        ("X", {"a": "hush"}, "it is a dict"),
        ("X", "hush\r\n", "the character U+000D"),
        ("X", "hush\x00", "the character U+0000"),
        ("X", "hush\udcff", "the character U+DCFF"),
        ("X", "hush" * 40000, "128 KiB"),
    ],
)
def test_bad_environment_never_shows_a_value(name: str, value: object, message: str) -> None:
    for key in ("environment", "secrets"):
        text = complaints(**{key: {name: value}})
        assert text.startswith(f"gunicorn_systemd_{key} has '{name}': ")
        assert message in text
        assert "hush" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [("LD_PRELOAD", "libjemalloc.so.2"), ("LD_PRELOAD", "/usr/lib/a.so:/lib/b.so"), ("LD_LIBRARY_PATH", "/opt/oracle")],
)
def test_libraries_of_the_system_may_be_loaded(name: str, value: str) -> None:
    assert complaints(environment={name: value}) == ""


def test_a_variable_in_both_is_refused() -> None:
    text = complaints(environment={"KEY": "one"}, secrets={"KEY": "hush"})
    assert text == "gunicorn_systemd_environment and gunicorn_systemd_secrets both have 'KEY': keep it in one of them."


def test_all_problems_are_told_at_once() -> None:
    assert len(gunicorn_systemd_problems(variables(workers=-1, wsgi="x", worker_class="y"))) == 3


def test_the_socket_path_of_the_longest_names_fits() -> None:
    longest = int(re.findall(r"\{0,(\d+)\}", INSTANCE.pattern)[0]) + 1
    assert len(f"/run/{'a' * 31}/{'b' * longest}/gunicorn.sock") <= 107


def test_something_else_than_variables() -> None:
    with pytest.raises(AnsibleFilterError, match="wants a mapping"):
        gunicorn_systemd_problems([])  # type: ignore[arg-type]
