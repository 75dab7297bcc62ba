# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Five hosts of one app, as their owner sees them: who runs what, all side by side, and what is done on all of them or none.

Four hosts serve the site, the fifth runs its worker alone. The tests run in the file's order.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import SEVERAL, machine
from helpers import DISK, Host, Project, Visitor, tiny_app
from stock import image

pytestmark = pytest.mark.once("13")

DOMAIN = "shop.example.org"
WEB, WORKER = ("web1", "web2", "web3", "web4"), "jobs1"
NAMES = (*WEB, WORKER)
CODE = tiny_app("os.environ['RELEASE_ID'] + os.environ.get('NOTE', '')")
JOB = "import time\n\nwhile True:\n    print('at work', flush=True)\n    time.sleep(5)\n"
APP: dict[str, Any] = {
    "name": "shop", "domains": [DOMAIN], "wsgi": "app:app", "workers": 1, "database": "none", "watch_seconds": 0,
    "secrets": {"SECRET_KEY": "8c21f7d90be2a94385b1e9c07f5ad238"},
    "processes": {
        "worker": {"command": "python job.py", "on": "worker"},
        "digest": {"command": "python -c 'print(1)'", "schedule": "*-*-* 06:00:00"},
    },
}  # fmt: skip


class Fleet(Project):
    """A user's folder with all five hosts in its inventory; `host` is the first."""

    def __init__(self, folder: Path, hosts: Mapping[str, Host]) -> None:
        super().__init__(folder, hosts["web1"])
        self.hosts = hosts
        self.lost = ""
        """A host that nobody reaches."""
        self.code = folder / "code"
        self.code.mkdir()
        (self.code / "app.py").write_text(CODE)
        (self.code / "job.py").write_text(JOB)
        (self.code / "requirements.txt").write_text("flask\n")

    def write(self, variables: Mapping[str, Any]) -> None:
        super().write(variables)  # for group_vars
        groups: dict[str, Any] = {"web": {"hosts": {}}, "worker": {"hosts": {}}}
        for name, host in self.hosts.items():
            more = {
                "ansible_ssh_extra_args": "-o ConnectTimeout=5",
                **({"ansible_port": 1} if name == self.lost else {}),
            }
            groups["web" if name in WEB else "worker"]["hosts"][name] = {**host.reached, **more}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(groups))
        text = yaml.safe_dump({"slipway_baseline": False, "slipway_disk": DISK, **variables}, sort_keys=False)
        (self.folder / "group_vars/all.yml").write_text(text)

    def describe(self, **changes: Any) -> None:
        self.write({"slipway_apps": [{**APP, "source": {"path": str(self.code)}, **changes}]})

    def edit(self, text: str) -> None:
        (self.code / "note.txt").write_text(text)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with ExitStack() as stack:
        stocked = image(SEVERAL)
        with ThreadPoolExecutor(2) as pool:
            made = list(
                pool.map(
                    lambda name: stack.enter_context(machine(f"fleet-{name}", SEVERAL, keep=False, made_of=stocked)),
                    NAMES,
                )
            )
        found = Fleet(tmp_path_factory.mktemp("project"), dict(zip(NAMES, made, strict=True)))
        found.describe()
        found.good("site.yml")
        yield found
        shutil.rmtree(found.sockets, ignore_errors=True)


def words(text: str) -> str:
    return " ".join(text.split())


def test_each_host_runs_what_it_is_for(fleet: Fleet) -> None:
    def has(host: str, pattern: str) -> bool:
        return fleet.hosts[host].run(f"systemctl list-units --plain --no-legend '{pattern}'") != ""

    assert [name for name in NAMES if has(name, "shop@*.service")] == list(WEB)
    assert [name for name in NAMES if has(name, "shop.worker@*.service")] == [WORKER]
    assert [name for name in NAMES if has(name, "shop.digest@*.timer")] == ["web1"]
    assert not fleet.hosts[WORKER].ok("ls /etc/nginx/slipway/sites/shop.conf"), "nobody comes to it"
    assert {Visitor(fleet.hosts[name], DOMAIN).get("/").status for name in WEB} == {200}


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    done = fleet.good("site.yml")
    assert done.count("changed") == 0, done.output


def test_five_hosts_stand_side_by_side(fleet: Fleet) -> None:
    told = fleet.good("playbooks/status.yml", environment={"COLUMNS": "100"}).output
    table = told[told.index("shop ") :].split("\n\n")[0].splitlines()
    print("\n".join(table))
    assert table[0].split() == ["shop", *NAMES]
    rows = {line[:13].strip(): line[13:].split("  ") for line in table}
    cells = {label: [cell.strip() for cell in row if cell.strip()] for label, row in rows.items()}
    assert len(set(cells["Revision"])) == 1
    assert cells["Unit"] == ["active"] * 4 + ["-"]
    assert cells["Site"] == ["open"] * 4 + ["-"]
    assert max(map(len, table)) <= 100
    assert "shop on jobs1: worker is active: 1 instance" in told


