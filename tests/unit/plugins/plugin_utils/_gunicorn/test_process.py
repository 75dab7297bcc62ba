# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A process of an app: what is refused with which words, and what its unit and the deploy are told of it."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description, hosts
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import process, process_files
from app_descriptions import shop
from gunicorn_services import planned, rendered

WORK = "celery -A shop.tasks worker"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("Worker", {"command": WORK}, "its name must be 1 to 20 lower-case letters, digits and hyphens, and start with a letter"),
    ("w" * 21, {"command": WORK}, "its name must be 1 to 20 lower-case letters"),
    ("mail.er", {"command": WORK}, "its name must be 1 to 20 lower-case letters"),
    ("web", {"command": WORK}, "its name is taken by what an app has anyway (web, socket, redis); choose another"),
    ("worker", {}, "'command' is missing. Command line of the process"),
    ("worker", {"command": "  "}, "'command' has no program"),
    ("worker", {"command": "A=b"}, "'command' has no program"),
    ("worker", {"command": "rq worker 'mail"}, "'command' can't be split into words (no closing quotation); close its quotes"),
    ("worker", {"command": "rq $(id)"}, "'command' holds '$(', which needs a shell"),
    ("worker", {"command": "flask warm && rq worker"}, "'command' holds '&&', which needs a shell"),
    ("worker", {"comand": WORK, "command": WORK}, "unknown key 'comand' (did you mean 'command'?)"),
    ("worker", {"command": WORK, "instances": 0}, "'instances' is '0'; it must be a whole number from 1 to 64"),
    ("worker", {"command": WORK, "instances": True}, "'instances' is 'True'; it must be a whole number"),
    ("worker", {"command": WORK, "stop_signal": "TERM"}, "'stop_signal' is 'TERM'; it must be one of SIGTERM, SIGINT"),
    ("worker", {"command": WORK, "ready": "soon"}, "'ready' is 'soon'; it must be `alive`, `notify` or `{command: …}`"),
    ("worker", {"command": WORK, "ready": {"cmd": "x"}}, "'ready' must be `alive`, `notify` or `{command: …}`"),
    ("worker", {"command": WORK, "ready": {"command": "ping '"}}, "the command of 'ready' can't be split into words"),
    (
        "beat", {"command": WORK, "handover": "stop_first", "instances": 2},
        "'instances' is more than 1, but with `handover: stop_first` there are never two; remove one of both",
    ),
    ("worker", {"command": WORK, "environment": {"RELEASE_ID": 1}}, "'environment' has 'RELEASE_ID': the unit sets this"),
    ("worker", {"command": WORK, "environment": {"1A": 1}}, "'environment' has '1A': a variable's name has letters"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "entry", "said"), WRONG)
def test_what_is_wrong_is_told_with_the_process_and_the_key(name: str, entry: dict[str, Any], said: str) -> None:
    (told,) = process.problems({name: entry})
    assert told.startswith(f"process '{name}': {said}")
    label = "gunicorn_systemd_services, service 'shop': "
    made = planned({"name": "shop", "wsgi": "app:app", "processes": {name: entry}})
    assert [text for text in made["problems"] if text.startswith(f"{label}process '{name}': {said}")]


SECRETIVE: dict[str, tuple[dict[str, Any], str]] = {
    "a secret's value in the command": ({"command": "bot --key hunter22222"}, "contains the value of BOT_KEY: write "
        "$BOT_KEY there"),
    "a password in a URL": ({"command": "rq worker --url redis://:pw123@h/0"}, "has a URL with a password in it"),
    "a secret in what asks": (
        {"command": "bot", "ready": {"command": "ask hunter22222"}}, "the command of 'ready' (`ask hunter` …"
    ),
    "a variable that there is not": ({"command": "bot $BOT_KYE"}, "uses $BOT_KYE, which is neither in 'environment' nor in"),
    "a secret that is set anew": (
        {"command": "bot", "environment": {"BOT_KEY": "x"}}, "'BOT_KEY' is in 'environment', and in the app's 'secrets'"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), SECRETIVE.values(), ids=SECRETIVE)
def test_a_secret_in_a_command_is_refused_and_not_shown(entry: dict[str, Any], said: str) -> None:
    secrets = {"SECRET_KEY": "a" * 32, "BOT_KEY": "hunter22222"}
    told = "\n".join(description.problems([shop(secrets=secrets, processes={"bot": entry})]))
    assert told and "hunter22222" not in told
    assert said.split(" (`")[0] in told


