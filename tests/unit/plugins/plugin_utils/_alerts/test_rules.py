# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The rules of the alerts. promtool asks them on a host (molecule/host_metrics); where it is at hand, here as well."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import alert_cases
import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts import alertmanager, plan, rules
from ansible_collections.slipway.flask.plugins.plugin_utils._alerts.keys import THRESHOLDS

DOCS = Path(__file__).resolve().parents[5] / "docs/alerts.md"
every_rule = pytest.mark.parametrize("rule", list(rules.rules()), ids=lambda rule: rule.name)


@every_rule
def test_there_is_a_case_in_which_somebody_is_told(rule: rules.Rule) -> None:
    assert any(rule.name in case.told for case in alert_cases.CASES), f"alert_cases.py has none for {rule.name}"


@pytest.mark.parametrize("rule", [rule for rule in rules.rules() if rule.is_urgent], ids=lambda rule: rule.name)
def test_what_is_urgent_reaches_a_person_within_two_minutes(rule: rules.Rule) -> None:
    assert rules.latest_seconds(rule) <= rules.URGENT_SECONDS


@every_rule
def test_a_rule_says_what_is_wrong_and_what_to_look_at(rule: rules.Rule) -> None:
    assert rule.what and rule.look
    assert f"| `{rule.name}` |" in DOCS.read_text(), f"docs/alerts.md does not tell of {rule.name}"


@pytest.mark.parametrize("name", THRESHOLDS)
def test_each_threshold_changes_a_rule(name: str) -> None:
    before, after = (rules.document("web1", {**plan.thresholds({}), **more}) for more in ({}, {name: 77}))
    assert before != after


def test_a_name_with_quotes_breaks_no_rule() -> None:
    text = str(rules.document('we"b', plan.thresholds({}), ['o"ther']))
    assert 'on="we\\\\"b"' in text
    assert 'on="o\\\\"ther"' in text


def test_an_older_prometheus_gets_no_key_that_it_does_not_know() -> None:
    assert "keep_firing_for" not in str(rules.document("web1", plan.thresholds({}), (), is_old=True))


@pytest.mark.skipif(not shutil.which("promtool"), reason="molecule/host_metrics does it on both releases")
def test_promtool_finds_every_case_as_it_should_be(tmp_path: Path) -> None:
    for name, text in alert_cases.promtool_files().items():
        (tmp_path / name).write_text(text)
    tests = sorted(map(str, tmp_path.glob("test-*.yml")))
    done = subprocess.run(["promtool", "test", "rules", *tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_app_whose_alerts_come_and_go_has_people_told_of_its_critical_ones_alone() -> None:
    document = alertmanager.document({"webhooks": ["https://hooks.example.org/x"]})
    (rule,) = [one for one in document["inhibit_rules"] if one["source_matchers"] == [f'alertname="{rules.FLAPPING}"']]
    muted = set(rule["target_matchers"][0].removeprefix('alertname=~"').removesuffix('"').split("|"))
    by_name = {one.name: one for one in rules.rules()}
    assert {"QueueStuck", "ResponsesSlow", "ProcessRestarts", "TimerFailed"} <= muted
    assert {by_name[name].severity for name in muted} == {rules.WARNING}
    assert rules.FLAPPING not in muted and rule["equal"] == ["host", "app"]
