# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""How an action plugin asks its half on the host: what is logged there, what is hidden, how a wrong parameter is told."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.flask.plugins.module_utils._host.task import TASK, task_of
from ansible_collections.slipway.flask.plugins.plugin_utils._action import on_host
from as_ansible import Call, options_of, task

MODULES = "ansible_collections.slipway.flask.plugins.modules."
FOLDER = Path(__file__).resolve().parents[4] / "plugins/modules"
HALVES = sorted(path.stem for path in FOLDER.glob("*_on_host.py"))
SPEC: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "seconds": {"type": "int", "default": 5},
    "url": {"type": "str", "no_log": True},
    "deep": {"type": "dict", "options": {"url": {"type": "str", "no_log": True}}},
}


def half(spec: dict[str, Any], shown: Callable[[dict[str, Any]], Any]) -> Callable[[], None]:
    """Return the main() of a half that answers what SHOWN makes of what it was asked."""

    def main() -> None:
        module = AnsibleModule(argument_spec=TASK, supports_check_mode=True)
        module.exit_json(said=shown(task_of(module, spec)))

    return main


@pytest.mark.parametrize("name", HALVES)
def test_every_half_belongs_to_an_action_and_takes_only_what_is_written_into_no_log(name: str) -> None:
    whole = name.removesuffix("_on_host")
    assert (FOLDER / f"{whole}.py").exists() and (FOLDER.parent / f"action/{whole}.py").exists()
    module = import_module(MODULES + name)
    assert options_of(module) == {
        "task": {"description": "Request of the action plugin, as JSON. It is never logged.", "type": "str",
                 "required": True}
    }  # fmt: skip
    assert TASK == {"task": {"type": "str", "required": True, "no_log": True}}


@pytest.mark.parametrize("name", sorted(path.stem for path in (FOLDER.parent / "action").glob("*.py")))
def test_an_action_takes_what_its_documentation_tells(name: str) -> None:
    """validate-modules can't see it: where an action does the work, the module is documentation alone."""
    action = import_module(f"{MODULES.replace('modules', 'action')}{name}").ActionModule
    if action._VALID_ARGS:  # those of releases leave it to their halves: test_release_and_files_modules.py
        assert set(options_of(import_module(MODULES + name))) == set(action._VALID_ARGS)
    else:
        assert name in ("release", "rollback", "release_step") or not options_of(import_module(MODULES + name))


def test_there_are_halves() -> None:
    assert len(HALVES) >= 6


def test_what_is_left_out_has_its_default(call: Call) -> None:
    result = call(half(SPEC, lambda asked: [asked["app"], asked["seconds"], asked["url"]]), **task(app="shop"))
    assert result["said"] == ["shop", 5, None]


@pytest.mark.parametrize("asked", [{"url": "https://hunter2@index"}, {"deep": {"url": "https://hunter2@index"}}])
def test_a_secret_shows_in_no_answer_and_other_words_do(call: Call, asked: dict[str, Any]) -> None:
    main = half(SPEC, lambda got: f"{got['app']}: {got['url'] or got['deep']['url']} can't be reached")
    result = call(main, **task(app="shop", **asked))
    assert "hunter2" not in json.dumps(result)
    assert result["said"].startswith("shop: ") and result["said"].endswith(" can't be reached")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "missing required arguments: app"),
        ({"app": "shop", "seconds": "soon"}, "argument 'seconds' is of type"),
        ({"app": "shop", "port": 1}, "module: port. Supported parameters include: app, deep, seconds, url."),
    ],
)
def test_a_wrong_parameter_is_told_as_ansible_tells_it(call: Call, asked: dict[str, Any], message: str) -> None:
    assert message in call(half(SPEC, lambda _: ""), **task(**asked))["msg"]


def test_the_parameters_are_not_in_the_answer_and_a_date_is_its_text() -> None:
    action = MagicMock()
    action._execute_module.return_value = {"changed": True, "invocation": {"module_args": {"task": "secret"}}}
    asked = {"files": {"released": datetime.date(2026, 11, 26)}}
    assert on_host.ask(action, "release", asked, {"a": 1}) == {"changed": True}
    (name, arguments), more = action._execute_module.call_args
    assert (name, more) == ("slipway.flask.release_on_host", {"task_vars": {"a": 1}})
    assert json.loads(arguments["task"]) == {"files": {"released": "2026-11-26"}}
