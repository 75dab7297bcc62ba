# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What breaks is told to a real mail server and to webhooks, and its end as well; what is well is not told.

Two apps, and all that a person can break at once, on each release; of the rest, a half on one of them. The tests run in the file's
order.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from helpers import Host, Project, Repeated, Visitor, wait_for

pytestmark = pytest.mark.once("12")

SHOP, BLOG = "shop.example.org", "blog.example.org"
USER, PASSWORD = "alerts@example.org", "swift-copper-lantern"
TOLD_SECONDS = 400
"""An alert takes two minutes at most; a busy machine may be slower."""
BROKEN = {"SiteDown", "ResponsesSlow", "ProcessDown", "QueueStuck", "DiskFull", "CertificateEnds", "BackupFailed"}
APP = '''import os, sqlite3, time
from pathlib import Path

from flask import Flask, abort

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "well"


@app.get("/health")
def health() -> str:
    if Path("state/sick").exists():
        abort(500)
    return "well"


@app.get("/slow")
def slow() -> str:
    """A query that takes three seconds."""
    connection = sqlite3.connect(":memory:")
    connection.create_function("sleep", 1, time.sleep)
    connection.execute("select sleep(3)")
    return "late"


@app.get("/order")
def order() -> str:
    from redis import Redis
    from rq import Queue

    Queue("mail", connection=Redis.from_url(os.environ["REDIS_URL"])).enqueue("time.sleep", 0)
    return "queued"
'''


