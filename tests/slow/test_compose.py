# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The sample app of the rendered compose.yaml, with podman-compose and with Docker's own Compose on top of Podman.

The release on the host is what the image is made of; then its services stop, and the containers have its ports.
The tests run in the file's order.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import engines
import faults
import pytest
from helpers import Project, Visitor, form, wait_for
from load import arrival

pytestmark = pytest.mark.once("13")
PLACE = "/root/harbour"
DOMAIN = faults.DOMAIN
STOP = "systemctl stop nginx 'harbour@*' 'harbour.*@*'"
"""What of the host's own site has the ports, or would do the containers' work."""
PODMAN = "/opt/compose/bin/podman-compose"
SERVERS, OTHERS = "up --detach postgres redis-queue", "up --detach --no-deps web worker summary nginx"
MIGRATE = "run --rm -T --no-deps migrate"
"""What podman-compose is told one by one: it can't start what depends on a container that has ended."""
DOCKER = "DOCKER_HOST=unix:///run/podman/podman.sock /usr/libexec/docker/cli-plugins/docker-compose"
"""What `podman compose` runs."""
SERVER = "localhost/server:test"
FAILS = faults.MIGRATION.format(number="0006", before="0005", upgrade="op.execute('SELECT 1/0')", downgrade="pass")


class Site(engines.Site):
    """The sample app on a host that builds its image and runs the containers: no registry is needed."""

    description = {**engines.DESCRIPTION, **{key: faults.DESCRIPTION[key] for key in ("environment", "shared_folders")}}
    registry = "localhost"
    good, bad = "", "localhost/harbour:bad"
    """Names of the image of the release, and of one whose migration fails."""

    def describe(self, **changes: Any) -> None:
        app = {**self.description, "source": {"path": str(self.folder)}, **changes}
        image = {
            "base": engines.BASE,
            "isolation": "chroot",
            "name": f"{self.registry}/{{app}}",
        }
        images = dict.fromkeys(engines.IMAGES, SERVER)
        self.project.write({"slipway_apps": [app], "slipway_image": image, "slipway_render": {"images": images}})

    def prepare(self) -> None:
        engines.install(self.host, "docker-compose")
        self.host.run(
            "podman rm --force --all; podman network prune --force; podman volume prune --force"
        )  # of a kept host
        engines.server(self.host, SERVER)
        uv = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt /opt/slipway/bin/uv --quiet"
        self.host.run(f"{uv} venv --clear /opt/compose")
        self.host.run(f"{uv} pip install --python /opt/compose/bin/python podman-compose==1.6.0")
        self.host.run("systemctl start podman.socket")

    def image(self, title: str) -> str:
        """Deploy the code as it is, and make an image of it; return its name.

        An image stands for a commit, whose first digits are its tag and what it calls its release; TITLE is the commit's.
        """
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", title)
        self.deployed()
        name = f"{self.registry}/harbour:{self.git('rev-parse', 'HEAD')[:12]}"
        done = self.project.good("playbooks/image.yml")
        assert name in done.output, done.output
        return name

    def compose(self, arguments: str, tool: str = PODMAN) -> str:
        return self.host.run(f"cd {PLACE} && ({tool} {arguments}) 2>&1")

    def fails(self, arguments: str, tool: str = PODMAN) -> str:
        """Run what must fail; return what it says."""
        done = self.host.ask(f"cd {PLACE} && ({tool} {arguments}) 2>&1")
        assert done.returncode, done.stdout
        return done.stdout

    def use(self, image: str) -> None:
        """Let compose.yaml name IMAGE, as another render would."""
        self.host.run(f"sed -Ei 's#localhost/harbour:[0-9a-z]+#{image}#' {PLACE}/compose.yaml")


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.begin()
    made.describe()
    project.good("playbooks/provision.yml")
    made.prepare()
    made.good = made.image("good")
    engines.put(made.host, "/var/tmp/0006_change.py", FAILS)
    made.host.run(
        f"set -e; c=$(buildah from {made.good}); buildah copy --quiet $c /var/tmp/0006_change.py "
        f"/app/src/migrations/versions/ >/dev/null; buildah commit --quiet $c {made.bad} >/dev/null"
    )
    made.host.run(STOP)
    return made


