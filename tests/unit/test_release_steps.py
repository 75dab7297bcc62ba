# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The role app_release over several hosts as Ansible runs its tasks; what the hosts would answer is made up."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stand_in_host
import yaml
from warm_ansible import Ansible

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ("web1", "web2", "web3")
HOST = '''

def call(action, module, arguments, task_vars):
    return {"lacks_code": True}


def ask(action, name, arguments, task_vars):
    """Answer as a host on which every stage is good but those that `faults` name: stop where it is asked to."""
    from ansible.errors import AnsibleConnectionFailure

    host = task_vars["inventory_hostname"]
    asked = {key: arguments.get(key) or "" for key in ("until", "resume", "gave_up", "settle")}
    with open("calls", "a") as file:
        file.write(json.dumps([host, name, *asked.values()]) + "\\n")
    said = task_vars.get("faults", {}).get(host, {})
    known = {"undecided": "", "came_about": [], "serves": "0001-a", **said.get("known", {})}
    if asked["settle"] or asked["resume"]:
        known |= {"undecided": ""}
    if asked["gave_up"]:
        return {"failed": True, "msg": asked["gave_up"], "stage": "check", "notes": [], "fleet": known}
    if said.get("until", "-") == asked["until"]:
        if said.get("lost"):
            raise AnsibleConnectionFailure("no route")
        return {"failed": True, "msg": "no such thing", "stage": "start", "notes": [], "fleet": known}
    record = {"id": "0002-b", "app": "shop", "revision": said.get("revision", "abcdef1"), "seconds": {"build": 1.0}}
    if known["undecided"] or said.get("same"):
        return {"changed": False, "record": record if said.get("same") else {}, "notes": [], "hook": {}, "fleet": known}
    hook = {"name": asked["until"], "app": "shop", "release": "0002-b"} if asked["until"] else {}
    known |= {"serves": "0002-b"} if asked["until"] in ("", "before_drain") else {}
    return {"changed": True, "record": record, "previous": "0001-a", "notes": [], "draining": [], "hook": hook, "fleet": known}
'''
Ran = Callable[..., tuple[list[list[str]], str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return stand_in_host.environment(tmp_path_factory.mktemp("collections"), HOST)


@pytest.fixture
def play(tmp_path: Path, environment: dict[str, str], ansible_playbook: Ansible) -> Ran:
    """Return a function that runs the role on three hosts, and returns what they were asked and what was printed."""
    calls = tmp_path / "calls"
    said = "{{ inventory_hostname }} {{ app_release_hook.name }} hook"
    note = {"name": "Note it", "ansible.builtin.debug": {"msg": said}}
    (tmp_path / "note.yml").write_text(yaml.safe_dump([note]))
    (tmp_path / "bad.yml").write_text("- {name: Purge, ansible.builtin.fail: {msg: away}}\n")

    def ran(
        entry: str = "main", good: bool = True, hosts: tuple[str, ...] = HOSTS, limit: str = "all", **more: Any
    ) -> Any:
        hooks = {name: str(tmp_path / file) for name, file in more.pop("hooks", {}).items()}
        fleet = {"members": list(HOSTS), "hosts": list(hosts), "canary": "web1", **more.pop("fleet", {})}
        # Each host has an app of its own making.
        app = {
            "name": "shop",
            "wsgi": "a:b",
            "package": "a==1",
            "hooks": hooks,
            "hosts": "{{ inventory_hostname[-1] | int }}",
        }
        role = {"name": "slipway.flask.app_release", "tasks_from": entry}
        task = {
            "ansible.builtin.import_role": role,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                "app_release_releases": [app],
                "app_release_fleets": {"shop": fleet},
                **more,
            },
        }
        book = [{"hosts": ",".join(HOSTS), "connection": "local", "gather_facts": False, "tasks": [task]}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(book))
        argv = ["-i", f"{','.join(HOSTS)},", "--limit", limit, "play.yml"]
        done = ansible_playbook(*argv, cwd=tmp_path, env=environment)
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == good, said
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else [], said

    return ran


def of(calls: list[list[str]], host: str) -> list[list[str]]:
    return [call[2:] for call in calls if call[0] == host]


def test_all_hosts_go_on_together(play: Ran) -> None:
    calls, said = play()
    stops = ["before_migrate", "before_switch", "before_drain", ""]
    for host in HOSTS:
        assert of(calls, host) == [[stop, "" if number == 0 else "0002-b", "", ""] for number, stop in enumerate(stops)]
    order = [(call[0], call[2]) for call in calls]
    first = order.index(("web1", "before_switch"))
    assert {stop for _, stop in order[:first]} == {"before_migrate"}
    assert order.index(("web1", "before_drain")) < order.index(("web2", "before_drain"))
    assert {stop for _, stop in order[-3:]} == {""}
    assert said.count("shop on web1, web2, web3: revision abcdef1 is live on all hosts") == 1
    assert "0001-a; back to it: rollback.yml -e app=shop" in said


@pytest.mark.parametrize("until", ["before_migrate", "before_switch", "before_drain"])
@pytest.mark.parametrize("lost", [False, True])
def test_what_fails_on_one_takes_all_back(play: Ran, until: str, lost: bool) -> None:
    calls, said = play(good=False, faults={"web3": {"until": until, "lost": lost}})
    for host in ("web1", "web2"):
        assert [call for call in of(calls, host) if call[0] == ""] == [["", "0002-b", of(calls, host)[-1][2], ""]]
        assert of(calls, host)[-1][2].startswith("web3: ")
    assert ("no such thing" in said, "no route" in said) == (not lost, lost)
    assert said.count("fatal: [web") == 3 and "shop on web1, web2, web3: the deploy failed on web3" in said


def test_a_host_that_is_not_in_the_run_is_refused(play: Ran) -> None:
    calls, said = play(good=False, limit="web1,web2")
    assert calls == []
    assert "this run is limited to web1, web2, but the app is also on web3" in said
    assert "-e without=web3" in said


def test_a_host_can_be_left_out_by_name(play: Ran) -> None:
    calls, _ = play(hosts=("web1", "web2"), limit="web1,web2", fleet={"without": ["web3"]})
    assert {call[0] for call in calls} == {"web1", "web2"}


def test_hosts_that_would_get_different_code_get_none(play: Ran) -> None:
    calls, said = play(good=False, faults={"web2": {"revision": "1234567"}})
    assert "the hosts would not get the same revision: abcdef1 on web1, web3; 1234567 on web2" in said
    assert {call[2] for call in calls} == {"before_migrate", ""}
    assert all(call[4] for call in calls if call[2] == "")


def test_a_host_that_has_it_already_is_left_alone(play: Ran) -> None:
    calls, said = play(faults={"web1": {"same": True}})
    assert [call[0] for call in of(calls, "web1")] == ["before_migrate"]
    assert [call[0] for call in of(calls, "web2")] == ["before_migrate", "before_switch", "before_drain", ""]
    assert "Unchanged       web1" in said


@pytest.mark.parametrize(("came_about", "settled"), [([], "go back"), (["t"], "go on")])
def test_what_a_killed_run_has_left_is_settled_alike(play: Ran, came_about: list[str], settled: str) -> None:
    faults = {"web2": {"known": {"undecided": "t"}}, "web3": {"known": {"came_about": came_about}}}
    calls, said = play(faults=faults)
    assert ["before_migrate", "", "", settled] in of(calls, "web2")
    assert not [call for call in calls if call[0] != "web2" and call[5]]
    assert [call[0] for call in of(calls, "web2")] == [
        "before_migrate",
        "before_migrate",
        "before_switch",
        "before_drain",
        "",
    ]
    assert "0002-b" in said and "nothing on" not in said


def test_it_is_settled_even_if_the_run_fails_elsewhere(play: Ran) -> None:
    faults = {"web2": {"until": "before_migrate"}, "web3": {"known": {"undecided": "t"}}}
    calls, said = play(good=False, faults=faults)
    assert of(calls, "web3") == [
        ["before_migrate", "", "", ""],
        ["before_fetch", "", "", "go back"],
        ["", "0002-b", "web2: no such thing", ""],
    ]
    assert "the deploy failed on web2" in said


def test_hooks_run_on_each_host_and_once(play: Ran) -> None:
    _, said = play(
        hooks={
            "after_build": "note.yml",
            "before_migrate": "note.yml",
            "after_switch_once": "note.yml",
            "after_gate": "note.yml",
        }
    )
    ran = sorted(re.findall(r'"msg": "(.*) hook"', said))
    each = [f"{host} {point}" for host in HOSTS for point in ("after_build", "after_gate", "before_migrate")]
    assert ran == sorted([*each, "web2 after_switch"])


def test_a_hook_that_fails_takes_all_back(play: Ran) -> None:
    calls, said = play(good=False, hooks={"after_switch": "bad.yml"})
    assert of(calls, "web1")[-1] == ["", "0002-b", "Purge: away", ""]
    assert [call[2] for call in of(calls, "web2")][-1] == "web1: Purge: away"
    assert not [call for call in of(calls, "web2") if call[0] == "after_switch"]
    assert said.count("fatal: [web") == 4 and "web3: the deploy failed on web1 at stage" in said


def test_a_rollback_goes_the_same_way(play: Ran) -> None:
    calls, said = play("rollback")
    assert {call[1] for call in calls} == {"rollback"}
    assert [call[0] for call in of(calls, "web3")] == ["before_migrate", "before_switch", "before_drain", ""]
    assert "revision abcdef1 is live again on all hosts" in said


def test_the_site_is_verified_through_what_balances(play: Ran) -> None:
    calls, _ = play(fleet={"edges": ["10.0.0.9"]})
    assert [call[0] for call in of(calls, "web1")].count("before_drain") == 2


def test_a_host_that_is_left_out_must_be_out_of_the_edges(play: Ran) -> None:
    def edge(state: str) -> list[dict[str, object]]:
        return [{"item": "edge1", "hosts": {"shop": {"web3": {"state": state}, "web1": {"state": "in"}}}}]

    left = {"hosts": ("web1", "web2"), "limit": "web1,web2", "fleet": {"without": ["web3"]}}
    calls, said = play(good=False, app_release_edges=edge("failing"), **left)
    assert calls == []
    assert "playbooks/hosts.yml -e out=web3" in said
    calls, _ = play(app_release_edges=edge("out"), **left)
    assert calls
