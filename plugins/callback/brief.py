# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a person reads of a playbook: what changed, what failed (once), and what the tasks themselves tell.

Ansible's own `display_ok_hosts = False` comes near, but swallows the warnings of what it hides and what `debug` tells, and
leaves a line for each include (up to ansible-core 2.20) and two reports of each failure (from 2.19 on).
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: brief
type: stdout
short_description: Ansible's own output without the tasks that changed nothing
version_added: 0.1.0
author: Slipway contributors (@slipway)
description:
  - The output of the C(default) callback, without tasks that changed nothing and without includes; C(-v) shows all of
    it.
  - A failure that its task explains is shown once, with its line breaks. All other failures, unreachable hosts,
    warnings and C(debug) messages are shown as by C(default). Where a host refuses the login, what to do follows.
  - For a play with the variable C(__slipway_drift) or C(__slipway_quiet) (C(playbooks/drift.yml),
    C(playbooks/doctor.yml)), only the report at its end is printed; C(-v) and C(--diff) show the rest.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as stdout in configuration
"""

import gc
import os
import textwrap
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.slipway.flask.plugins.plugin_utils._action import loaded
from ansible_collections.slipway.flask.plugins.plugin_utils._report import commands, deploy, drift

OWN = "slipway.flask."
EXPLAINED = {"msg", "changed", "failed"}
"""What a result has that says all in its message, beside keys that begin with an underscore."""

CRASHED = "Task failed: "
"""How ansible-core's own words begin for what no task explains, such as an error in a template or in a module's code."""
TELLERS = {"slipway.flask.release", "slipway.flask.release_step", "slipway.flask.rollback"}
"""Actions that print themselves what they did."""
SHOWERS = {"slipway.flask.remove", "slipway.flask.restore"}
"""Those of them that say in check mode as well that nothing was changed, or what would be."""
COMPARER = "slipway.flask.drift_report"
"""Counts a host that could not be compared as one that could not be reached, for the sake of the exit code."""
COLLECT_AFTER = 50_000
"""Python looks for garbage after so many new objects; its own 700 took a fifth of the controller's processor time."""


def collect_less() -> None:
    """Have Python look for garbage less often: a run is over before there is much of it.

    What is loaded by now is left out, so that workers need no copies of its pages (gc.freeze in Python's library
    reference); a worker ends with its task and looks for none.
    """
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
    os.register_at_fork(after_in_child=gc.disable)


class CallbackModule(Default):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "slipway.flask.brief"

    def __init__(self) -> None:
        super().__init__()
        loaded.load()
        collect_less()
        self.reports = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        told = play.get_vars()
        drift.RUN.looks, self.reports = bool(told.get("__slipway_drift")), bool(told.get("__slipway_quiet"))
        if self._is_silent():
            self._play = play  # the base class's, which asks it for its strategy
        else:
            super().v2_playbook_on_play_start(play)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if not self._is_silent():
            super().v2_playbook_on_stats(stats)

    def v2_on_file_diff(self, result: Any) -> None:
        if not self._is_silent():
            super().v2_on_file_diff(result)

    def v2_runner_on_ok(self, result: Any) -> None:
        if drift.RUN.looks:
            drift.RUN.add(result.host.get_name(), result.task.action, result.task.get_name(), result.result)
        if self._tells_nothing(result):
            self._handle_warnings_and_exception(result)
        else:
            super().v2_runner_on_ok(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        if self._tells_nothing(result):
            self._handle_warnings_and_exception(result)
        else:
            super().v2_runner_item_on_ok(result)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        if self._display.verbosity:
            super().v2_playbook_on_include(included_file)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if drift.RUN.looks and ignore_errors:
            drift.RUN.fail(result.host.get_name(), result.task.action, result.task.get_name(), result.result)
        if self._is_silent() and (ignore_errors or result.result.get("told")):
            return
        if self._display.verbosity or not explained(result.task.action, result.result):
            super().v2_runner_on_failed(result, ignore_errors=ignore_errors)
            return
        result.result.pop("exception", None)  # it says the same once more
        self._tell(result, "FAILED!", str(result.result["msg"]))
        if ignore_errors:
            self._display.display("...ignoring", color=C.COLOR_SKIP)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if self._is_silent():
            return
        if self._display.verbosity or not explained(result.task.action, result.result):
            super().v2_runner_item_on_failed(result)
            return
        result.result.pop("exception", None)
        self._tell(result, "FAILED!", str(result.result["msg"]))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        if result.task.action == COMPARER and not self._display.verbosity:
            self._tell(result, "NOT COMPARED!", str(result.result["msg"]))
            return
        if drift.RUN.looks:
            drift.RUN.lose(result.host.get_name(), str(result.result.get("msg", "")))
        if not (self._is_silent() and result.task.ignore_unreachable):
            super().v2_runner_on_unreachable(result)
            host = {**result.host.vars, "inventory_hostname": result.host.get_name()}
            if hint := commands.to_log_in(str(result.result.get("msg", "")), host):
                self._display.display(
                    textwrap.indent(deploy.printable(hint), "  "),
                    color=C.COLOR_ERROR,
                    stderr=self.get_option("display_failed_stderr"),
                )

    def _tell(self, result: Any, how: str, message: str) -> None:
        """Print HOW a task ended, and the MESSAGE that explains it."""
        self._handle_warnings(result.result)
        if self._last_task_banner != result.task._uuid:
            self._print_task_banner(result.task)
        told = textwrap.indent(deploy.printable(message), "  ")
        self._display.display(
            f"fatal: [{self.host_label(result)}]: {how}\n{told}",
            color=C.COLOR_ERROR,
            stderr=self.get_option("display_failed_stderr"),
        )

    def _is_silent(self) -> bool:
        """Tell whether only the report at the end is printed."""
        return (drift.RUN.looks or self.reports) and not (self._display.verbosity or context.CLIARGS.get("diff"))

    def _tells_nothing(self, result: Any) -> bool:
        """Tell whether a good result is neither a change nor something that a task wants to be read."""
        if self._is_silent() and result.task.action not in C._ACTION_DEBUG:
            return True
        told = result.task.action in SHOWERS or (result.task.action in TELLERS and not result.task.check_mode)
        return (told or not result.result.get("changed")) and not self._run_is_verbose(result)

    def _print_task_banner(self, task: Any) -> None:
        if self._display.verbosity:
            super()._print_task_banner(task)
            return
        name = self._last_task_name or task.get_name().strip()
        mark = " [CHECK MODE]" if task.check_mode and self.get_option("check_mode_markers") else ""
        self._display.display(f"\n{self._task_type_cache.get(task._uuid, 'TASK')} [{name}]{mark}")
        self._last_task_banner = task._uuid


def explained(action: str, result: dict[str, Any]) -> bool:
    """Tell whether the message of a failed RESULT is all that there is to read."""
    keys = {key for key in result if not key.startswith("_")} - {"exception", "warnings", "deprecations"}
    message = result.get("msg")
    if not isinstance(message, str) or message.startswith(CRASHED) or "results" in result:
        return False
    return keys <= EXPLAINED or (action.startswith(OWN) and not keys & {"module_stdout", "module_stderr"})