def test_what_one_has_not_got_is_seen_at_a_glance_by_status_doctor_and_drift(fleet: Fleet) -> None:
    fleet.edit("second")
    fleet.good("playbooks/deploy.yml", "-e", "without=web3")
    status = fleet.play("playbooks/status.yml", environment={"COLUMNS": "100"})
    print(status.output)
    assert status.code != 0
    revision = next(line for line in status.output.splitlines() if line.startswith("Revision"))
    assert revision.count("!") == 1
    assert re.search(r"shop on web3: it serves \w+, but 4 hosts \w+; deploy\.yml brings all", words(status.output))
    doctor = words(fleet.play("playbooks/doctor.yml").output)
    assert re.search(r"PROBLEM releases: shop: it serves \w+, but 4 hosts", doctor), doctor
    drift = words(fleet.play("playbooks/drift.yml").output)
    assert re.search(r"web3: release of shop: it serves \w+, but 4 hosts", drift), drift
    fleet.good("playbooks/deploy.yml")
    fleet.good("playbooks/status.yml")


def test_the_history_of_all_hosts_is_one(fleet: Fleet) -> None:
    told = fleet.good("playbooks/releases.yml").output
    print(told)
    assert re.search(r"^shop on web1, web2, web3, web4, jobs1: \w+ is live$", told, re.MULTILINE)
    assert "all 5" in told


def test_a_command_runs_on_the_first_host_on_a_named_one_or_on_all(fleet: Fleet) -> None:
    def ran(*options: str) -> list[str]:
        output = fleet.good("playbooks/exec.yml", "-e", "command='python -c print(40+2)'", *options).output
        return re.findall(r"of shop on (\w+) ended with status 0", output)

    assert ran() == ["web1"]
    assert ran("-e", "host=jobs1") == ["jobs1"]
    assert sorted(ran("-e", "on=all")) == sorted(NAMES)
    assert (
        "web3 | 42" in fleet.good("playbooks/exec.yml", "-e", "command='python -c print(40+2)'", "-e", "on=all").output
    )
    wrong = fleet.play("playbooks/exec.yml", "-e", "command=id", "-e", "host=web9")
    assert wrong.code != 0
    assert "shop is not on a host 'web9'" in wrong.output


def test_logs_of_all_hosts_are_one_time_line(fleet: Fleet) -> None:
    for name in WEB:
        Visitor(fleet.hosts[name], DOMAIN).get(f"/?from={name}")
    told = fleet.good("playbooks/logs.yml", "-e", "since=1h").output
    assert all(name in told for name in NAMES)
    assert re.search(r"jobs1 +worker .*at work", told)


def closed(fleet: Fleet) -> list[str]:
    return [name for name in WEB if Visitor(fleet.hosts[name], DOMAIN).get("/").status == 503]


def test_maintenance_is_for_all_hosts_or_none(fleet: Fleet) -> None:
    fleet.good("playbooks/maintenance.yml", "-e", "state=on")
    assert closed(fleet) == list(WEB)
    fleet.good("playbooks/maintenance.yml", "-e", "state=off")
    assert closed(fleet) == []
    fleet.lost = "web3"
    fleet.describe()
    try:
        refused = fleet.play("playbooks/maintenance.yml", "-e", "state=on")
        status = fleet.play("playbooks/status.yml", environment={"COLUMNS": "100"})
    finally:
        fleet.lost = ""
        fleet.describe()
    assert refused.code != 0
    assert closed(fleet) == []
    row = next(line for line in status.output.splitlines() if line.startswith("Release "))
    assert (status.code != 0, row.count("no answer")) == (True, 1), status.output


def test_uploads_that_each_host_would_have_for_itself_are_refused_before_anything_changes(fleet: Fleet) -> None:
    fleet.describe(shared_folders=["uploads"])
    try:
        refused = fleet.play("site.yml")
        fleet.describe(shared_folders=["uploads"], state_per_host=True)
        allowed = fleet.play("playbooks/deploy.yml", "--tags", "plan")
    finally:
        fleet.describe()
    said = "'shared_folders' is [uploads], but the app has 5 hosts (web1, web2, web3, web4, jobs1)"
    assert refused.code != 0
    assert said in words(refused.output) and refused.count("changed") == 0
    assert said not in words(allowed.output)
