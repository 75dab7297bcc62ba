# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""On trial: has not passed on a host yet, so bin/test leaves it out; `pytest tests/slow/trial_compose.py` runs it.

The sample app with Docker Compose and with podman-compose, of the same files: what a host serves, a laptop serves.

The release on the host is what the image is made of; then its services stop, and the containers have its ports.
The tests run in the file's order.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import engines
import pytest
from helpers import Project, Visitor, form, wait_for
from load import arrival

pytestmark = pytest.mark.once("13")
PLACE = "/root/harbour"
DOMAIN = engines.faults.DOMAIN
STOP = "systemctl stop nginx 'harbour@*' 'harbour.*@*'"
"""What of the host's own site has the ports, or would do the containers' work."""


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> engines.Site:
    made = engines.site(project, tmp_path_factory.mktemp("app"))
    engines.docker(made.host, made.registry)
    return made


@pytest.fixture(scope="module")
def images(site: engines.Site) -> dict[str, str]:
    """A version that works, and one whose migration fails; the host's own site is closed afterwards."""
    made = {"good": site.image("good")}
    site.migration("0006", "0005", "op.execute('SELECT 1/0')")
    made["bad"] = site.image("bad", release_commands=[], health_path="/healthz")
    site.restore()
    site.host.run(STOP)
    return made


@pytest.fixture(scope="module")
def folder(site: engines.Site, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the good version, on this machine and on the host."""
    made = tmp_path_factory.mktemp("compose") / "harbour"
    said = site.render("compose", made, images["good"])
    assert "next: cd" in said, said
    engines.copy(made, site.host, PLACE)
    return made


def compose(site: engines.Site, arguments: str, tool: str = "docker compose") -> str:
    return site.host.run(f"cd {PLACE} && {tool} {arguments} 2>&1")


def test_a_second_run_writes_nothing(site: engines.Site, images: dict[str, str], folder: Path) -> None:
    asked = ("-e", "target=compose", "-e", f"to={folder}", "-e", f"image={images['good']}")
    done = site.project.good("playbooks/render.yml", *asked)
    assert done.count("changed") == 0, done.output


def test_one_command_serves_the_site(site: engines.Site, folder: Path) -> None:
    compose(site, "up --detach --wait")
    visitor = Visitor(site.host, DOMAIN)
    page = visitor.get("/")
    assert page.status == 200 and page.headers["X-Release"], page.text
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert visitor.post("/arrivals", arrival(page.text, "Aurora")).status == 303
    assert "Aurora" in visitor.get("/ships").text
    style = visitor.get("/static/css/harbour.css")
    assert style.status == 200 and style.headers["Cache-Control"] == "public, max-age=60"
    localhost = Visitor(site.host, "localhost")
    assert localhost.get("/readyz").status == 200


def test_workers_do_jobs_and_schedules_run(site: engines.Site, folder: Path) -> None:
    visitor = Visitor(site.host, DOMAIN)
    day = datetime.now(timezone.utc).date().isoformat()
    token = form(visitor.get("/").text, "cargo")["csrf_token"]
    assert visitor.post(f"/reports/{day}", {"csrf_token": token}).status in (302, 303)
    wait_for(lambda: visitor.get(f"/reports/{day}.pdf").status == 200, 30)
    wait_for(lambda: "schedule: ended with 0" in compose(site, "logs summary"), 90, 1)


def test_a_container_is_nobody_who_can_write_anywhere(site: engines.Site, folder: Path) -> None:
    assert compose(site, "exec web id -u") == "10001"
    assert not site.host.ok(f"cd {PLACE} && docker compose exec web touch /app/src/x")
    inspected = site.host.run(f"cd {PLACE} && docker inspect $(docker compose ps --quiet web)")
    assert engines.faults.DESCRIPTION["secrets"]["SECRET_KEY"] not in inspected
    assert not site.host.ok(f"cd {PLACE} && docker compose exec nginx getent hosts postgres")


def test_a_failed_migration_leaves_the_release_before_serving(
    site: engines.Site, images: dict[str, str], folder: Path
) -> None:
    before = Visitor(site.host, DOMAIN).get("/").headers["X-Release"]
    text = (folder / "compose.yaml").read_text().replace(images["good"], images["bad"])
    engines.put(site.host, f"{PLACE}/compose.yaml", text)
    assert not site.host.ok(f"cd {PLACE} && docker compose up --detach --wait")
    assert Visitor(site.host, DOMAIN).get("/").headers["X-Release"] == before
    assert "division by zero" in compose(site, "logs migrate")


def test_the_same_files_are_served_by_podman_compose(site: engines.Site, folder: Path) -> None:
    compose(site, "down --volumes")
    engines.copy(folder, site.host, PLACE)
    site.host.run("/opt/slipway/bin/uv --quiet venv /opt/compose && /opt/slipway/bin/uv --quiet pip install --python "
                  "/opt/compose/bin/python podman-compose==1.6.0")  # fmt: skip
    compose(site, "up --detach", "/opt/compose/bin/podman-compose")
    visitor = Visitor(site.host, DOMAIN)
    wait_for(lambda: visitor.get("/readyz").status == 200, 60)
    page = visitor.get("/")
    assert visitor.post("/arrivals", arrival(page.text, "Borealis")).status == 303
    assert "Borealis" in visitor.get("/ships").text
    compose(site, "down --volumes", "/opt/compose/bin/podman-compose")
