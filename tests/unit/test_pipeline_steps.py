# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The steps of bin/ci that need no host: the comment, the scan, whose previews there are, and what promotion takes of staging."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ci_comment
import ci_preview
import ci_staging
import osv_server
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

ROOT = Path(__file__).resolve().parents[2]
TITLE = "What a deploy to production would do"
KINDS = ("github", "forgejo", "gitlab")
TOKEN = "t0ken-of-the-job"


class Forge(BaseHTTPRequestHandler):
    """The comments of one pull request, as the three have them."""

    comments: list[dict[str, Any]]
    me: dict[str, Any] | None
    """What /user answers; the tokens of actions are no user's (None)."""
    author: dict[str, Any]

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path.endswith("/user"):
            self.answer(200 if self.me else 403, self.me or {})
            return
        page = int(query.rpartition("page=")[2])
        self.answer(200, self.comments[(page - 1) * 2 : page * 2])

    def do_POST(self) -> None:
        self.write({"id": len(self.comments) + 1, "user": self.author, "author": self.author})

    def do_PATCH(self) -> None:
        self.write(self.comments[int(self.path.rpartition("/")[2]) - 1])

    do_PUT = do_PATCH

    def write(self, comment: dict[str, Any]) -> None:
        if TOKEN not in self.headers.get("Authorization", "") + self.headers.get("PRIVATE-TOKEN", ""):
            self.answer(401, {})
            return
        comment["body"] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        if comment not in self.comments:
            self.comments.append(comment)
        self.answer(200, comment)

    def answer(self, status: int, told: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: Any) -> None:
        pass


