# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A host that somebody set up by hand: what is there is named before anything is changed, each piece of advice works, and a
site is taken over without a moment of silence, when the first release of the app answers.

The tests run in the file's order on one host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, Host, Project, Visitor, Watch, tiny_app

pytestmark = pytest.mark.once("13")

DOMAIN = "shop.example.org"
ADOPT = ROOT / "docs/adopt.md"
AS_POSTGRES = "cd /; runuser -u postgres -- psql -d"
WWW = [f"www.{DOMAIN}"]
OLD_SITE = f"""
server {{
    listen 80;
    server_name {DOMAIN}  # the shop
                www.{DOMAIN};
    return 301 https://$host$request_uri;
}}
server {{
    listen 443 ssl;
    server_name {DOMAIN} www.{DOMAIN};
    ssl_certificate /etc/ssl/old.pem;
    ssl_certificate_key /etc/ssl/old.key;
    location / {{ return 200 "the old site"; }}
}}
"""
OTHER_SERVER = """
[Service]
ExecStart=/usr/bin/python3 -m http.server 80
[Install]
WantedBy=multi-user.target
"""
OCCUPY = f"""
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends nginx openssl postgresql >/dev/null 2>&1
systemctl stop nginx
openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/ssl/old.key -out /etc/ssl/old.pem -subj /CN={DOMAIN} 2>/dev/null
cat > /etc/nginx/sites-available/old
ln -s ../sites-available/old /etc/nginx/sites-enabled/old
printf '%s' '{OTHER_SERVER}' > /etc/systemd/system/otherweb.service
systemctl daemon-reload
systemctl enable --now --quiet otherweb
useradd --create-home --shell /bin/bash keeper
groupadd taken
mkdir -p /etc/moved /srv/files/theirs
cd /
sql() {{ runuser -u postgres -- psql -qX "$@"; }}
sql -c "CREATE ROLE olduser LOGIN PASSWORD 'old'" -c "CREATE ROLE wiki LOGIN PASSWORD 'wiki'"
sql -c "CREATE DATABASE shop OWNER olduser" -c "CREATE DATABASE wiki OWNER wiki" -c "CREATE DATABASE super"
PGPASSWORD=old psql -qX -h 127.0.0.1 -U olduser shop -c "CREATE TABLE orders AS SELECT generate_series(1, 7) AS number"
"""
COUNT = "PGPASSWORD=old psql -XAt -h 127.0.0.1 -U olduser shop -c 'SELECT count(*) FROM orders'"
SETTINGS: dict[str, Any] = {
    "postgres_server_hba": ["host all all 127.0.0.1/32 scram-sha-256"],
    "postgres_server_settings": {"listen_addresses": "127.0.0.1"},
}


@pytest.fixture(scope="module")
def occupied(host: Host) -> Host:
    host.run(f"{{ {OCCUPY} }} <<'SITE'\n{OLD_SITE}\nSITE")
    return host


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shop")
    (made / "requirements.txt").write_text("flask\n")
    (made / "shop.py").write_text(tiny_app("'the new site'"))
    return made


def app(folder: Path, name: str = "shop", **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "domains": [f"{name}.example.org"], "source": {"path": str(folder)}, "wsgi": "shop:app",
        "secrets": {"SECRET_KEY": "0b9d4e1f7a2c4856b3d0e9f8a7c6d5e4"}, "release_commands": [], "workers": 1,
        "watch_seconds": 1, "health_timeout_seconds": 10, **changes,
    }  # fmt: skip


def traces(host: Host) -> str:
    return host.run(
        "dpkg -l | wc -l; getent passwd | wc -l; getent group | wc -l; cd /; runuser -u postgres -- psql -XAtc '\\l' -c '\\du';"
        "find /etc /srv /opt /usr/local -printf '%p %m %u %s %T@\\n' | sort | sha256sum"
    )


def flat(output: str) -> str:
    """Return what was printed without its line breaks."""
    return re.sub(r"\s+", " ", output)


def advice(output: str, beginning: str) -> str:
    """Return the command in backticks that begins so, as a person would copy it."""
    found = [text for text in re.findall(r"`([^`]+)`", flat(output)) if text.startswith(beginning)]
    assert found, f"no advice begins with {beginning!r}:\n{output}"
    return found[0]


@pytest.fixture(scope="module")
def refused(occupied: Host, project: Project, folder: Path) -> str:
    apps = [
        app(folder), app(folder, "keeper"), app(folder, "taken"), app(folder, "systemd-fsck"), app(folder, "moved"),
        app(folder, "super", writable_paths=["/srv/files"]), app(folder, "fine", python="/opt/no/python3.14"),
    ]  # fmt: skip
    project.write({"slipway_apps": apps})
    before = traces(occupied)
    play = project.play("site.yml")
    assert play.code != 0
    assert play.count("changed") == 0
    assert traces(occupied) == before
    return flat(play.output)


@pytest.mark.parametrize(
    "said",
    [
        f"app 'shop': nginx serves {DOMAIN} from /etc/nginx/sites-enabled/old, which Slipway did not write. Set `adopt: true`",
        "app 'shop': the database 'shop' exists and belongs to olduser",
        "app 'super': the database 'super' exists and belongs to postgres",
        "app 'keeper': there is a user 'keeper' already (uid 1000, /bin/bash)",
        "app 'taken': there is a group 'taken' without a user of that name",
        "app 'systemd-fsck': the name is another service's (/usr/lib/systemd/system/systemd-fsck@.service)",
        "app 'moved': /etc/moved exists, and Slipway did not create it",
        "app 'super': '/srv/files' in 'writable_paths' belongs to root on the host and is not empty",
        "app 'fine': there is no '/opt/no/python3.14' on the host",
        "PostgreSQL on the host has the databases wiki, and provisioning would write /etc/postgresql/",
        "port 80 belongs to python3 (otherweb.service), and nginx needs it",
    ],
)
def test_what_is_there_is_named_before_anything_is_changed(refused: str, said: str) -> None:
    assert said in refused


