# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""On trial: has not passed on a host yet, so bin/test leaves it out; `pytest tests/slow/trial_image.py` runs it.

The image of a release: the same again from the same input, small, without secrets, and guarded as a deploy on a host is.

It is built and run on the host of the release, with buildah and podman of the distribution. The tests run in the file's order.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import faults
import image_base
import pytest
from helpers import Play, Project, wait_for

pytestmark = pytest.mark.once("13")

SECRET = faults.DESCRIPTION["secrets"]["SECRET_KEY"]
SETTINGS = "TOKEN = 'of-a-file-a1b2c3'\n"
SLIM, PLAIN = "localhost/python:3.13-slim", "localhost/python:3.13-plain"
IMAGE: dict[str, Any] = {
    "base": PLAIN,
    "build_base": SLIM,
    "isolation": "chroot",
    "layers": False,
    "name": "localhost/{app}",
}
STORAGE = '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'
LIMITS = '[containers]\ndefault_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]\npids_limit = 0\n'
"""Where root is short of a privilege, no limit can be raised; more than the host's own is never needed here."""
LIMITED = (
    "--read-only --tmpfs /tmp --network host --volume /run/postgresql:/run/postgresql --cgroups=disabled "
    "--cap-drop all --security-opt no-new-privileges"
)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
DATABASE = "postgresql://dock:of-the-image@/dock?host=/run/postgresql"
"""A database of its own, for a role with a password: a container's user is nobody on the host."""


ASK = (
    "import urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:8000/readyz', "
    "headers={'Host': 'harbour.example.org', 'X-Forwarded-Proto': 'https'})).status)"
)