def unit(**entry: Any) -> str:
    return rendered(
        "process@.service.j2", processes={"worker": {"command": WORK, **entry}}, environment={"QUEUE": "mail"}
    )


def exec_start(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("ExecStart="))


def test_a_unit_says_what_its_process_is() -> None:
    text = unit(stop_seconds=300, memory_max_mb=400, nice=5, stop_signal="SIGINT")
    for line in (
        "KillMode=mixed", "KillSignal=SIGINT", "TimeoutStopSec=300", "MemoryMax=400M", "Nice=5", "Type=exec", "Restart=always",
        "Environment=PROCESS_NAME=worker", "StateDirectory=shop.worker", "NoNewPrivileges=yes", "SyslogIdentifier=%p",
    ):  # fmt: skip
        assert f"\n{line}\n" in text, line
    assert exec_start(text) == f"ExecStart=/usr/bin/env -- {WORK}"
    assert "MemoryMax" not in unit()
    assert "\nType=notify\nNotifyAccess=all\nTimeoutStartSec=60\n" in unit(ready="notify")


def test_only_what_serves_or_is_deployed_starts_and_what_must_be_alone_only_when_it_serves() -> None:
    condition = next(line for line in unit().splitlines() if line.startswith("ExecCondition="))
    assert "$(/usr/bin/readlink /srv/shop/current)" in condition and "test -e /run/slipway/starts/shop@%i" in condition
    text = unit(handover="stop_first")
    condition = next(line for line in text.splitlines() if line.startswith("ExecCondition="))
    assert "X-Handover=stop_first" in text and "exit 1" in condition and "starts" not in condition


def test_a_command_runs_as_it_is_written_and_open_variables_are_looked_up() -> None:
    line = r"""work -n $PROCESS_NAME@$RELEASE_ID '$HOME 100%' "a \"b\"" --queue=$QUEUE,$OWN"""
    told = exec_start(unit(command=line, environment={"OWN": "a b"}))
    assert told == (
        'ExecStart=/usr/bin/env -- "OWN=a b" work -n "${PROCESS_NAME}@${RELEASE_ID}" "$$HOME 100%%" "a \\"b\\"" '
        '"--queue=${QUEUE},a b"'
    )


@pytest.mark.parametrize(
    ("environment", "path"),
    [({}, ""), ({"PYTHONPATH": "lib"}, ":lib")],
    ids=["nothing else", "what the app has set"],
)
def test_what_traces_jobs_comes_before_what_python_is_told_otherwise(environment: dict[str, str], path: str) -> None:
    processes = {"worker": {"command": WORK}, "tidy": {"command": "tidy", "schedule": "daily"}}
    keys = {"processes": processes, "environment": environment, "current_link": "/srv/shop/current"}
    told = exec_start(rendered("process@.service.j2", tracing=True, **keys))
    assert f'"PYTHONPATH=/usr/local/lib/slipway/tracing{path}" {WORK}' in told
    for text in (rendered("process@.service.j2", **keys), rendered("schedule@.service.j2", tracing=True, **keys)):
        assert "/usr/local/lib/slipway/tracing" not in exec_start(text)


def test_the_value_of_a_secret_stands_in_no_command_line() -> None:
    told = exec_start(unit(command="rq worker --url $REDIS_URL"))
    assert "${REDIS_URL}" not in told and told.count("\n") == 0
    words = shlex.split(told.partition(" -- ")[2])
    assert words[:2] == ["python", "-c"] and json.loads(
        words[3].encode().decode("unicode_escape", "strict").replace("\0", "")
    )


def test_each_instance_of_a_service_without_releases_has_its_unit() -> None:
    entry = {"worker": {"command": WORK, "instances": 2}}
    made = planned({"name": "shop", "wsgi": "app:app", "instance": "1", "processes": entry})
    units = [one["dest"] for one in made["files"] if one.get("src") == "process@.service.j2"]
    assert units == ["/etc/systemd/system/shop.worker@.service", "/etc/systemd/system/shop.worker.2@.service"]
    assert [one["name"] for one in made["instances"]] == [
        "shop@1.service", "shop.worker@1.service", "shop.worker.2@1.service"
    ]  # fmt: skip
    assert {"folder": "/etc/systemd/system", "pattern": "shop.*@.service"} in made["prune"]


