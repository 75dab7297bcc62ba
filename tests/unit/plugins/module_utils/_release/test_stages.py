# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The one list of stages: what each run makes of it, and that everything written about stages agrees with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from ansible_collections.slipway.flask.plugins.module_utils._release import hooks, stages
from ansible_collections.slipway.flask.plugins.module_utils._release.deploy import Deploy
from ansible_collections.slipway.flask.plugins.module_utils._release.plan import Plan
from ansible_collections.slipway.flask.plugins.module_utils._release.rollback import Rollback
from ansible_collections.slipway.flask.plugins.module_utils._release.run import Run
from ansible_collections.slipway.flask.plugins.modules import release
from fake_host import FakeHost

ROOT = Path(__file__).resolve().parents[5]
ROLE = ROOT / "roles/app_release"
DEPLOY = ", ".join(stages.names_of("deploy"))


# ---- the list -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("deploy", "fetch build check migrate start gate switch verify watch drain prune"),
        ("rollback", "check migrate start gate switch verify watch drain"),
        ("plan", "fetch build check"),
    ],
)
def test_each_run_has_its_stages_in_this_order(what: stages.What, names: str) -> None:
    assert " ".join(stages.names_of(what)) == names


@pytest.mark.parametrize("run", [Deploy, Rollback, Plan])
def test_every_stage_of_a_run_names_methods_that_it_has(host: FakeHost, run: type[Run]) -> None:
    request = host.request(source_key="x")
    made = run(request) if run is not Plan else Plan(request)
    found = [stage.does for stage in stages.stages_of(made.what)]
    if made.what != "plan":  # it removes what it made, and has changed nothing else
        found += [stage.undo for stage in stages.stages_of(made.what) if stage.undo]
    for name in found:
        assert callable(made.method(name)), name


def test_every_kind_of_run_has_stages() -> None:
    assert {what for stage in stages.STAGES for what in stage.of} == set(get_args(stages.What))


@pytest.mark.parametrize("stage", stages.STAGES, ids=stages.NAMES)
def test_what_a_stage_needs_comes_before_it_in_every_run_that_has_it(stage: stages.Stage) -> None:
    for what in stage.of if stage.needs else ():
        names = stages.names_of(what)
        assert names.index(stage.needs) < names.index(stage.name)


def test_only_what_fails_after_the_old_release_was_told_to_end_leaves_the_new_one_serving() -> None:
    every = {*stages.NAMES, *hooks.NAMES, "", "preflight", "hook", "before_nothing"}
    assert {name for name in every if stages.stays(name)} == {
        "drain", "after_drain", "before_prune", "prune", "after_prune",
    }  # fmt: skip


# ---- what is written about it -------------------------------------------------------------------------------------


def third_person(verb: str) -> str:
    """Return what it does: fetches, verifies, starts."""
    if verb.endswith(("ch", "sh", "s", "x")):
        return f"{verb}es"
    return re.sub(r"(?<=[^aeiou])y$", "ie", verb) + "s"


def test_the_module_s_documentation_names_every_stage_of_a_deploy() -> None:
    told = yaml.safe_load(release.DOCUMENTATION)["description"]
    assert told[0] == f"Runs the stages of a release: {DEPLOY}, record."


def test_the_role_s_documentation_names_every_stage_of_a_deploy() -> None:
    told = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["description"]
    does = ", ".join(map(third_person, stages.names_of("deploy")))
    assert told[0] == f"{does.capitalize()} and records one release."


def test_the_role_s_readme_has_a_row_for_every_stage() -> None:
    table = (ROLE / "README.md").read_text().partition("| Stage | What happens |")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"^\| ([a-z]+) \|", table, re.MULTILINE)) == stages.NAMES


def test_the_role_s_readme_says_which_stages_a_rollback_does_not_have() -> None:
    *most, last = [name for name in stages.NAMES if name not in stages.names_of("rollback")]
    told = " ".join((ROLE / "README.md").read_text().split())
    assert f"A rollback runs the hooks of its own stages, which are all except {', '.join(most)} and {last}." in told


@pytest.mark.parametrize("file", ["README.md", "docs/operations.md", "roles/app_release/README.md"])
def test_every_printed_summary_has_the_stages_of_a_run(file: str) -> None:
    shown = re.findall(r"^  Seconds +[\d.]+ \((.*)\)$", (ROOT / file).read_text(), re.MULTILINE)
    assert shown
    for line in shown:
        assert tuple(re.findall(r"[a-z]+", line)) in (stages.names_of("deploy"), stages.names_of("rollback"))
