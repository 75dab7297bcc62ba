# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is written on a host whose metrics are kept, and that nothing of it goes on when they are not wanted any more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.slipway.flask.plugins.module_utils._metrics import places
from ansible_collections.slipway.flask.plugins.plugin_utils._metrics import plan, servers, site
from host_library import help_of

ROLE = Path(__file__).resolve().parents[5] / "roles/host_metrics"
SCRAPE = {"domain": "metrics.test", "password": "a" * 30}
APP = {
    "name": "shop",
    "root": "/srv/shop",
    "settings": "/etc/shop",
    "domains": ["shop.test"],
    "database": "shop",
    "redis": {},
}


def paths(variables: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the files of the plan by their path."""
    return {entry["dest"]: entry for entry in plan.plan(variables)["files"]}


def test_the_collector_runs_on_a_python_without_ansible(tmp_path: Path) -> None:
    library = [entry for entry in plan.plan({"mode": "local"})["files"] if "/usr/local/lib/slipway" in entry["dest"]]
    assert "every 15 seconds" in help_of("_metrics.program", library, tmp_path)


def test_what_the_collector_is_told_is_root_s_alone_and_a_new_module_starts_it_anew() -> None:
    found = plan.plan({"mode": "local", "apps": [APP], "host": "web1"})
    entry = next(one for one in found["files"] if one["dest"] == str(places.SETTINGS))
    assert (entry["mode"], '"shop.test"' in entry["content"]) == ("0600", True)
    unit = next(one for one in found["units"] if one["name"] == "slipway-metrics.service")
    modules = {one["dest"] for one in found["files"] if one["dest"].endswith(".py")}
    assert modules <= set(unit["files"])


def test_what_the_collector_finds_is_for_the_servers_group_alone() -> None:
    """An app can read what everybody can: another one's statements, paths and queues would be among it."""
    written = paths({"mode": "local"})["/etc/systemd/system/slipway-metrics.service"]
    text = (ROLE / "templates" / written["src"]).read_text().partition("[Unit]")[2]
    unit = jinja2.Template(text, undefined=jinja2.StrictUndefined).render(**written["vars"])
    assert {"Group=prometheus", "RuntimeDirectoryMode=0750", "UMask=0077"} <= set(unit.splitlines())


def test_metrics_that_are_not_wanted_any_more_are_stopped_and_their_files_gone() -> None:
    wanted, gone = paths({"mode": "local"}), paths({"mode": "none"})
    own = {dest for dest, entry in wanted.items() if entry.get("state", "file") == "file"}
    # The servers' drop-ins stay: without the collector's settings they keep them from starting.
    shared = own - set(gone) - set(plan.DROP_INS.values())
    assert all(dest.startswith("/usr/local/lib/slipway/") for dest in shared), shared
    assert all(entry["state"] == "absent" for entry in gone.values())
    assert {unit["state"] for unit in plan.plan({"mode": "none"})["units"]} == {"stopped"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"mode": "local"}, ""),
        ({"mode": "on"}, "host_metrics_mode is 'on'; it must be one of none, local, scrape"),
        ({"mode": "local", "settings": {"days": 0}}, "host_metrics_settings.days is 0; it must be from 1 to 400"),
        ({"mode": "local", "settings": {"memory_mb": 16}}, "settings.memory_mb is 16; it must be from 96"),
        ({"mode": "scrape"}, "host_metrics_scrape must have 'domain' and 'password' with the mode scrape"),
        ({"mode": "scrape", "scrape": {**SCRAPE, "password": "short"}}, "20 characters or more"),
        ({"mode": "scrape", "scrape": {**SCRAPE, "password": "aaa" * 20 + "\n"}}, "without blanks"),
        ({"mode": "scrape", "scrape": {"password": "a" * 30}}, "host_metrics_scrape.domain is missing"),
        ({"mode": "scrape", "scrape": SCRAPE}, ""),
        (
            {"mode": "local", "scrape": {**SCRAPE, "certificate": "none"}},
            "scrape.certificate is 'none'; it must be one of",
        ),
        ({"mode": "local", "scrape": {**SCRAPE, "certificate": "provided", "key_file": "k"}}, "both of them"),
        (
            {"mode": "local", "scrape": {**SCRAPE, "certificate_file": "c", "key_file": "k"}},
            "belong to `certificate: provided`",
        ),
    ],
)
def test_what_cannot_work_is_refused_and_no_secret_is_named(variables: dict[str, Any], said: str) -> None:
    found = plan.problems(variables)
    assert (len(found), said in "".join(found), "aaa" in "".join(found)) == (int(bool(said)), True, False)


def units(variables: dict[str, Any]) -> dict[str, set[str]]:
    """Return what shall become of each unit."""
    found: dict[str, set[str]] = {}
    for unit in plan.plan(variables)["units"]:
        found.setdefault(unit["name"], set()).add(unit.get("state", "started"))
    return found