def test_what_a_deploy_knows_of_a_process_has_no_secret_and_its_release_in_it() -> None:
    entry = {
        "command": WORK,
        "environment": {"CONFIG": "{release_folder}/src/a.toml"},
        "ready": {"command": "ping $BOT_KEY"},
    }
    told = json.loads(process_files.document({"worker": process.complete(entry)}, "/srv/shop/releases/%i"))["worker"]
    assert told["environment"] == {"CONFIG": "/srv/shop/releases/%i/src/a.toml"}
    assert (told["kind"], told["program"], told["ready"], told["ready_label"]) == (
        "worker",
        "celery",
        "command",
        "ping",
    )
    assert told["ready_command"][:2] == ["python", "-c"]


def test_on_may_be_written_as_people_write_it() -> None:
    entry = yaml.safe_load("{command: celery -A shop.tasks beat, on: first}")
    assert process.problems({"beat": entry}) == []
    assert process.complete(entry)["on"] == "first"
    (told,) = process.problems({"beat": yaml.safe_load("{command: x, on: second}")})
    assert "'on' is 'second'; it must be one of" in told


APPS = [{"name": "shop", "database": "none", "processes": {"beat": {"on": "first"}, "worker": {"on": "every"}}}]
HAVE = {"slipway_apps": [{"name": "shop"}]}


@pytest.mark.parametrize(
    ("host", "variables", "there"),
    [
        ("vps1", {"vps1": HAVE, "vps2": HAVE}, {"beat", "worker"}),
        ("vps2", {"vps1": HAVE, "vps2": HAVE}, {"worker"}),
        ("vps2", {"vps1": {"slipway_apps": [{"name": "blog"}]}, "vps2": HAVE}, {"beat", "worker"}),
        ("vps2", {"vps1": {}, "vps2": HAVE}, {"beat", "worker"}),
    ],
)
def test_the_first_host_is_the_first_of_the_inventory_that_has_the_app(
    host: str, variables: dict[str, Any], there: set[str]
) -> None:
    (app,) = hosts.on_host(APPS, host, ["vps1", "vps2"], variables)
    assert set(app["processes"]) == there


def scheduled(template: str, **entry: Any) -> str:
    return rendered(template, processes={"digest": {"command": "flask digest", "schedule": "Mon..Fri 06:00", **entry}})


def test_a_schedule_runs_for_the_release_that_serves_alone_and_never_twice_at_once() -> None:
    text = scheduled("schedule@.service.j2", timeout_seconds=1800, stop_seconds=20, memory_max_mb=400)
    first, second = (line for line in text.splitlines() if line.startswith("ExecCondition="))
    assert "$(/usr/bin/readlink /srv/shop/current)" in first and "*/%i) ;; *) exit 1" in first
    assert '--nonblock "$STATE_DIRECTORY/lock"' in second
    assert exec_start(text) == "ExecStart=/usr/bin/flock --no-fork ${STATE_DIRECTORY}/lock /usr/bin/env -- flask digest"
    for line in (
        "Type=oneshot", "TimeoutStartSec=1800", "TimeoutStopSec=20", "MemoryMax=400M", "StateDirectory=shop.digest",
        "ExecStopPost=+-/usr/local/lib/slipway/run-ended shop digest %i /srv/shop/current /etc/shop/.notifications.json",
    ):  # fmt: skip
        assert f"\n{line}\n" in text, line
    assert "\nTimeoutStopSec=10\n" in scheduled("schedule@.service.j2", stop_seconds=1), (
        "how it ended is told in it as well"
    )
    assert "\nTimeoutStartSec=infinity\n" in scheduled("schedule@.service.j2", timeout_seconds=0)
    assert "Restart=" not in text, "what has failed waits for its next time"


def test_a_schedule_has_the_sandbox_of_a_worker() -> None:
    def sandbox(text: str) -> list[str]:
        return text[text.index("UMask=") :].partition("[Install]")[0].split("\n")

    worker, schedule = sandbox(unit()), sandbox(scheduled("schedule@.service.j2"))
    assert [line for line in schedule if line] == [line for line in worker if line]
    assert "NoNewPrivileges=yes" in schedule


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({}, ["OnCalendar=Mon..Fri 06:00", "Persistent=yes", "RandomizedDelaySec=0"]),
        ({"catch_up": False, "jitter_seconds": 90}, ["Persistent=no", "RandomizedDelaySec=90"]),
    ],
)
def test_a_timer_says_when(entry: dict[str, Any], wanted: list[str]) -> None:
    lines = scheduled("schedule@.timer.j2", **entry).splitlines()
    assert [line for line in wanted if line not in lines] == []
    assert "WantedBy=timers.target" in lines
