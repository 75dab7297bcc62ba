# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An action asks the host with the code that it has; it is sent where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._action import kept, packed

LACKS: dict[str, Any] = {"changed": False, "lacks_code": True}


def asked(action: MagicMock) -> list[str]:
    """Return the modules that were run, and hold each to what it was asked."""
    for call in action._execute_module.call_args_list:
        task = json.loads(call.args[1]["task"])
        assert task == {"app": "shop", "_half": {"name": "release", "key": kept.key()}}
    return [call.args[0].rpartition(".")[2] for call in action._execute_module.call_args_list]


@pytest.mark.parametrize(
    ("answers", "modules"),
    [([{"changed": True}], ["kept_half"]), ([LACKS, {"changed": True}], ["kept_half", "release_on_host"])],
)
def test_the_code_is_sent_only_if_the_host_lacks_it(answers: list[dict[str, Any]], modules: list[str]) -> None:
    action = MagicMock()
    action._execute_module.side_effect = [dict(answer) for answer in answers]
    assert kept.ask(action, "release", {"app": "shop"}, {}) == {"changed": True}
    assert asked(action) == modules


def test_a_host_that_preflight_has_seen_without_the_code_is_sent_it_at_once_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))

    def modules(host: str, code: list[str] | None) -> list[str]:
        action = MagicMock()
        action._execute_module.return_value = {"changed": True}
        facts = {} if code is None else {"slipway_code": code}
        kept.ask(action, "release", {"app": "shop"}, {"inventory_hostname": host, "ansible_facts": facts})
        return asked(action)

    there = f"release-{kept.key()}.cpython-313.zip"
    assert modules("a", []) == ["release_on_host"]
    assert modules("a", []) == ["kept_half"], "the second app of the run: the host has it by now"
    assert modules("b", ["release-0ld.cpython-313.zip", "rollback-" + there]) == ["release_on_host"], "an upgrade"
    assert modules("c", [there]) == ["kept_half"]
    assert modules("d", None) == ["kept_half"], "nobody has looked"


def test_mitogen_which_sends_what_is_imported_and_keeps_it_is_asked_as_ever() -> None:
    connection = type("Connection", (), {"__module__": "ansible_mitogen.connection"})()
    action = MagicMock(_connection=connection)
    action._execute_module.return_value = {"changed": True}
    assert kept.ask(action, "release", {"app": "shop"}, {}) == {"changed": True}
    (call,) = action._execute_module.call_args_list
    assert call.args == ("slipway.flask.release_on_host", {"task": '{"app": "shop"}'})


def test_the_key_is_another_one_whenever_a_file_of_the_hosts_side_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("module_utils", "modules"):
        shutil.copytree(packed.PLUGINS / part, tmp_path / part)
    monkeypatch.setattr(packed, "PLUGINS", tmp_path)
    key = kept.key.__wrapped__
    keys = [key()]
    assert keys == [kept.key()]
    for change in ("module_utils/_release/deploy.py", "modules/release_on_host.py"):
        (tmp_path / change).write_text("")
        keys.append(key())
    (tmp_path / "module_utils/_host/new.py").touch()
    keys.append(key())
    assert len(set(keys)) == 4