def test_somebody_else_s_prometheus_asks_the_node_exporter_and_no_store_runs() -> None:
    found = units({"mode": "scrape", "scrape": SCRAPE})
    assert (found["prometheus.service"], found["prometheus-node-exporter.service"]) == ({"stopped"}, {"started"})
    assert plan.packages("scrape") == ["prometheus-node-exporter", "nftables"]


def test_the_packages_own_servers_which_listen_for_everybody_do_not_start_as_they_come() -> None:
    files = plan.package_files("local")
    assert set(files) == {f"/etc/systemd/system/{name}.service.d/slipway.conf" for name in plan.packages("local")[:2]}
    assert all("ConditionPathExists=" in text for text in files.values())
    assert plan.packages("none") == []
    assert plan.package_files("none") == {}


def test_all_servers_listen_on_loopback_behind_a_password_and_the_store_is_bounded() -> None:
    store = servers.settings({"days": 14})
    for arguments in (servers.node_arguments(), servers.prometheus_arguments(store)):
        listening = [one for one in arguments if "listen-address" in one]
        assert len(listening) == 1
        assert "=127.0.0.1:" in listening[0]
        assert any(one.startswith("--web.config.file=") for one in arguments)
        assert not [one for one in arguments if "enable-admin-api" in one or "enable-lifecycle" in one]
    assert "--storage.tsdb.retention.time=14d" in arguments
    assert "--storage.tsdb.retention.size=1024MB" in arguments


@pytest.mark.parametrize(
    ("unit", "is_left_out"),
    [
        ("nginx.service", False),
        ("shop@0007-abc.service", False),
        ("systemd-timesyncd.service", False),
        ("slipway-backup.timer", False),
        ("systemd-logind.service", True),
        ("systemd-tmpfiles-clean.timer", True),
        ("user@0.service", True),
        ("dev-vda.device", True),
    ],
)
def test_units_that_only_the_system_knows_are_no_series(unit: str, is_left_out: bool) -> None:
    assert bool(re.fullmatch(servers.NOT_UNITS, unit)) is is_left_out


def test_an_argument_of_the_unit_is_one_word_in_which_systemd_reads_nothing() -> None:
    found = next(one for one in servers.node_arguments() if "fs-types-exclude" in one)
    assert found.startswith('"')
    assert found.endswith('$$"')


def test_the_site_for_a_prometheus_elsewhere_leads_to_the_node_exporter_and_is_shut_to_other_addresses() -> None:
    (found,) = site.sites({**SCRAPE, "from": ["192.0.2.7"], "certificate": "acme"}, "scrape")
    assert (found["domains"], found["upstream"], found["certificate"]) == (["metrics.test"], "127.0.0.1:9100", "acme")
    assert found["access"] == [{"path": "/", "allow": ["192.0.2.7"]}]
    assert "a" * 30 not in str(found)
    assert "access" not in site.sites(SCRAPE, "local")[0]
    assert site.sites(SCRAPE, "none") == site.sites({}, "local") == []


@pytest.mark.parametrize("mode", ["local", "scrape"])
def test_the_password_of_a_prometheus_elsewhere_is_root_s_alone_and_goes_with_it(mode: str) -> None:
    assert paths({"mode": mode, "scrape": SCRAPE})[plan.SCRAPE_PASSWORD]["mode"] == "0600"
    assert paths({"mode": "local"})[plan.SCRAPE_PASSWORD]["state"] == "absent"


@pytest.mark.parametrize(
    ("system", "flag", "checks"),
    [(["Ubuntu", "22.04"], "--web.config=/", False), (["Debian", "12"], "--web.config.file=/", True)],
)
def test_the_servers_of_an_old_release_are_told_in_their_own_words(system: list[str], flag: str, checks: bool) -> None:
    assert any(one.startswith(flag) for one in servers.node_arguments(system))
    assert bool(plan.plan({"mode": "local", "system": system})["validate"]) is checks


@pytest.mark.parametrize(
    ("variables", "ports"),
    [
        ({"mode": "scrape", "scrape": SCRAPE}, [9100]),
        ({"mode": "local"}, [9090, 9100]),
        ({"mode": "local", "alertmanager": True}, [9090, 9093, 9100]),
    ],
    ids=["scrape", "local", "with alerts"],
)
def test_nobody_else_can_answer_on_the_ports_of_the_servers_there_are(
    variables: dict[str, Any], ports: list[int]
) -> None:
    found = {one["dest"]: one for one in plan.plan(variables)["files"]}
    assert found[plan.RULES]["vars"]["ports"] == ports
    assert found[plan.RULES]["mode"] == "0600"
    gone = {one["dest"] for one in plan.plan({"mode": "none"})["files"] if one["state"] == "absent"}
    assert {plan.RULES, plan.AGAIN, f"/etc/systemd/system/{plan.PORTS}", f"/etc/systemd/system/{plan.PSQL}"} <= gone
