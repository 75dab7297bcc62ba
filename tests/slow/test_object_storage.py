# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Uploads in object storage: the sample app with a real server of the S3 protocol, which checks signatures and speaks TLS.

The server is `rclone serve s3` on a second host, with an authority of its own. The tests run in the file's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import faults
import pytest
from helpers import Answer, Connection, Host, Project, Visitor, form
from s3_store import KEY, NAME, SECRET, served

pytestmark = pytest.mark.once("13")

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
BOUNDARY = "a-boundary-of-the-tests"


@dataclass
class Store:
    """The second host."""

    host: Host
    ca: str

    def objects(self) -> list[str]:
        return self.host.run("ls /srv/s3/papers").split()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with served("object-store", "papers") as (host, ca):
        yield Store(host, ca)


class Site(faults.App):
    """The sample app with its uploads in the bucket; `storage` is what its description says of that."""

    storage, ca = dict[str, Any](), ""

    def describe(self, **changes: Any) -> None:
        described = {key: value for key, value in faults.DESCRIPTION.items() if key != "shared_folders"}
        app = {
            **described, "environment": {"PROXY_HOPS": 1, "AWS_CA_BUNDLE": "{release_folder}/src/store.pem"},
            "files": {"store.pem": self.ca}, "extra_packages": ["boto3==1.44.8"],
            "overrides": ["python-dateutil<3"],  # boto3 takes no later one, and the sample app's lock has 4.0.0
            "object_storage": self.storage,
            "health_timeout_seconds": 60, "workers": 1, "source": {"path": str(self.folder)}, **changes,
        }  # fmt: skip
        self.project.write({"slipway_apps": [app], **self.server})


@pytest.fixture(scope="module")
def site(project: Project, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(tmp_path_factory.mktemp("app") / "harbour", project)
    made.storage = {"bucket": "papers", "endpoint": f"https://{NAME}", "access_key": KEY, "secret_key": SECRET}
    made.ca = store.ca + "\n"
    made.host.run(f"echo '{store.host.address} {NAME}' >>/etc/hosts")
    made.describe()
    project.good("site.yml")
    return made


def upload(visitor: Visitor, path: str, name: str, content: bytes) -> int:
    """File a document as a browser does, and return the answer's status."""
    token = form(visitor.get(path).text, "document")["csrf_token"]
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'.encode(),
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="document"; filename="{name}"\r\n\r\n'.encode(),
        content,
        f"\r\n--{BOUNDARY}--\r\n".encode(),
    ]
    connection = Connection(visitor.host.address, visitor.domain)
    try:
        connection.request(
            "POST", f"{path}/documents", b"".join(parts),
            {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Referer": f"https://{visitor.domain}/",
             "Cookie": "; ".join(f"{key}={value}" for key, value in visitor.cookies.items())},
        )  # fmt: skip
        return connection.getresponse().status
    finally:
        connection.close()


def document(visitor: Visitor, ship: str) -> Answer:
    """Fetch the first document on a ship's page."""
    match = re.search(r"/documents/\w+\.png", visitor.get(ship).text)
    assert match, "the page shows no document"
    return visitor.get(match[0])


def test_an_upload_is_in_the_bucket_and_on_the_page_but_not_on_the_host(site: Site, store: Store) -> None:
    site.host.psql("insert into ships (name, flag, created_at) values ('Fornax', 'NO', now())", "harbour")
    visitor = Visitor(site.host, faults.DOMAIN)
    assert upload(visitor, "/ships/1", "chart.png", PNG) == 303
    (name,) = store.objects()
    assert store.host.run(f"tail -c 6 /srv/s3/papers/{name}") == "pixels"
    answer = document(visitor, "/ships/1")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert site.host.run("find /srv/harbour -name '*.png' -path '*upload*'") == ""


def test_an_upload_outlives_its_release_without_a_shared_folder(site: Site) -> None:
    site.headline("after")
    site.deployed()
    assert document(Visitor(site.host, faults.DOMAIN), "/ships/1").status == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secret_key": "wrong" * 5}, "'secret_key' does not belong to 'access_key'"),
        ({"access_key": "AKIASOMEBODY"}, "it does not know 'access_key'"),
        ({"bucket": "letters"}, "there is no bucket of that name: create it, or correct 'bucket'"),
        ({"endpoint": f"https://{NAME}:444"}, "can't be reached from the host: [Errno 111] Connection refused"),
    ],
)
def test_a_bucket_that_lets_nobody_in_stops_a_deploy_before_anything_is_migrated_or_served(
    site: Site, changes: dict[str, str], said: str
) -> None:
    before, good = site.history(), site.storage
    site.storage = {**good, **changes}
    site.describe()
    try:
        refused = site.project.play("site.yml")
    finally:
        site.storage = good
        site.describe()
    told = " ".join(refused.output.split())
    assert refused.code != 0
    assert said in told and "object storage: bucket" in told, refused.output
    assert SECRET not in refused.output and "wrongwrong" not in refused.output
    last = site.history()[-1]
    assert (last["outcome"], last["stage"], last["id"] != before[-1]["id"]) == ("failed", "check", True)
    assert site.answers()
    site.project.good("site.yml")


def test_an_authority_that_nobody_knows_is_no_authority(site: Site) -> None:
    site.describe(environment={"PROXY_HOPS": 1})
    try:
        refused = site.project.play("site.yml")
    finally:
        site.describe()
    assert refused.code != 0
    assert "its certificate is not trusted" in " ".join(refused.output.split()), refused.output


def test_the_key_is_where_the_apps_secrets_are_and_nowhere_else(site: Site) -> None:
    shown = SECRET.replace("Store", "St[o]re")
    found = site.host.run(
        f"grep -rlas -e '{shown}' /srv /run /tmp /var/log || true; journalctl --no-pager | grep -c -e '{shown}' || true; "
        f"grep -las -- '{shown}' /proc/[0-9]*/cmdline || true; stat -c %a /etc/harbour/environment"
    )
    assert found.split() == ["0", "600"]
