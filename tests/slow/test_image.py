# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The image of a release: the same again from the same input, small, without secrets, and guarded as a deploy on a host is.

It is built and run on the host of the release, with buildah and podman of the distribution, beside a PostgreSQL in a
container. The tests run in the file's order.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import engines
import faults
import pytest
from engines import PLAIN, SLIM
from helpers import Play, Project, wait_for

pytestmark = pytest.mark.once("13")

SECRET = faults.DESCRIPTION["secrets"]["SECRET_KEY"]
IN_A_FILE = "of-a-file-a1b2c3"
IMAGE: dict[str, Any] = {"base": PLAIN, "build_base": SLIM, "isolation": "chroot", "name": "localhost/{app}"}
WHEN = "2026-11-27T08:00:00Z"
LIMITED = "--read-only --tmpfs /tmp --network harbour --cap-drop all --security-opt no-new-privileges"
"""As strict as an engine can make it."""
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PROGRAMS = "/usr/lib/postgresql/17/bin"
CLUSTER = f"""\
set -e
{PROGRAMS}/initdb --username postgres --encoding UTF8 --locale C.UTF-8 --auth-host scram-sha-256 --no-sync /data/main >/dev/null
echo 'host all all all scram-sha-256' >>/data/main/pg_hba.conf
exec {PROGRAMS}/postgres -D /data/main -k /tmp -c fsync=off -c listen_addresses='*'
"""
ASK = (
    "import urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:8000/readyz', "
    "headers={'Host': 'harbour.example.org', 'X-Forwarded-Proto': 'https'})).status)"
)