@pytest.fixture(scope="module")
def folder(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered files, on this machine and on the host."""
    made = tmp_path_factory.mktemp("compose") / "harbour"
    said = site.render("compose", made, site.good)
    assert "next: cd" in said, said
    again = site.project.good(
        "playbooks/render.yml", "-e", "target=compose", "-e", f"to={made}", "-e", f"image={site.good}"
    )
    assert again.count("changed") == 0, again.output
    engines.copy(made, site.host, PLACE)
    return made


def is_served(site: Site, ship: str) -> Visitor:
    """Require that the site does what visitors want of it, with a SHIP that nobody has seen yet."""
    visitor = Visitor(site.host, DOMAIN)
    wait_for(lambda: visitor.get("/readyz").status == 200, 60)
    page = visitor.get("/")
    assert page.status == 200 and page.headers["X-Release"], page.text
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert visitor.post("/arrivals", arrival(page.text, ship)).status == 303
    assert ship in visitor.get("/ships").text
    style = visitor.get("/static/css/harbour.css")
    assert style.status == 200 and style.headers["Cache-Control"] == "public, max-age=60"
    assert Visitor(site.host, "localhost").get("/readyz").status == 200
    return visitor


def test_podman_compose_serves_the_site(site: Site, folder: Path) -> None:
    for step in (SERVERS, MIGRATE, OTHERS):
        site.compose(step)
    visitor = is_served(site, "Aurora")
    day = datetime.now(timezone.utc).date().isoformat()
    token = form(visitor.get("/").text, "cargo")["csrf_token"]
    assert visitor.post(f"/reports/{day}", {"csrf_token": token}).status in (302, 303)
    wait_for(lambda: visitor.get(f"/reports/{day}.pdf").status == 200, 30)


def test_a_container_is_nobody_who_can_write_or_tell_secrets(site: Site, folder: Path) -> None:
    assert site.compose("exec -T web id -u").splitlines()[-1] == "10001"
    site.fails("exec -T web touch /app/src/x")
    site.compose("exec -T web getent hosts postgres")
    site.fails("exec -T nginx getent hosts postgres")
    inspected = site.host.run("podman inspect $(podman ps --all --quiet)")
    secrets = {file.read_text().strip() for file in (folder / "secrets").iterdir()}
    assert faults.DESCRIPTION["secrets"]["SECRET_KEY"] in secrets
    assert [text for text in secrets if text in inspected] == []


def test_schedules_run(site: Site, folder: Path) -> None:
    wait_for(lambda: "schedule: ended with 0" in site.compose("logs summary"), 90, 1)


def test_a_failed_migration_leaves_the_release_before_serving(site: Site, folder: Path) -> None:
    before = Visitor(site.host, DOMAIN).get("/").headers["X-Release"]
    site.use(site.bad)
    assert "division by zero" in site.fails(f"{MIGRATE} && {PODMAN} {OTHERS}")
    assert Visitor(site.host, DOMAIN).get("/").headers["X-Release"] == before
    site.compose("down --volumes")


def test_compose_of_docker_serves_the_same_files(site: Site, folder: Path) -> None:
    site.use(site.good)
    site.host.run("podman network prune --force && podman volume prune --force")
    # Podman has no health for a container without a check, and `--wait` takes that for a failure.
    site.compose(f"run --rm -T migrate && {DOCKER} up --detach", DOCKER)
    visitor = is_served(site, "Borealis")
    before = visitor.get("/").headers["X-Release"]
    site.use(site.bad)
    assert "division by zero" in site.fails(f"run --rm -T migrate && {DOCKER} up --detach", DOCKER)
    assert visitor.get("/").headers["X-Release"] == before
    site.compose("down --volumes", DOCKER)