class Pipeline:
    def __init__(self, folder: Path, kind: str) -> None:
        class Own(Forge):
            comments: list[dict[str, Any]] = []
            me = {"id": 7} if kind == "gitlab" else None
            author = {
                "github": {"id": 1, "login": "github-actions[bot]", "type": "Bot"},
                "forgejo": {"id": -2, "login": "forgejo-actions"},
                "gitlab": {"id": 7, "username": "project_3_bot"},
            }[kind]

        self.forge, self.folder, self.plan = Own, folder, folder / "plan.txt"
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        address, event = f"http://127.0.0.1:{self.server.server_port}/api", folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 5}}))
        told = (
            {"GITLAB_CI": "true", "CI_API_V4_URL": address, "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "5"}
            if kind == "gitlab"
            else {"GITHUB_EVENT_PATH": str(event), "GITHUB_API_URL": address, "GITHUB_REPOSITORY": "ann/shop"}
        )
        self.environment = {"PATH": os.environ["PATH"], "SLIPWAY_PLAIN_HTTP": "true", "SLIPWAY_TOKEN": TOKEN, **told}

    def comment(self, text: str, title: str = TITLE, **changes: str) -> subprocess.CompletedProcess[str]:
        self.plan.write_text(text)
        return subprocess.run(
            [ROOT / "bin/ci", "comment", "plan.txt", title], cwd=self.folder, env={**self.environment, **changes},
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture(params=KINDS)
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(tmp_path, request.param)
    yield made
    made.server.shutdown()


def test_a_pull_request_has_one_comment_however_often_it_is_pushed_to(pipeline: Pipeline) -> None:
    others = [{"id": number, "body": "LGTM", "user": {"id": 9}, "author": {"id": 9}} for number in range(1, 6)]
    pipeline.forge.comments.extend(others)
    for text, done in (("ALTER TABLE a", "written"), ("ALTER TABLE b", "updated")):
        told = pipeline.comment(text)
        assert (told.returncode, told.stdout) == (0, f"slipway: the comment '{TITLE}' was {done}\n"), told.stderr
    (mine,) = pipeline.forge.comments[5:]
    assert f"### {TITLE}\n\n```text\nALTER TABLE b\n```" in mine["body"]


def test_plan_and_preview_are_parts_of_the_same_comment_and_each_push_changes_its_own(pipeline: Pipeline) -> None:
    for title, text in (
        (TITLE, "plan 1\n<!-- slipway: Preview -->\nas if it were a part"),
        ("Preview", "shop-x is the preview of x\n  URL  https://x-1.preview.example.net/\n"),
        (TITLE, "plan 2"),
        ("Preview", "shop-x on vps1 was removed"),
    ):
        assert pipeline.comment(text, title).returncode == 0
        (mine,) = pipeline.forge.comments
        body = mine["body"]
        if text.startswith("shop-x is"):
            assert "### Preview\n\n<https://x-1.preview.example.net/>\n\n```text\nshop-x is" in body
            assert body.count("\n### ") == 2 and "plan 1" in body
    assert body.index("plan 2") < body.index("was removed") and "plan 1" not in body and "URL" not in body


def test_nothing_said_changes_nothing(pipeline: Pipeline) -> None:
    told = pipeline.comment("\n", "Preview")
    assert (told.returncode, told.stdout) == (0, "slipway: nothing to say as 'Preview'\n")
    assert pipeline.forge.comments == []


@pytest.mark.parametrize(
    "line", ["  URL  https://a.example/)](https://evil.example/", "URL javascript:alert(1)", "URL https://@everyone/"]
)
def test_nothing_but_a_site_becomes_a_link(line: str) -> None:
    assert "<http" not in ci_comment.changed("", "Preview", line) and "\n<" not in ci_comment.changed(
        "", "Preview", line
    )


def test_a_comment_that_came_back_with_other_line_ends_keeps_its_parts() -> None:
    body = ci_comment.changed(ci_comment.changed("", TITLE, "plan"), "Preview", "one").replace("\n", "\r\n").rstrip()
    again = ci_comment.changed(body, "Preview", "two")
    assert (again.count("### "), "plan" in again, "two" in again, "one" in again) == (2, True, True, False)


def test_all_parts_together_are_no_longer_than_a_comment_may_be() -> None:
    long = "a" * 100_000
    assert len(ci_comment.changed(ci_comment.changed("", TITLE, long), "Preview", long)) < 65_000


def test_a_comment_of_somebody_else_with_the_same_mark_is_not_taken_for_it(pipeline: Pipeline) -> None:
    """Who wrote it could change the plan that others approve."""
    pipeline.comment("the plan")
    body = pipeline.forge.comments.pop()["body"]
    stranger = {"id": 9, "login": "mallory", "type": "User"}
    pipeline.forge.comments.append({"id": 1, "body": body, "user": stranger, "author": stranger})
    assert pipeline.comment("the plan").returncode == 0
    assert len(pipeline.forge.comments) == 2


@pytest.mark.parametrize("text", ["```\n# a heading", "````text", "<!-- @everyone -->"])
def test_nothing_in_a_plan_leaves_its_block(pipeline: Pipeline, text: str) -> None:
    """SQL and names are what somebody wrote into a migration."""
    assert pipeline.comment(text).returncode == 0
    body = pipeline.forge.comments[0]["body"]
    fence = body.rstrip().rpartition("\n")[2]
    assert set(fence) == {"`"} and fence not in text
    assert body.partition(f"{fence}text\n")[2] == f"{text}\n{fence}\n"


def test_a_long_plan_is_cut_at_its_beginning(pipeline: Pipeline) -> None:
    assert pipeline.comment("a" * 100_000 + "\nthe deploy would be refused").returncode == 0
    body = pipeline.forge.comments[0]["body"]
    assert len(body) < 65_000 and "the beginning is left out" in body and "would be refused" in body


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SLIPWAY_TOKEN": ""}, "SLIPWAY_TOKEN is empty"),
        ({"SLIPWAY_TOKEN": "two words"}, "SLIPWAY_TOKEN is no token"),
        ({"SLIPWAY_TOKEN": "another"}, "answered 401; SLIPWAY_TOKEN must be allowed to write comments"),
        ({"SLIPWAY_PLAIN_HTTP": ""}, "is not HTTPS, and would be sent the token"),
        ({"GITLAB_CI": "", "GITHUB_EVENT_PATH": ""}, "not a run of GitHub Actions, Forgejo Actions or GitLab CI"),
    ],
)
def test_what_keeps_the_comment_from_being_written_is_told(
    pipeline: Pipeline, changes: dict[str, str], said: str
) -> None:
    done = pipeline.comment("the plan", **changes)
    assert done.returncode == 1 and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and TOKEN not in done.stderr