class Site(faults.App):
    """The sample app in a repository, for an image stands for a commit; its containers have a database of their own."""

    def describe(self, **changes: Any) -> None:
        app = {
            **self.description, "source": {"path": str(self.folder)}, "workers": 1, "watch_seconds": 0,
            "processes": {"clock": {"command": "python -c 'import time; time.sleep(600)'"}},
            "files": {"instance/settings.cfg": f"TOKEN = '{IN_A_FILE}'\n"}, **changes,
        }  # fmt: skip
        self.project.write({"slipway_apps": [app], "slipway_image": IMAGE})

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        command = ["env", f"GIT_COMMITTER_DATE={WHEN}", "git", "-C", str(self.folder), *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message, "--date", WHEN)

    def image(self, *arguments: str) -> Play:
        done = self.project.good("playbooks/image.yml", *arguments)
        print(done.output)
        return done

    def identity(self, name: str) -> str:
        return self.host.run(f"podman image inspect --format '{{{{.Id}}}}' {name}")

    def contents(self, name: str) -> tuple[list[str], dict[str, Any]]:
        """Return an image's layers and configuration, without what buildah before 1.41 makes up for each build."""
        found = json.loads(self.host.run(f"podman image inspect {name}"))[0]
        config = json.loads(self.host.run(f"buildah inspect --type image {name}"))["Docker"]
        for part in (config, config["config"], config["container_config"]):
            for made_up in ("container", "Hostname"):
                part.pop(made_up, None)
        return found["RootFS"]["Layers"], config

    def command(self, image: str, command: str = "", options: str = "--rm", **variables: str) -> str:
        """Return the shell's line that runs COMMAND, or what the image runs by itself, in a container."""
        given = {
            "SECRET_KEY_FILE": "/run/secrets/KEY",
            "DATABASE_URL": "postgresql://harbour:of-the-image@postgres/harbour",
            "UPLOAD_FOLDER": "/srv/harbour/shared/uploads",
            **variables,
        }
        environment = " ".join(f"--env {name}='{value}'" for name, value in given.items())
        volumes = "--volume /srv/volume:/app/shared --volume /srv/secrets:/run/secrets:ro"
        return f"podman run {options} {LIMITED} {volumes} {environment} {image} {command}"

    def run(self, image: str, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.host.ask(self.command(image, command, **variables))

    def ask_database(self, statement: str, database: str = "harbour") -> str:
        asked = f"{PROGRAMS}/psql --host /tmp --username postgres --dbname {database} -v ON_ERROR_STOP=1 -At"
        return self.host.run(f'podman exec postgres {asked} -c "{statement}"')

    def start_database(self) -> None:
        """Start PostgreSQL in a container whose programs are the host's, with a role that has a database and no more."""
        self.host.run("podman network exists harbour || podman network create harbour")
        self.host.run(
            "podman rm --force --ignore postgres; podman run --detach --name postgres --network harbour --user www-data "
            f'--tmpfs /data:mode=1777 --volume /usr:/usr:ro {PLAIN} sh -c "{CLUSTER}"'
        )
        wait_for(lambda: self.host.ok(f"podman exec postgres {PROGRAMS}/pg_isready --host 127.0.0.1"), 30)
        self.ask_database("CREATE ROLE harbour LOGIN PASSWORD 'of-the-image'", "postgres")
        self.ask_database("CREATE DATABASE harbour OWNER harbour", "postgres")


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    (made.folder / ".gitignore").write_text("__pycache__\n")
    made.git("init", "--quiet")
    made.commit("one")
    project.good("site.yml")
    engines.install(made.host)
    engines.bases(made.host)
    made.start_database()
    made.host.run("install -d -o 10001 -g 10001 /srv/volume && mkdir -p /srv/secrets")
    engines.put(made.host, "/srv/secrets/KEY", f"{SECRET}\n")
    return made


@pytest.fixture(scope="module")
def image(site: Site) -> str:
    """The name of the image of the live release."""
    name = f"localhost/harbour:{site.git('rev-parse', 'HEAD')[:12]}"
    assert f"harbour: {name}  " in site.image().output
    return name


def test_the_image_says_what_it_is_and_the_same_release_again_is_no_change(site: Site, image: str) -> None:
    found = json.loads(site.host.run(f"podman image inspect {image}"))[0]
    labels, config = found["Labels"], found["Config"]
    assert labels["org.opencontainers.image.revision"] == site.git("rev-parse", "HEAD")
    assert found["Created"].startswith(labels["org.opencontainers.image.created"].rstrip("Z"))
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["slipway-run", "web"]
    assert (found.get("Healthcheck") or found["HealthCheck"])["Test"] == ["CMD", "slipway-health"]
    assert site.image().count("changed") == 0
    assert site.identity(image) == f"{found['Id']}"


def test_it_has_what_the_app_needs_and_no_more(site: Site, image: str) -> None:
    sizes = {name: int(site.host.run(f"podman image inspect --format '{{{{.Size}}}}' {name}"))
             for name in (SLIM, PLAIN, image)}  # fmt: skip
    print("octets:", sizes)
    assert sizes[image] - sizes[PLAIN] < 100e6
    assert "No module named pip" in site.run(image, "python -m pip").stderr
    assert site.run(image, "find /app -not -user root -not -path '/app/shared*'").stdout == ""


def test_nothing_secret_is_in_any_of_its_layers(site: Site, image: str) -> None:
    found = json.loads(site.host.run(f"podman image inspect {image}"))[0]
    layers = found["GraphDriver"]["Data"]
    folders = [layers["UpperDir"], *layers["LowerDir"].split(":")]
    links = site.host.run(f"find {' '.join(folders)} -path '*/app/src/instance/settings.cfg' -printf '%l\\n'")
    assert set(links.split()) == {"/app/files/instance/settings.cfg"}
    site.host.run(f"podman image inspect {image} >/var/tmp/told; podman history --no-trunc {image} >>/var/tmp/told")
    for secret in (SECRET, IN_A_FILE):
        assert site.host.run(f"grep -rlF '{secret}' {' '.join(folders)} /var/tmp/told || true") == ""


def test_migrations_run_once_and_then_the_app_serves(site: Site, image: str) -> None:
    done = site.run(image, "slipway-migrate")
    assert "the database was migrated from nothing to 0005" in done.stdout, done.stdout + done.stderr
    assert "the database is at 0005, nothing to migrate" in site.run(image, "slipway-migrate").stdout
    host = site.host
    options = "--detach --name web --publish 127.0.0.1:8000:8000"
    host.run("podman rm --force --ignore web")
    host.run(site.command(image, options=options, FORWARDED_ALLOW_IPS="*"))
    try:
        wait_for(lambda: host.ok("podman exec web slipway-health"), 60)
        assert host.run(f'python3 -c "{ASK}"') == "200"
        assert host.run("podman exec web id -u") == "10001"
        assert not host.ok("podman exec web touch /app/src/x")
        assert host.ok("podman exec web touch /srv/harbour/shared/uploads/x")
        assert SECRET not in host.run("podman inspect web")
        assert host.run("podman exec web slipway-run -- printenv SECRET_KEY") == SECRET
        assert host.run("podman stop --time 20 web") == "web"
        assert host.run("podman inspect --format '{{.State.ExitCode}}' web") == "0"
        assert '"path": "/readyz"' in host.ask("podman logs web").stdout
    finally:
        host.run("podman rm --force --ignore web >/dev/null")


def test_a_dangerous_migration_is_refused_and_of_two_that_may_run_it_one_does(site: Site) -> None:
    site.migration("0009", "0005", "op.drop_column('ships', 'flag')")
    site.migration("0010", "0009", "op.execute('SELECT pg_sleep(3)')\n    op.execute('CREATE TABLE once_only (i int)')")
    site.commit("two")
    site.describe(release_commands=[], health_path="/healthz")  # the host's database stays where it is
    site.project.good("playbooks/deploy.yml")
    site.describe()
    site.image("-e", "tag=danger")
    name = "localhost/harbour:danger"
    refused = site.run(name, "slipway-migrate")
    assert refused.returncode == 1, refused.stdout
    assert "a statement of the pending migrations would harm the running site" in refused.stderr
    assert "ban-drop-column" in refused.stderr
    assert "SLIPWAY_ALLOW_MIGRATIONS=0009 for this run" in refused.stderr
    assert site.ask_database("SELECT version_num FROM alembic_version") == "0005"

    script = site.command(name, "slipway-migrate", SLIPWAY_ALLOW_MIGRATIONS="0009")
    both = f"for i in 1 2; do ({script} >/var/tmp/out$i 2>&1; echo status $? >>/var/tmp/out$i) & done; wait"
    said = site.host.run(f"{both}; cat /var/tmp/out1 /var/tmp/out2")
    assert said.count("status 0") == 2, said
    assert said.count("was migrated from 0005 to 0010") == 1, said
    assert "there is no dump from before this" in said
    assert site.ask_database("SELECT version_num FROM alembic_version") == "0010"


def test_the_containerfile_builds_the_same_image_without_us_and_without_a_cache(site: Site, tmp_path: Path) -> None:
    kept, place, name = tmp_path / "kept", "/var/tmp/kept", f"localhost/harbour:{site.git('rev-parse', 'HEAD')[:12]}"
    site.image("-e", f"containerfile={kept}")
    engines.copy(kept, site.host, place)
    command = (kept / "Containerfile").read_text().splitlines()[1].lstrip("# ").strip()
    assert f"--tag {name} ." in command
    trust = f"--no-cache --isolation chroot --volume {BUNDLE}:{BUNDLE}:ro --build-arg PIP_CERT={BUNDLE}"
    command = command.replace("--layers", f"--layers {trust}")
    site.host.run(f"cd {place} && {command} >/var/tmp/log 2>&1 || (tail -30 /var/tmp/log; exit 1)")
    (made, former) = (site.contents(one) for one in (name, "localhost/harbour:danger"))
    assert made == former