class Site(faults.App):
    """The sample app in a repository, for an image stands for a commit."""

    def describe(self, **changes: Any) -> None:
        app = {
            **self.description, "source": {"path": str(self.folder)}, "workers": 1, "watch_seconds": 0,
            "processes": {"clock": {"command": "python -c 'import time; time.sleep(600)'"}},
            "files": {"instance/settings.cfg": SETTINGS}, **changes,
        }  # fmt: skip
        self.project.write({"slipway_apps": [app], "slipway_image": IMAGE})

    def git(self, *arguments: str) -> None:
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", "-C", str(self.folder), *who, *arguments], check=True, capture_output=True)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message, "--date", "2026-11-27T08:00:00Z")

    def image(self, *arguments: str) -> Play:
        return self.project.good("playbooks/image.yml", *arguments)

    def podman(self, arguments: str) -> str:
        return self.host.run(f"podman {arguments}")

    def run(self, image: str, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run COMMAND in a container as strict as an engine can make it."""
        given = {
            "SECRET_KEY": SECRET,
            "DATABASE_URL": DATABASE,
            "UPLOAD_FOLDER": "/srv/harbour/shared/uploads",
            **variables,
        }
        environment = " ".join(f"--env {name}='{value}'" for name, value in given.items())
        return self.host.ask(
            f"podman run --rm {LIMITED} --volume /srv/volume:/app/shared {environment} {image} {command}"
        )


@pytest.fixture(scope="module")
def site(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    (made.folder / ".gitignore").write_text("__pycache__\n")
    made.git("init", "--quiet")
    made.commit("one")
    project.good("site.yml")
    made.host.run(
        "command -v podman || apt-get install -qq -y --no-install-recommends buildah podman crun >/dev/null 2>&1"
    )
    made.host.run(f"mkdir -p /etc/containers && printf '{STORAGE}' > /etc/containers/storage.conf")
    made.host.run(f"printf '{LIMITS}' > /etc/containers/containers.conf")
    for packages, name in ((image_base.SLIM, SLIM), (image_base.PLAIN, PLAIN)):
        image_base.to_host(made.host, image_base.tar("13", packages), name)
    made.host.psql("DROP DATABASE IF EXISTS dock")
    made.host.psql("DROP ROLE IF EXISTS dock")
    made.host.psql("CREATE ROLE dock LOGIN PASSWORD 'of-the-image'")
    made.host.psql("CREATE DATABASE dock OWNER dock")
    made.host.run("sed -i '1i local dock dock scram-sha-256' /etc/postgresql/17/main/pg_hba.conf")
    made.host.psql("SELECT pg_reload_conf()")
    made.host.run("install -d -o 10001 -g 10001 /srv/volume")
    return made


def identity(site: Site, name: str) -> str:
    return site.podman(f"image inspect --format '{{{{.Id}}}}' {name}")


@pytest.fixture(scope="module")
def image(site: Site) -> str:
    """The name of the image of the live release."""
    done = site.image()
    print(done.output)
    names = site.podman("images --format '{{.Repository}}:{{.Tag}}' localhost/harbour").split()
    assert len(names) == 1, done.output
    assert f"harbour: {names[0]}  " in done.output
    return names[0]


def test_the_image_says_what_it_is(site: Site, image: str) -> None:
    found = json.loads(site.podman(f"image inspect {image}"))[0]
    labels, config = found["Labels"], found["Config"]
    commit = subprocess.run(
        ["git", "-C", str(site.folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert labels["org.opencontainers.image.revision"] == commit
    assert image.endswith(f":{commit[:12]}")
    assert found["Created"].startswith(labels["org.opencontainers.image.created"].rstrip("Z"))
    assert config["User"] == "10001:10001"
    assert config["Cmd"] == ["slipway-run", "web"]
    assert (found.get("Healthcheck") or found["HealthCheck"])["Test"] == ["CMD", "slipway-health"]


def test_the_same_release_again_is_no_change(site: Site, image: str) -> None:
    before = identity(site, image)
    done = site.image()
    assert done.count("changed") == 0, done.output
    assert identity(site, image) == before


NAIVE = f"""FROM {SLIM}
WORKDIR /app
COPY . .
RUN pip install --break-system-packages --requirement requirements.txt gunicorn
CMD ["gunicorn", "wsgi:app"]
"""


def test_it_is_smaller_than_the_usual_way(site: Site, image: str) -> None:
    """The usual way is `FROM python:3.x-slim`, `COPY . .` and `pip install`."""
    pid = site.host.facts["pid"]
    site.host.run("rm -rf /var/tmp/naive && mkdir /var/tmp/naive")
    subprocess.run(["tar", "-C", str(site.folder), "-cf", f"/proc/{pid}/root/var/tmp/naive.tar", "."], check=True)
    trust = f"--volume {BUNDLE}:{BUNDLE}:ro --env PIP_CERT={BUNDLE}"
    site.host.run(f"tar -C /var/tmp/naive -xf /var/tmp/naive.tar && cat > /var/tmp/naive/Containerfile <<'E'\n{NAIVE}E")
    site.host.run(f"buildah build --isolation chroot {trust} --tag localhost/naive /var/tmp/naive >/var/tmp/log 2>&1")
    sizes = {name: int(site.podman(f"image inspect --format '{{{{.Size}}}}' {name}"))
             for name in (SLIM, PLAIN, "localhost/naive", image)}  # fmt: skip
    print("octets:", sizes)
    assert sizes[image] < sizes["localhost/naive"]


def test_nothing_secret_is_in_it(site: Site, image: str) -> None:
    site.host.run(f"podman save --quiet --output /var/tmp/image.tar {image} && mkdir -p /var/tmp/unpacked")
    site.host.run(
        "cd /var/tmp/unpacked && tar -xf ../image.tar && for f in *.tar; do mkdir -p $f.d && tar -xf $f -C $f.d; done"
    )
    for secret in (SECRET, "of-a-file-a1b2c3"):
        assert not site.host.ok(
            f"grep -rqF '{secret}' /var/tmp/unpacked --include='*.py' --include='*.json' --include='*.cfg'"
        )
    assert "/app/files/instance/settings.cfg" in site.run(image, "slipway-run -- readlink instance/settings.cfg").stdout
    site.host.run("rm -rf /var/tmp/unpacked /var/tmp/image.tar")


def test_migrations_run_once_and_then_the_app_serves(site: Site, image: str) -> None:
    done = site.run(image, "slipway-migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the database was migrated from nothing to 0005" in done.stdout, done.stdout + done.stderr
    assert "the database is at 0005, nothing to migrate" in site.run(image, "slipway-migrate").stdout
    site.host.run("podman rm --force --ignore web >/dev/null")
    started = site.host.ask(
        f"podman run --detach --name web {LIMITED} --volume /srv/volume:/app/shared --env SECRET_KEY={SECRET} "
        f"--env DATABASE_URL={DATABASE} --env UPLOAD_FOLDER=/srv/harbour/shared/uploads {image}"
    )
    assert started.returncode == 0, started.stderr
    try:
        wait_for(lambda: site.host.ok("podman exec web slipway-health"), 60)
        assert site.host.run(f'python3 -c "{ASK}"') == "200"
        assert site.host.run("podman exec web id -u") == "10001"
        assert not site.host.ok("podman exec web touch /app/src/x")
        assert site.host.run("podman stop --time 20 web") == "web"
        logs = site.host.ask("podman logs web")
        assert '"path": "/readyz"' in logs.stdout
    finally:
        site.host.run("podman rm --force --ignore web >/dev/null")


def test_secrets_come_out_of_files(site: Site, image: str) -> None:
    site.host.run("mkdir -p /srv/secrets && printf 'from-a-file\\n' > /srv/secrets/KEY && chmod 644 /srv/secrets/KEY")
    done = site.host.ask(
        f"podman run --rm {LIMITED} --volume /srv/secrets:/run/secrets:ro --env SECRET_KEY_FILE=/run/secrets/KEY {image} "
        "slipway-run -- printenv SECRET_KEY"
    )
    assert done.stdout == "from-a-file\n", done.stderr


def test_a_dangerous_migration_is_refused_until_somebody_allows_it(site: Site) -> None:
    site.migration("0009", head(site), "op.drop_column('ships', 'flag')")
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
    assert site.host.psql("SELECT count(*) FROM information_schema.columns WHERE column_name = 'flag'", "dock") == "1"
    allowed = site.run(name, "slipway-migrate", SLIPWAY_ALLOW_MIGRATIONS="0009")
    assert allowed.returncode == 0, allowed.stderr
    assert "was migrated from" in allowed.stdout
    assert "there is no dump from before this" in allowed.stderr


def head(site: Site) -> str:
    return site.host.psql("SELECT version_num FROM alembic_version", "dock")


def test_two_that_migrate_at_once_take_turns(site: Site) -> None:
    site.migration("0010", "0009", "op.execute('SELECT pg_sleep(3)')\n    op.execute('CREATE TABLE once_only (i int)')")
    site.commit("three")
    site.describe(release_commands=[], health_path="/healthz")  # the host's database stays where it is
    site.project.good("playbooks/deploy.yml")
    site.describe(migrations="report")
    site.image("-e", "tag=twice")
    name = "localhost/harbour:twice"
    script = f"podman run --rm {LIMITED} --env SECRET_KEY={SECRET} --env DATABASE_URL={DATABASE} {name} slipway-migrate"
    both = f"for i in 1 2; do ({script} >/var/tmp/out$i 2>&1; echo status $? >>/var/tmp/out$i) & done; wait"
    said = site.host.run(f"{both}; cat /var/tmp/out1 /var/tmp/out2")
    assert said.count("status 0") == 2, said
    assert said.count("was migrated from 0009 to 0010") == 1, said
    assert head(site) == "0010"


def test_the_containerfile_builds_the_same_image_without_us_and_without_a_cache(site: Site, tmp_path: Path) -> None:
    site.image("-e", f"containerfile={tmp_path / 'kept'}")
    kept = tmp_path / "kept"
    text = (kept / "Containerfile").read_text()
    command = (
        text.splitlines()[1].lstrip("# ").strip().replace("--layers", "--layers=false --no-cache --isolation chroot")
    )
    subprocess.run(
        ["tar", "-C", str(kept), "-cf", f"/proc/{site.host.facts['pid']}/root/var/tmp/kept.tar", "."], check=True
    )
    bundle = f"--volume {BUNDLE}:{BUNDLE}:ro --build-arg PIP_CERT={BUNDLE}"
    before = identity(site, "localhost/harbour:twice")
    site.host.run(
        f"rm -rf /var/tmp/kept && mkdir /var/tmp/kept && cd /var/tmp/kept && tar -xf ../kept.tar && "
        f"{command.replace('--tag', f'{bundle} --tag')} >/var/tmp/log 2>&1 || (tail -30 /var/tmp/log; exit 1)"
    )
    name = command.split("--tag ")[1].split()[0]
    assert identity(site, name) == before
