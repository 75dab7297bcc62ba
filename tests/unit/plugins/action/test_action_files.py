# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""slipway.flask.files as a playbook uses it: one run of ansible-playbook on this machine, many questions to it."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.slipway.flask.plugins.action import files

COLLECTIONS = Path(__file__).resolve().parents[4] / "collections"
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - {ansible.builtin.include_role: {name: web, public: true}}
"""
TASKS = """
- name: write
  slipway.flask.files: &write
    files: "{{ wanted }}"
    mode: "0640"
    owner: "{{ me }}"
    group: "{{ mine }}"
    validate: [grep, -q, listen, "{{ place }}/a.conf"]
    prune: [{folder: "{{ place }}", pattern: "*.conf"}]
  register: first
  diff: true
- name: write again
  slipway.flask.files: *write
  register: again
- name: pretend
  slipway.flask.files:
    files: [{dest: "{{ place }}/pretended", content: x}]
    validate: [touch, "{{ place }}/validated"]
    owner: "{{ me }}"
    group: "{{ mine }}"
  register: pretended
  check_mode: true
- name: refuse
  slipway.flask.files:
    files: [{dest: "{{ place }}/a.conf", content: broken, owner: "{{ me }}", group: "{{ mine }}"}]
    validate: [sh, -c, "echo unknown directive >&2; exit 1"]
  register: refused
  ignore_errors: true
- name: describe an app wrongly
  slipway.flask.preflight:
    apps: [{name: shop, domains: shop.example.com, source: {path: x, version: 1.5}, wsgi: 5, secrets: ["{{ me }}"],
            secret_key_variable: "", environment: {PORT: "{{ [8000] }}"}}]
  register: described
  ignore_errors: true
- name: tell
  slipway.flask.files:
    files:
      - dest: "{{ place }}/../results.json"
        content: "{{ dict(first=first, again=again, pretended=pretended, refused=refused,
                  described=described) | to_json }}"
    mode: "0600"
    owner: "{{ me }}"
    group: "{{ mine }}"
"""
TEMPLATE = """\
{{ ansible_managed | comment }}
{% import 'macros.j2' as macros %}
{% for port in ports %}
{{ macros.listen(port) }}
{% endfor %}
host {{ site.name }} \\n {{ '{{ raw }}' }}
"""
SITES = [{"name": "a", "ports": [80, 443]}, {"name": "b", "ports": [8080]}]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no dest": ({"files": [{"content": "x"}]}, "every entry must be a mapping with 'dest', entry 1 is not"),
    "text": ({"files": [{"dest": "/x", "content": ""}, "/etc/x"]}, "mapping with 'dest', entry 2 is not"),
    "typo": ({"files": [{"dest": "/x", "conten": "x"}]}, "files: /x: unknown key conten"),
    "relative": ({"files": [{"dest": "x", "content": "x"}]}, "files: 'x' must be an absolute path"),
    "number as mode": ({"files": [{"dest": "/x", "content": "x", "mode": 420}]}, "'420' must be octal text such as"),
    "mode in letters": ({"files": [{"dest": "/x", "content": "x", "mode": "u=rw"}]}, "mode 'u=rw' must be octal text"),
    "no content": ({"files": [{"dest": "/x"}]}, "files: /x: give either 'src' or 'content'"),
    "both": ({"files": [{"dest": "/x", "src": "a", "content": "b"}]}, "files: /x: give either 'src' or 'content'"),
    "state": ({"files": [{"dest": "/x", "state": "touched"}]}, "files: /x: state 'touched' must be one of"),
    "link to nothing": ({"files": [{"dest": "/x", "state": "link"}]}, "files: /x: a link needs 'to'"),
    "argument": ({"files": [], "modus": "0644"}, "modus"),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder that a role wrote, and what its tasks returned."""
    root = tmp_path_factory.mktemp("play")
    role, place = root / "roles/web", root / "place"
    for folder in (role / "tasks", role / "templates", role / "filter_plugins", place):
        folder.mkdir(parents=True)
    (root / "play.yml").write_text(PLAYBOOK)
    (role / "tasks/main.yml").write_text(TASKS)
    (role / "templates/site.conf.j2").write_text(TEMPLATE)
    (role / "templates/macros.j2").write_text("{% macro listen(port) %}listen {{ port }};{% endmacro %}\n")
    for name in ("old.conf", "gone", "other.txt"):
        (place / name).write_text("old\n")
    entries = [
        {"dest": str(place / "sub"), "state": "directory"},
        {"dest": str(place / "sub/secret"), "content": "hunter2", "mode": "0600"},
        {"dest": str(place / "link"), "state": "link", "to": "sub"},
        {"dest": str(place / "gone"), "state": "absent"},
        {"dest": str(place / "number"), "content": 5},
        *(
            {
                "src": "site.conf.j2",
                "dest": f"{{{{ place }}}}/{site['name']}.conf",
                "vars": {"site": site, "ports": site["ports"]},
                "mode": "0644",
            }
            for site in SITES
        ),
    ]
    variables = {
        "place": str(place), "me": pwd.getpwuid(os.getuid()).pw_name, "mine": grp.getgrgid(os.getgid()).gr_name,
        "wanted": entries,
    }  # fmt: skip
    (root / "vars.json").write_text(json.dumps(variables))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_HOME": str(root / "home"),
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0", "ANSIBLE_PIPELINING": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "ansible", "playbook", "--diff", "--extra-vars", f"@{root}/vars.json", "play.yml"]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DEPRECATION" not in done.stderr
    return place, {**json.loads((root / "results.json").read_text()), "printed": done.stdout}