# ---- promotion --------------------------------------------------------------------------------------------------------


def test_of_staging_nothing_is_taken_but_how_it_is_reached() -> None:
    inventory = {
        "_meta": {
            "hostvars": {
                "vps": {"ansible_host": "192.0.2.7", "ansible_user": "deploy", "slipway_apps": [{"name": "shop"}]},
                "staging.example.com": {"vault_secret": "hidden"},
            }
        },
        "web": {"children": ["europe"], "hosts": ["vps"]},
        "europe": {"hosts": ["staging.example.com"]},
    }
    assert ci_staging.staging(inventory) == {
        "staging": {
            "hosts": {
                "vps-staging": {"ansible_host": "192.0.2.7", "ansible_user": "deploy"},
                "staging.example.com-staging": {"ansible_host": "staging.example.com"},
            }
        }
    }


def test_staging_may_have_a_vault_that_production_can_t_open(tmp_path: Path) -> None:
    """With one password for both, whoever gets staging's has production."""
    environment = {
        **os.environ,
        "SLIPWAY_SSH_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----",
        "SLIPWAY_KNOWN_HOSTS": "vps ssh-ed25519 A",
    }
    for stage in ("staging", "production"):
        sealed = tmp_path / stage / "group_vars/all/vault.yml"
        sealed.parent.mkdir(parents=True)
        (tmp_path / stage / "hosts.yml").write_text(f"web: {{hosts: {{{stage}-vps: {{}}}}}}\n")
        lib = VaultLib([("default", VaultSecret(stage.encode()))])
        sealed.write_bytes(lib.encrypt(b"vault_key: hidden\n"))
    done = subprocess.run(
        [ROOT / "bin/ci", "promote", "production/hosts.yml", "staging/hosts.yml", "--list-hosts"], cwd=tmp_path,
        env={**environment, "SLIPWAY_VAULT_PASSWORD": "production"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "production-vps" in done.stdout and "hidden" not in done.stdout + done.stderr


# ---- previews -----------------------------------------------------------------------------------------------------------

PREVIEW = "{domain: '*.preview.example.net', access: []}"


class Branch:
    """A pull request's branch, and an inventory whose host nobody can reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def preview(
        self, branch: str, *words: str, preview: str = PREVIEW, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        (self.folder / "group_vars/all").mkdir(parents=True, exist_ok=True)
        (self.folder / "hosts.yml").write_text("web: {hosts: {vps: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n")
        app = (
            "{name: shop, domains: [a.example.com], wsgi: 'shop:app', source: {git: 'https://example.com/shop.git'}, "
            + "secret_key_variable: ''"
        )
        keys = f", preview: {preview}" if preview else ""
        (self.folder / "group_vars/all/main.yml").write_text(f"slipway_apps:\n  - {app}{keys}}}\n")
        environment = {
            **{name: value for name, value in os.environ.items() if name != "GITHUB_HEAD_REF"},
            "SLIPWAY_SSH_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----", "SLIPWAY_KNOWN_HOSTS": "vps ssh-ed25519 A",
            "GITHUB_HEAD_REF": branch, **changes,
        }  # fmt: skip
        return subprocess.run(
            [ROOT / "bin/ci", "preview", "hosts.yml", *words], cwd=self.folder, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip


@pytest.fixture
def branch(tmp_path: Path) -> Branch:
    return Branch(tmp_path)


@pytest.mark.parametrize("name", ["{{lookup('pipe','touch${IFS}OWNED')}}", "x;touch${IFS}OWNED", "$(touch${IFS}OWNED)"])
def test_the_name_of_a_branch_is_never_run(branch: Branch, name: str) -> None:
    owned = branch.folder / "owned"
    done = branch.preview(name.replace("OWNED", str(owned)))
    assert done.returncode != 0 and "UNREACHABLE" in done.stdout, done.stdout + done.stderr
    assert not owned.exists()


def test_what_is_no_branch_is_refused_in_one_sentence(branch: Branch) -> None:
    done = branch.preview("--upload-pack=x")
    assert done.returncode != 0 and "it must be the name of a branch" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("secrets", [{}, {"SLIPWAY_SSH_KEY": "", "SLIPWAY_KNOWN_HOSTS": ""}])
def test_an_inventory_without_previews_needs_no_secret_and_says_nothing_in_the_comment(
    branch: Branch, secrets: dict[str, str]
) -> None:
    done = branch.preview("x", preview="", **secrets)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no app of this inventory has 'preview': nothing to do" in done.stderr


@pytest.mark.parametrize(
    ("words", "changes", "said"),
    [
        ((), {"GITHUB_HEAD_REF": ""}, "SLIPWAY_BRANCH is empty"),
        ((), {"SLIPWAY_SSH_KEY": ""}, "SLIPWAY_SSH_KEY is empty"),
        (("--close",), {}, "bin/ci preview  INVENTORY [--remove]"),
    ],
)
def test_what_a_preview_lacks_is_told(
    branch: Branch, words: tuple[str, ...], changes: dict[str, str], said: str
) -> None:
    done = branch.preview("x", *words, **changes)
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_each_app_that_has_previews_gets_one_whatever_its_host() -> None:
    with_it, without = {"name": "shop", "preview": {"domain": "*.x.net"}}, {"name": "blog"}
    inventory = {
        "_meta": {"hostvars": {"a": {"slipway_apps": [with_it, without]}, "b": {"slipway_apps": [with_it]}, "c": {}}}
    }
    assert ci_preview.apps(inventory) == ["shop"]
    told = ci_preview.variables("shop", "x: y #{{ z }}", remove=True)
    assert told == 'app: !unsafe "shop"\nbranch: !unsafe "x: y #{{ z }}"\nremove: true\n'


# ---- the scan ---------------------------------------------------------------------------------------------------------


def install(folder: Path, **packages: str) -> None:
    for name, version in packages.items():
        place = folder / f"venv/lib/python3.11/site-packages/{name}-{version}.dist-info"
        place.mkdir(parents=True)
        (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def scan(folder: Path, address: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "bin/lib/ci_scan.py"), "venv", *words]
    environment = {"PATH": os.environ["PATH"], "SLIPWAY_AUDIT_URL": address}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


APP = "slipway_apps:\n  - name: shop\n    secrets: {SECRET_KEY: !vault abc}\n    audit: {AUDIT}\n"
ALLOWED = "{mode: report, allow: [{id: CVE-2023-30861, reason: no sessions, until: 2999-01-31}]}"


@pytest.mark.parametrize(
    ("packages", "audit", "status", "said"),
    [
        ({"flask": "2.2.2"}, "", 1, "CVE-2023-30861"),
        ({"flask": "2.2.2"}, "off", 1, "CVE-2023-30861"),
        ({"flask": "2.2.2"}, ALLOWED, 0, "allowed until 2999-01-31"),
        ({"flask": "2.2.2"}, "{severity: critical}", 0, "reported: "),
        ({"flask": "2.2.2"}, "{severity: hihg}", 2, "'severity' in 'audit' is 'hihg'"),
        ({"flask": "3.1.3"}, "", 0, "No known vulnerabilities that count in 1 packages."),
        ({}, "", 2, "is not a virtual environment with packages"),
    ],
)
def test_known_vulnerabilities_stop_the_pipeline_by_the_apps_own_rules(
    tmp_path: Path, packages: dict[str, str], audit: str, status: int, said: str
) -> None:
    install(tmp_path, **packages)
    words = []
    if audit:
        (tmp_path / "main.yml").write_text(APP.replace("{AUDIT}", audit))
        words = ["--audit", "main.yml"]
    with osv_server.serving() as (address, _):
        done = scan(tmp_path, address, *words)
    assert (done.returncode, said in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_scan_that_nobody_answers_fails(tmp_path: Path) -> None:
    install(tmp_path, flask="3.1.3")
    done = scan(tmp_path, "http://127.0.0.1:9")
    assert (done.returncode, "could not be reached" in done.stderr) == (2, True), done.stderr