class Hooks(BaseHTTPRequestHandler):
    """Webhooks on this machine: what each path was sent."""

    got: list[tuple[str, dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class MailServer(Controller):
    """One at a port that nobody else has; it asks itself whether it is there."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@dataclass
class People:
    """Who is told: a mail server that wants a password over TLS, and webhooks."""

    address: str
    mails: list[Message] = field(default_factory=list)
    smtp: str = ""
    hooks: str = ""
    authority: str = ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content or b"", policy=default))  # type: ignore[arg-type]
        return "250 OK"

    def told(self, status: str) -> dict[str, dict[str, Any]]:
        """Return the alerts that a webhook was told of with a STATUS (firing, resolved), by their names."""
        alerts = [one for path, said in Hooks.got if path == "/hook" for one in said["alerts"]]
        return {one["labels"]["alertname"]: one for one in alerts if one["status"] == status}

    def mailed(self, end: bool) -> str:
        """Return the lines of all mails about what began, or about its END."""
        lines = [line for mail in self.mails for line in body(mail).splitlines()]
        return "\n".join(line for line in lines if line.startswith("over: ") is end)


def body(mail: Message) -> str:
    """Return the text of a mail, which stands alone in a multipart."""
    return str(mail.get_body(preferencelist=("plain",)).get_content())  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def people(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    found = People(host.run("ip route show default | cut -d' ' -f3"))
    folder = tmp_path_factory.mktemp("smtp")
    certificate(folder / "key", folder / "crt", "mail.example.org", x509.IPAddress(ip_address(found.address)), 30)
    found.authority = (folder / "crt").read_text()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "crt", folder / "key")

    def authenticate(_server: Any, _session: Any, _envelope: Any, _way: str, login: LoginPassword) -> AuthResult:
        return AuthResult(success=(login.login, login.password) == (USER.encode(), PASSWORD.encode()))

    # Its LOGIN asks in words of its own, which Alertmanager does not know; PLAIN is what mail servers offer first.
    mail = MailServer(
        found, hostname=found.address, port=0, tls_context=tls, require_starttls=True, authenticator=authenticate,
        auth_required=True, auth_exclude_mechanism=["LOGIN"],
    )  # fmt: skip
    mail.start()
    Hooks.got = []
    with ThreadingHTTPServer((found.address, 0), Hooks) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.smtp = f"{found.address}:{mail.port}"
        found.hooks = f"http://{found.address}:{server.server_port}"
        yield found
        server.shutdown()
    mail.stop()


def certificate(key: Path, made: Path, name: str, more: x509.GeneralName, days: int) -> None:
    """Make a certificate that signs itself; it has held for 80 days, and holds for so many more."""
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, own.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(80)).not_valid_after(now + timedelta(days))
    signed = builder.add_extension(x509.SubjectAlternativeName([more]), critical=False).sign(own, hashes.SHA256())
    made.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip


@dataclass
class Site:
    """The project, who is told, and what was broken."""

    project: Project
    people: People
    folder: Path

    @property
    def host(self) -> Host:
        return self.project.host

    @property
    def events(self) -> list[dict[str, str]]:
        """Who is told what somebody did."""
        return [{"url": f"{self.people.hooks}/event"}]

    def describe(self, **alerts: Any) -> None:
        app = {
            "source": {"path": str(self.folder)}, "wsgi": "site_app:app", "database": "none", "shared_folders": ["state"],
            "health_path": "/health", "secrets": {"SECRET_KEY": "b7c1e8f0a9d2443b8e5f6a7c0d1e2f3a"}, "workers": 1, "threads": 8,
            "notifications": self.events,
        }  # fmt: skip
        shop = {"name": "shop", "domains": [SHOP], "redis": "local",
                "processes": {"worker": {"command": "rq worker --url $REDIS_URL mail"}}}  # fmt: skip
        told = {
            "mail": {"to": ["ann@example.org"], "smtp": self.people.smtp, "user": USER, "password": PASSWORD,
                     "ca": self.people.authority},
            **{way: f"{self.people.hooks}/{way}" for way in ("slack", "discord", "heartbeat")},
            "webhooks": [f"{self.people.hooks}/hook"],
            "thresholds": {"queue_seconds": 15},
            **alerts,
        }  # fmt: skip
        self.project.write({
            "slipway_apps": [{**app, **shop}, {**app, "name": "blog", "domains": [BLOG]}],
            "slipway_backups": {"to": [{"path": "/mnt/backup"}], "passphrase": "velvet-anchor-93-otter-lamp", "drill": "",
                                "notifications": self.events},
            "slipway_metrics": "local",
            "slipway_alerts": told,
        })  # fmt: skip

    def asked(self, name: str, port: int, path: str) -> str:
        """Return what the server NAME of the host answers on PORT at PATH."""
        return self.host.ask(f"""python3 - {name} {port} '{path}' <<'END' 2>&1 | cut -c1-6000
import sys, base64, urllib.request as request
name, port, path = sys.argv[1:]
word = base64.b64encode(b"slipway:" + open(f"/etc/slipway/metrics/{{name}}.password", "rb").read().strip()).decode()
asked = request.Request(f"http://127.0.0.1:{{port}}{{path}}", headers={{"Authorization": f"Basic {{word}}"}})
print(request.urlopen(asked).read().decode())
END""").stdout

    def has_seen(self, series: str) -> bool:
        """Tell whether the store has two samples of SERIES, so that it sees from now on that it grows."""
        query = urllib.parse.quote(f"max(count_over_time({series}[10m])) >= 2")
        answer = self.asked("prometheus", 9090, f"/api/v1/query?query={query}")
        return answer.startswith("{") and bool(json.loads(answer)["data"]["result"])

    def report(self) -> str:
        """Return what the host looked like, for a test that waited in vain."""
        servers = (("prometheus", 9090, "/api/v1/alerts"), ("alertmanager", 9093, "/api/v2/alerts"))
        looks = "\n".join(self.asked(*server) for server in servers)
        files = r"^slipway_(site|process_(up|wanted)|queue|backup|cert|collector_up)"
        rest = self.host.ask(
            "journalctl --no-pager --quiet -o short -u prometheus-alertmanager -u prometheus -u slipway-metrics -n 40; "
            f"grep -h . /run/slipway-metrics/*.prom | grep -E '{files}'"
        ).stdout
        return f"told: {sorted(self.people.told('firing'))}\nmails: {len(self.people.mails)}\n{looks}\n{rest}"

    def wait(self, what: Callable[[], Any]) -> float:
        try:
            return wait_for(what, TOLD_SECONDS, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None


class Slow(Repeated):
    """Visitors of the shop, some of whom wait for three seconds."""

    PAUSE_SECONDS = 0.3

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.visitor, self.turns = Visitor(site.host, SHOP), 0

    def turn(self) -> None:
        self.turns += 1
        self.visitor.get("/slow" if self.turns % 4 == 0 else "/")


@pytest.fixture(scope="module")
def site(project: Project, people: People, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("app") / "site"
    folder.mkdir()
    (folder / "requirements.txt").write_text("flask==3.1.3\nrq==3.0.0\nredis==7.1.0\n")
    (folder / "site_app.py").write_text(APP)
    found = Site(project, people, folder)
    # A disk of 20 MB: the metrics leave a tmpfs out, and see an overlay that stands on one.
    found.host.run(
        "mkdir -p /mnt/backup /srv/full /run/full && mount -t tmpfs -o size=20m none /run/full && cd /run/full && "
        "mkdir lower upper work && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none /srv/full"
    )
    # One way that takes nothing holds up no other one.
    found.describe(webhooks=[f"{people.hooks}/hook", f"http://{people.address}:9/t0ken"])
    found.project.good("site.yml")
    return found


def test_a_site_is_set_up_and_deployed_again_and_nobody_is_told_of_anything(site: Site) -> None:
    site.host.run("systemctl start slipway-backup")
    site.wait(lambda: any(path == "/heartbeat" for path, _ in Hooks.got))
    site.project.good("playbooks/deploy.yml")
    assert (site.people.told("firing"), [body(mail) for mail in site.people.mails]) == ({}, []), site.report()
    assert {said["what"] for path, said in Hooks.got if path == "/event"} == {"deploy"}


def test_what_breaks_is_told_within_two_minutes_and_its_end_as_well(site: Site) -> None:
    host, people = site.host, site.people
    host.run("systemctl start slipway-backup")
    site.wait(lambda: site.has_seen('slipway_process_restarts_total{app="blog"}'))
    assert people.told("firing") == {}, site.report()
    people.mails.clear()
    Hooks.got.clear()
    worker, web = (
        host.run(f"systemctl list-units --plain --no-legend '{unit}' | cut -d' ' -f1")
        for unit in ("shop.worker@*", "blog@*")
    )
    store = "/etc/nginx/tls/shop"
    made = site.folder.parent
    certificate(made / "key", made / "crt", SHOP, x509.DNSName(SHOP), 3)
    with Slow(site):
        began = time.monotonic()
        # Of a unit that is not stopped afterwards, so that its count is there when it is looked at.
        for _ in range(3):
            before = host.run(f"systemctl show -P MainPID {web}")
            host.run(f"systemctl kill -s KILL --kill-who=main {web}")
            wait_for(lambda was=before: host.run(f"systemctl show -P MainPID {web}") not in (was, "0"), 60)
        host.run(f"systemctl stop {worker}")
        assert Visitor(host, SHOP).get("/order").text == "queued"
        host.run(
            "touch /srv/blog/shared/state/sick; dd if=/dev/zero of=/srv/full/file bs=1M 2>/dev/null; df /srv/full >&2"
        )
        host.run(f"cp -a {store} /root/store; cat >{store}/certificate.pem <<'END'\n{(made / 'crt').read_text()}END")
        host.run("mv /mnt/backup /mnt/gone; systemctl start slipway-backup || true")
        taken = {}
        for name in sorted(BROKEN | {"ProcessRestarts"}):
            site.wait(lambda wanted=name: wanted in people.told("firing"))
            taken[name] = time.monotonic() - began
        now = site.project.play("playbooks/alerts.yml")
    assert now.code != 0 and "the disk at /srv/full is 100 % full, since" in now.output, now.output
    for what in people.told("firing").values():
        site.wait(lambda told=what: told["annotations"]["what"][:20] in people.mailed(end=False))
    host.run(f"systemctl start {worker}; rm /srv/blog/shared/state/sick /srv/full/file; cp -a /root/store/. {store}/; "
             "mv /mnt/gone /mnt/backup; systemctl start slipway-backup")  # fmt: skip
    for name in sorted(BROKEN):
        site.wait(lambda wanted=name: wanted in people.told("resolved"))
    for what in people.told("resolved").values():
        site.wait(lambda told=what: told["annotations"]["what"][:20] in people.mailed(end=True))
    told = set(people.told("firing"))
    assert told - BROKEN <= {"ProcessRestarts", "HostProblem"}, site.report()
    print({name: round(seconds) for name, seconds in taken.items()})
    print(messages(people))
    host.run("systemctl start slipway-backup-check || true")
    assert not [said for path, said in Hooks.got if path == "/event"], "what alerts tell is told twice"
    for path in ("/slack", "/discord"):
        assert any(where == path for where, _ in Hooks.got)


def test_a_test_message_goes_by_every_way_and_each_that_refuses_it_is_named(site: Site) -> None:
    done = site.project.play("playbooks/alerts.yml", "-e", "test=true")
    assert done.code != 0
    assert re.search(r"REFUSED +webhook 2: dial tcp", done.output), done.output
    assert "t0ken" not in done.output + site.host.run("journalctl --no-pager --quiet")
    for way in ("mail to ann@example.org", "slack", "discord", "webhook 1", "heartbeat"):
        assert re.search(rf"accepted +{way}\n", done.output), done.output
    what = site.people.told("firing")["Test"]["annotations"]["what"]
    assert re.fullmatch(r"a test by \S+: nothing is wrong, and messages arrive", what)
    tests = [mail["Subject"] for mail in site.people.mails if "a test by" in mail["Subject"]]
    assert tests == [f"{site.host.name}: {what}"]


def messages(people: People) -> str:
    """Return the mails as they were received, for the documentation."""
    return "\n".join(f"Subject: {mail['Subject']}\n\n{body(mail)}" for mail in people.mails)


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        ({"slack": "hooks.slack.com/x"}, "slipway_alerts: 'slack' is not a valid URL"),
        ({"mail": {"to": ["ann@example.org"]}}, "slipway_alerts, 'mail': 'smtp' is missing"),
    ],
    ids=["an address that is none", "mail without a server"],
)
def test_what_cannot_work_is_refused_before_anything_changes(site: Site, alerts: Mapping[str, Any], said: str) -> None:
    before = site.host.run("sha256sum /etc/prometheus/slipway/alertmanager.yml")
    site.describe(**alerts)
    refused = site.project.play("playbooks/provision.yml", "--tags", "alerts")
    assert refused.code != 0 and said in refused.output, refused.output
    assert (refused.count("changed"), site.host.run("sha256sum /etc/prometheus/slipway/alertmanager.yml")) == (
        0,
        before,
    )


def test_without_alerts_nothing_of_them_is_left_but_what_was_told(site: Site) -> None:
    site.describe()
    variables = yaml.safe_load((site.project.folder / "group_vars/all.yml").read_text())
    site.project.write({**variables, "slipway_alerts": {}})
    site.project.good("playbooks/provision.yml", "--tags", "metrics,alerts")
    assert not site.host.ok("systemctl is-active prometheus-alertmanager")
    assert not site.host.ok("ls /etc/prometheus/slipway/alertmanager.yml /etc/prometheus/slipway/rules/slipway.yml")
    assert site.project.good("playbooks/provision.yml", "--tags", "metrics,alerts").count("changed") == 0
