# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What the role writes into systemd's files, and how it refuses values that can't work."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import text_of, value_text
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import service
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.plan import plan
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.problems import INSTANCE
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.service import unit_quote
from gunicorn_services import DEFAULTS, ROLE, planned

LABEL = "gunicorn_systemd_services, service 'shop': "


def found(*services: dict[str, Any], **variables: Any) -> list[str]:
    """Return the problems of the plan for SERVICES and the role's VARIABLES."""
    return [str(text) for text in planned(*services, **variables)["problems"]]


def complaints(**keys: Any) -> str:
    """Return what is said of a service with those KEYS, without the label."""
    said = found({"name": "shop", "wsgi": "shop.wsgi:app", **keys})
    return "\n".join(text.removeprefix(LABEL) for text in said)


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
    assert complaints(wsgi=wsgi).startswith(f"wsgi is '{wsgi}'")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"user": "my user"}, "user is 'my user': it must be a Linux user name"),
        ({"instance": "../x"}, "instance is '../x'"),
        ({"worker_class": "tornado"}, "worker_class is 'tornado': it must be one of sync, gthread, gevent, asgi"),
        ({"log_level": "loud"}, "log_level is 'loud'"),
        ({"workers": -1}, "workers is '-1': it must be a whole number from 0 to 256"),
        ({"workers": True}, "workers is 'True'"),
        ({"threads": 0}, "threads is '0'"),
        ({"threads": "four"}, "threads is 'four'"),
        (
            {"timeout_seconds": 60, "graceful_timeout_seconds": 30},
            "graceful_timeout_seconds is 30, less than timeout_seconds (60)",
        ),
        ({"max_requests": 10}, "max_requests_jitter is 1000, more than max_requests (10)"),
        ({"restart_seconds": 90}, "restart_seconds is 90"),
        ({"memory_max_mb": 100, "worker_memory_mb": 150}, "memory_max_mb is 100: not one worker"),
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
    assert message in complaints(**changed)


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
        assert text.startswith(f"{key} has '{name}': ")
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
    assert text == "environment and secrets both have 'KEY': keep it in one of them."


def test_all_problems_are_told_at_once() -> None:
    assert len(complaints(workers=-1, wsgi="x", worker_class="y").splitlines()) == 3


def test_the_socket_path_of_the_longest_names_fits() -> None:
    longest = int(re.findall(r"\{0,(\d+)\}", INSTANCE.pattern)[0]) + 1
    assert len(f"/run/{'a' * 31}/{'b' * longest}/gunicorn.sock") <= 107


def test_a_bad_name_is_refused() -> None:
    for name in ("Shop", "s" * 32):
        (said,) = found({"name": name, "wsgi": "a:b"})
        assert said.startswith(
            f"gunicorn_systemd_services, service '{name}': name is '{name}': it must be a small letter"
        )


def test_a_bad_value_is_told_where_it_is_set() -> None:
    two = [{"name": name, "wsgi": "a:b"} for name in ("shop", "blog")]
    assert found(*two, workers=-1) == ["gunicorn_systemd_workers is '-1': it must be a whole number from 0 to 256."]
    assert found({**two[0], "workers": 1}, workers=-1) == []
    assert found({**two[0], "workers": -1}) == [f"{LABEL}workers is '-1': it must be a whole number from 0 to 256."]


@pytest.mark.parametrize("services", [{}, "shop", ["shop"], [{"wsgi": "a:b"}]])
def test_something_else_than_services_is_refused(services: Any) -> None:
    assert plan(services, DEFAULTS)["problems"] == [
        "gunicorn_systemd_services must be a list of mappings, each with `name` and `wsgi`."
    ]


def test_two_services_need_two_names_and_a_key_must_be_known() -> None:
    one = {"name": "shop", "wsgi": "a:b"}
    assert found(one, one) == [
        "gunicorn_systemd_services has the name 'shop' more than once: give each service its own."
    ]
    assert found({**one, "thread": 1}) == [f"{LABEL}unknown key 'thread'."]


def test_a_variable_that_has_become_a_key_is_told_with_its_new_place() -> None:
    said = found(app="shop", writable_paths=[])
    assert len(said) == 2
    assert said[0].startswith("gunicorn_systemd_app is now a key of gunicorn_systemd_services: write ")
    assert "where `name` takes its value" in said[0] and "where `writable_paths` takes its value" in said[1]