def test_templates_are_rendered_as_ansible_renders_them(played: tuple[Path, dict[str, Any]]) -> None:
    place, _ = played
    managed = "#\n# Written by Ansible (slipway.flask): the next run overwrites what is changed here.\n#\n"
    assert (place / "a.conf").read_text() == f"{managed}listen 80;\nlisten 443;\nhost a \\n {{{{ raw }}}}\n"
    assert (place / "b.conf").read_text() == f"{managed}listen 8080;\nhost b \\n {{{{ raw }}}}\n"


def test_modes_are_the_entrys_the_tasks_or_the_default(played: tuple[Path, dict[str, Any]]) -> None:
    place, _ = played
    modes = {name: (place / name).stat().st_mode & 0o777 for name in ("a.conf", "sub/secret", "number", "sub")}
    assert modes == {"a.conf": 0o644, "sub/secret": 0o600, "number": 0o640, "sub": 0o755}


def test_every_kind_of_entry_gets_to_its_state(played: tuple[Path, dict[str, Any]]) -> None:
    place, _ = played
    assert (place / "number").read_text() == "5"
    assert os.readlink(place / "link") == "sub"
    assert not (place / "gone").exists()
    assert not (place / "old.conf").exists(), "pruned"
    assert (place / "other.txt").exists()


def test_what_changed_is_returned_in_order_and_nothing_the_second_time(played: tuple[Path, dict[str, Any]]) -> None:
    place, results = played
    names = ["sub", "sub/secret", "link", "gone", "number", "a.conf", "b.conf", "old.conf"]
    assert results["first"]["changed"]
    assert results["first"]["changed_files"] == [str(place / name) for name in names]
    assert (results["again"]["changed"], results["again"]["changed_files"]) == (False, [])


def test_a_diff_shows_the_change_and_no_secret(played: tuple[Path, dict[str, Any]]) -> None:
    _, results = played
    assert "+listen 443;" in results["printed"]
    assert "hunter2" not in results["printed"]
    assert "hunter2" not in json.dumps(results["first"])


def test_check_mode_writes_nothing_and_does_not_validate(played: tuple[Path, dict[str, Any]]) -> None:
    place, results = played
    assert results["pretended"]["changed"]
    assert not (place / "pretended").exists()
    assert not (place / "validated").exists()


def test_a_refused_file_is_put_back_and_the_task_fails_with_the_reason(played: tuple[Path, dict[str, Any]]) -> None:
    place, results = played
    assert results["refused"]["failed"]
    assert results["refused"]["msg"].endswith("so the old ones were restored. It said:\nunknown directive")
    assert "listen 443;" in (place / "a.conf").read_text()


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_entry_is_refused_by_name_before_the_host_is_called(arguments: dict[str, Any], message: str) -> None:
    task = MagicMock(args=arguments, async_val=0, check_mode=False, diff=False)
    action = files.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action._execute_module = lambda *_, **__: pytest.fail("the host was called")
    with pytest.raises(AnsibleActionFail) as raised:
        action.run(task_vars={})
    assert message in str(raised.value)


def test_preflight_calls_types_by_the_names_a_user_knows(played: tuple[Path, dict[str, Any]]) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    _, results = played
    found = [text.removeprefix("slipway_apps, app 'shop': ") for text in results["described"]["problems"]]
    assert [text.split(".")[0] for text in found] == [
        "'domains' must be a list, not text",
        "'wsgi' must be text, not a whole number",
        "'secrets' must be a mapping, not a list",
        "'version' in 'source' is 1",
        "'version' in 'source' belongs to 'git'; 'path' takes none: what the folder holds is deployed",
        "'PORT' in 'environment' must be text, a number or true/false; quote it or remove it",
    ]
    assert me not in str(found)