def test_every_piece_of_advice_works(refused: str, occupied: Host, project: Project, folder: Path) -> None:
    occupied.run("cd /; " + advice(refused, "runuser -u postgres -- psql -d shop"))
    assert occupied.run(COUNT) == "7", "the old site gets in as before"
    for beginning in ("groupdel", "mv", "systemctl disable", "runuser -u postgres -- psql -c 'ALTER DATABASE"):
        occupied.run("cd /; " + advice(refused, beginning))
    occupied.run("systemctl start nginx")
    apps = [
        app(folder, adopt=True, redirect_domains=WWW), app(folder, "taken"), app(folder, "moved"),
        app(folder, "super", writable_paths=["/srv/files/super"]),
    ]  # fmt: skip
    project.write({"slipway_apps": apps, **SETTINGS})
    checked = project.play("playbooks/provision.yml", "--check")
    assert "Nothing was changed" not in checked.output, checked.output


class Old(Watch):
    """Somebody who looks at the site all the time: the old one or the new one, never neither."""

    def __init__(self, host: Host) -> None:
        super().__init__(Visitor(host, DOMAIN))
        self.seen: list[str] = []

    def step(self) -> None:
        answer = self.visitor.get("/")
        assert answer.status == 200, f"answered {answer.status}"
        if self.seen[-1:] != [answer.text]:
            self.seen.append(answer.text)


@pytest.fixture(scope="module")
def visitor(refused: str, occupied: Host) -> Iterator[Old]:
    with Old(occupied) as watch:
        yield watch


def test_the_old_site_goes_on_when_the_first_release_fails(
    visitor: Old, occupied: Host, project: Project, folder: Path
) -> None:
    project.write(
        {"slipway_apps": [app(folder, adopt=True, redirect_domains=WWW, health_path=["/", "/nowhere"])], **SETTINGS}
    )
    failed = project.play("site.yml")
    assert "failed at stage 'gate'" in failed.output, failed.output
    assert "/nowhere still answered 404" in failed.output, failed.output
    assert visitor.seen == ["the old site"]
    assert occupied.ok("test -L /etc/nginx/sites-enabled/old")
    assert occupied.run(COUNT) == "7", "the old site still gets at its database"
    assert occupied.ok("PGPASSWORD=wiki psql -X -h 127.0.0.1 -U wiki wiki -c 'SELECT 1'"), "and so does the wiki"


def test_a_site_is_taken_over_when_its_first_release_answers(
    visitor: Old, occupied: Host, project: Project, folder: Path
) -> None:
    shop = app(folder, adopt=True, redirect_domains=WWW, database_extensions=["pg_trgm"], health_status=[200, 204])
    project.write({"slipway_apps": [shop, app(folder, "later")], **SETTINGS})
    done = project.good("site.yml", "-e", "app=shop")
    assert "/etc/nginx/sites-enabled/old was set aside" in done.output, done.output
    assert visitor.seen == ["the old site", "the new site"]
    assert visitor.failures == [], f"of {visitor.asked}"
    assert occupied.ok("test -f /etc/nginx/sites-available/old")
    assert not occupied.ok("test -L /etc/nginx/sites-enabled/old")
    assert occupied.run(f"{AS_POSTGRES} shop -XAtc 'SELECT extname FROM pg_extension' | grep trgm") == "pg_trgm"
    assert not occupied.ok("getent passwd later || ls /etc/nginx/sites-enabled/later* /etc/nginx/slipway/sites/later*")


def test_the_old_data_is_copied_as_the_documentation_says(occupied: Host) -> None:
    """A superuser's database, which was put aside, and uploads."""
    occupied.run(f"{AS_POSTGRES} super-old -qc 'CREATE TABLE customers AS SELECT 1 AS number'")
    occupied.run("mkdir -p /var/www/shop/uploads && touch /var/www/shop/uploads/photo")
    commands = [
        line for line in ADOPT.read_text().splitlines() if re.match(r"runuser .*pg_|install -d|cp --|chown", line)
    ]
    assert len(commands) == 5
    occupied.run("set -e; cd /\n" + "\n".join(commands).replace("shop-old", "super-old"))
    assert (
        occupied.run(f"{AS_POSTGRES} shop -XAtc \"SELECT tableowner FROM pg_tables WHERE tablename = 'customers'\"")
        == "shop"
    )
    assert occupied.run("stat -c '%U %G' /srv/shop/shared/uploads/photo") == "shop shop"


def test_an_adopted_app_is_like_any_afterwards(occupied: Host, project: Project, folder: Path) -> None:
    project.write({"slipway_apps": [app(folder, redirect_domains=WWW)], **SETTINGS})
    again = project.good("site.yml")
    assert again.count("changed") == 0, again.output


def test_an_app_that_left_the_list_is_named_and_can_be_ended(occupied: Host, project: Project, folder: Path) -> None:
    project.write({"slipway_apps": [app(folder, "later")], **SETTINGS})
    status = project.play("playbooks/status.yml")
    refused = project.play("site.yml")
    assert refused.code != 0
    for told in (status.output, refused.output):
        assert "the app 'shop' is set up on the host but not in slipway_apps: its service runs" in " ".join(
            told.split()
        ), told
    assert occupied.ok("ls /etc/nginx/slipway/sites/shop*")
    occupied.run(advice(status.output, "systemctl stop"))
    assert occupied.run("systemctl list-units --plain --no-legend --state=active 'shop@*'") == ""