def test_a_plan_has_all_services_in_each_step_and_secrets_in_one() -> None:
    shop = {"name": "shop", "wsgi": "a:b", "secrets": {"KEY": "hush"}, "instance": "7"}
    made = planned(shop, {"name": "blog", "wsgi": "a:b", "handover": "stop_first"})
    assert [user["name"] for user in made["users"]] == ["shop", "blog"]
    assert [entry["dest"] for entry in made["files"]] == [
        "/etc/shop", "/etc/shop/gunicorn.conf.py", "/etc/systemd/system/shop@.service",
        "/etc/shop/processes.json",
        "/etc/blog", "/etc/blog/gunicorn.conf.py", "/etc/systemd/system/blog@.service",
        "/etc/systemd/system/blog-socket.service", "/etc/systemd/system/blog.socket", "/etc/blog/processes.json",
    ]  # fmt: skip
    assert "hush" not in str([made["files"], made["users"], made["instances"]])
    assert [(entry["dest"], entry.get("mode", entry.get("state"))) for entry in made["environments"]] == [
        ("/etc/shop/environment", "0600"), ("/etc/shop/.notifications.json", "absent"),
        ("/etc/blog/environment", "0600"), ("/etc/blog/.notifications.json", "absent"),
    ]  # fmt: skip
    files = ["/etc/systemd/system/shop@.service", "/etc/shop/environment", "/etc/shop/gunicorn.conf.py"]
    assert made["instances"] == [{"name": "shop@7.service", "files": files}]


def test_a_schedule_has_a_timer_and_a_service_and_only_root_may_read_whom_its_failure_is_told() -> None:
    digest = {"command": "flask digest", "schedule": "Mon..Fri 06:00", "jitter_seconds": 60, "catch_up": False}
    hook = {"url": "https://chat.example.com/T0P-SECRET"}
    made = planned({"name": "shop", "wsgi": "a:b", "processes": {"digest": digest}, "notifications": [hook]})
    assert made["problems"] == []
    assert {entry["src"]: entry["dest"] for entry in made["files"] if entry["dest"].find("digest") > 0} == {
        "schedule@.service.j2": "/etc/systemd/system/shop.digest@.service",
        "schedule@.timer.j2": "/etc/systemd/system/shop.digest@.timer",
    }
    assert "T0P-SECRET" not in str(made["files"])
    told = made["environments"][1]
    assert (told["dest"], told["mode"], json.loads(told["content"])) == (
        "/etc/shop/.notifications.json",
        "0600",
        [hook],
    )
    listed = next(entry for entry in made["files"] if entry["dest"] == "/etc/shop/processes.json")
    assert json.loads(listed["content"])["digest"] == {
        "kind": "schedule", "command": "flask digest", "program": "flask", "schedule": "Mon..Fri 06:00", "catch_up": False,
        "timeout_seconds": 3600, "jitter_seconds": 60, "environment": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"schedule": "0 6 * * *"}, "'schedule' is '0 6 * * *', a cron line, and must be a calendar expression of systemd: "
                                    "write '*-*-* 06:00'."),
        ({"schedule": "06:00", "instances": 2}, "'instances' is for a process that runs all the time, and this one has a "
                                                "`schedule`; remove it."),
        ({"timeout_seconds": 5}, "'timeout_seconds' is only for a process with `schedule`; remove it."),
        ({"schedule": 630}, "YAML takes 10:30 for a number unless it is in quotes."),
    ],
)  # fmt: skip
def test_a_schedule_that_can_not_be_is_refused(entry: dict[str, Any], said: str) -> None:
    shop = {"name": "shop", "wsgi": "a:b", "processes": {"digest": {"command": "flask digest", **entry}}}
    assert [text for text in found(shop) if text.endswith(said)]


def test_a_schedule_needs_releases_that_are_switched_to() -> None:
    digest = {"digest": {"command": "flask digest", "schedule": "06:00"}}
    for keys in ({"instance": "7"}, {"current_link": ""}):
        said = found({"name": "shop", "wsgi": "a:b", "processes": digest, **keys})
        assert "process 'digest': a schedule runs for the release that 'current_link' leads to" in said[0]


@pytest.mark.parametrize(
    ("keys", "grace", "memory"),
    [
        ({}, 30, 150),
        ({"timeout_seconds": 60}, 60, 150),
        ({"timeout_seconds": 10, "memory_max_mb": 100}, 30, 100),
        ({"memory_max_mb": 512, "worker_memory_mb": 200, "graceful_timeout_seconds": 40}, 40, 200),
    ],
)
def test_what_a_service_does_not_say_follows_from_what_it_says(keys: dict[str, Any], grace: int, memory: int) -> None:
    entry = {"name": "shop", "wsgi": "a:b", **keys}
    assert found(entry) == []
    common = {name.removeprefix("gunicorn_systemd_"): value for name, value in DEFAULTS.items()}
    whole = service.complete(entry, common)
    assert (whole["graceful_timeout_seconds"], whole["worker_memory_mb"]) == (grace, memory)


def test_the_keys_of_a_service_are_those_that_its_argument_specs_list() -> None:
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    listed = specs["gunicorn_systemd_services"]["options"]
    shared = {name.removeprefix("gunicorn_systemd_") for name in specs} - {"services", "packages"}
    assert set(listed) == {*service.OWN, *shared}
    for key in shared:
        assert listed[key] is specs[f"gunicorn_systemd_{key}"], f"{key}: an alias, so that it is described once"
    for key, value in service.own_defaults("shop").items():
        assert listed[key].get("default", value) == value or key in ("environment_file", "config_file")
