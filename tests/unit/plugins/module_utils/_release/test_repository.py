# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A repository mirrored on the host."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._release.record import ReleaseError
from ansible_collections.slipway.flask.plugins.module_utils._release.repository import Git
from ansible_collections.slipway.flask.plugins.module_utils._source import submodules


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "shop/pkg").mkdir(parents=True, exist_ok=True)
    (folder / "shop/app.py").write_text(text)
    (folder / "README.md").write_text("x")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "one")
    return folder


def test_a_branch_a_tag_and_a_commit_are_found_and_new_ones_fetched(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "--annotate", "--message=x", "v1")
    assert [mirror.commit(version) for version in ("HEAD", "main", "v1", first, first[:7])] == [first] * 5
    second = commit(repository, "two")
    assert mirror.commit("main") == second
    assert mirror.commit("v1") == first


def test_a_branch_that_was_pushed_over_is_followed_and_one_that_is_gone_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    git(repository, "branch", "old")
    mirror.commit("old")
    git(repository, "branch", "--delete", "--force", "old")
    git(repository, "commit", "--quiet", "--amend", "--message=other")
    assert mirror.commit("main") == git(repository, "rev-parse", "HEAD")
    with pytest.raises(ReleaseError, match=f"the repository {repository} has no branch, tag or commit 'old'"):
        mirror.commit("old")


def test_a_repository_that_moved_is_fetched_from_its_new_place(repository: Path, tmp_path: Path) -> None:
    Git(str(repository), tmp_path / "mirror.git").commit("main")
    moved = repository.rename(tmp_path / "moved")
    second = commit(moved, "two")
    assert Git(str(moved), tmp_path / "mirror.git").commit("main") == second


def test_the_files_of_a_commit_are_written_with_or_without_a_subfolder(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    first = mirror.commit("main")
    commit(repository, "two")
    mirror.commit("main")
    for subfolder, expected in (("", ["README.md", "shop"]), ("shop", ["app.py"])):
        folder = tmp_path / f"out-{subfolder}"
        folder.mkdir()
        mirror.export(first, subfolder, folder)
        assert sorted(path.name for path in folder.iterdir()) == expected
    assert (tmp_path / "out-shop/app.py").read_text() == "one"


def test_nothing_that_a_repository_names_is_run(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters and formats of .gitattributes, hooks, commands in .gitmodules: git only reads."""
    marker = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 $* >>{marker}\ncat\n")
    evil.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https:ssh:ext:file")
    (repository / ".gitattributes").write_text("* filter=evil diff=evil export-subst ident\n")
    (repository / ".gitmodules").write_text(
        f'[submodule "x"]\npath = x\nurl = ext::{evil}\nupdate = !{evil}\n[core]\nfsmonitor = {evil}\nsshCommand = {evil}\n'
    )
    (repository / "named").write_text("$Format:%GG %(trailers)$\n")
    commit(repository, "two")
    for key in ("filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "core.sshCommand", "diff.evil.textconv"):
        git(repository, "config", "--file", str(tmp_path / ".gitconfig"), key, str(evil))
    mirror = Git(str(repository), tmp_path / "mirror.git")
    mirror.commit("main")
    hooks = tmp_path / "mirror.git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-update", "post-checkout", "pre-auto-gc"):
        (hooks / name).symlink_to(evil)
    monkeypatch.delenv("HOME")
    (repository / "again").write_text("x")
    found = commit(repository, "three")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert mirror.commit("main") == found
    target = tmp_path / "files"
    target.mkdir()
    mirror.export(found, "", target)
    assert (target / "shop/app.py").read_text() == "three"
    assert not marker.exists(), marker.read_text()


def test_a_subfolder_that_the_commit_lacks_is_named(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    found = mirror.commit("main")
    with pytest.raises(ReleaseError, match=f"'subfolder' is 'web', but commit {found[:7]} has no such folder"):
        mirror.export(found, "web", tmp_path)


def test_a_first_clone_that_fails_is_tried_anew_the_next_time(repository: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror.git"
    with pytest.raises(
        ReleaseError, match=f"git could not read {tmp_path}/none:\n.*does not appear to be a git repository"
    ):
        Git(str(tmp_path / "none"), mirror).commit("main")
    assert not mirror.exists()
    (tmp_path / ".mirror.git.new").mkdir(exist_ok=True)  # of a run that was killed
    assert Git(str(repository), mirror).commit("main")


def test_a_host_without_git_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ReleaseError, match=r"git is not installed on the host; run site\.yml first"):
        Git("https://example.com/a.git", tmp_path / "mirror.git").commit("main")


def test_a_commit_that_the_mirror_has_needs_no_network(repository: Path, tmp_path: Path) -> None:
    first = Git(str(repository), tmp_path / "mirror.git").commit("main")
    repository.rename(tmp_path / "gone")
    assert Git(str(repository), tmp_path / "mirror.git").commit(first) == first


def test_only_what_is_new_travels(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    (repository / "big").write_bytes(os.urandom(2_000_000))
    commit(repository, "with a big file")
    mirror.commit("main")
    commit(repository, "one small change")
    monkeypatch.setenv("GIT_TRACE_PACKFILE", str(tmp_path / "travelled"))
    Git(str(repository), tmp_path / "mirror.git").commit("main")
    assert 0 < (tmp_path / "travelled").stat().st_size < 5000


def test_the_default_branch_is_the_servers_also_after_it_has_changed(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    first = mirror.commit("HEAD")
    git(repository, "switch", "--quiet", "--create", "trunk")
    second = commit(repository, "two")
    assert (mirror.commit("HEAD"), mirror.commit("main")) == (second, first)


def test_a_server_without_a_default_branch_is_no_obstacle(repository: Path, tmp_path: Path) -> None:
    git(repository, "symbolic-ref", "HEAD", "refs/heads/none")
    assert Git(str(repository), tmp_path / "mirror.git").commit("main")


def test_a_commit_on_no_branch_any_more_is_had_by_its_whole_name(repository: Path, tmp_path: Path) -> None:
    lost = commit(repository, "two")
    git(repository, "reset", "--quiet", "--hard", "HEAD~1")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    mirror = Git(str(repository), tmp_path / "mirror.git")
    assert mirror.commit(lost) == lost
    with pytest.raises(ReleaseError, match=f"has no branch, tag or commit '{'f' * 40}'"):
        mirror.commit("f" * 40)


def test_a_pull_request_is_fetched_only_by_its_name(repository: Path, tmp_path: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-ref", "refs/pull/7/head", head)
    git(repository, "update-ref", "refs/pull/8/head", head)
    mirror = Git(str(repository), tmp_path / "mirror.git")
    assert mirror.commit("refs/pull/7/head") == head
    assert "pull/8" not in git(tmp_path / "mirror.git", "for-each-ref")


def test_a_fetch_that_was_killed_stands_in_nobodys_way(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    mirror.commit("main")
    for lock in ("refs/heads/main.lock", "packed-refs.lock", "HEAD.lock", "shallow.lock"):
        (tmp_path / "mirror.git" / lock).write_text("")
    second = commit(repository, "two")
    assert mirror.commit("main") == second


def test_a_damaged_mirror_is_made_anew(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    mirror.commit("main")
    for file in [*tmp_path.glob("mirror.git/objects/??/*"), *tmp_path.glob("mirror.git/objects/pack/*.pack")]:
        file.chmod(0o600)
        file.write_bytes(b"")
    second = commit(repository, "two")
    assert mirror.commit("main") == second


def test_a_server_that_is_gone_does_not_cost_the_mirror(repository: Path, tmp_path: Path) -> None:
    mirror = Git(str(repository), tmp_path / "mirror.git")
    first = mirror.commit("main")
    repository.rename(tmp_path / "gone")
    with pytest.raises(ReleaseError, match="git could not read"):
        mirror.commit("main")
    assert mirror.commit(first) == first


# ---- submodules --------------------------------------------------------------------------------------------------


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Gives away files to whoever has ann's password."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") == f"Basic {base64.b64encode(b'ann:pw').decode()}":
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL, with credentials, under which bare repositories in tmp_path/www can be had."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(Guarded, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://ann:pw@127.0.0.1:{site.server_port}"
        site.shutdown()


def publish(tmp_path: Path, name: str, modules: dict[str, str], urls: dict[str, str] | None = None) -> str:
    """Make the repository NAME with MODULES (path -> name of another) and put it on the server; return its commit."""
    folder = tmp_path / name
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, name)
    for path, other in modules.items():
        local = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "--", str(tmp_path / other), path]
        git(folder, *local)
        git(
            folder,
            "config",
            "--file",
            ".gitmodules",
            f"submodule.{path}.url",
            (urls or {}).get(path, f"../{other}.git"),
        )
    git(folder, "commit", "--quiet", "--all", "--allow-empty", "--message=modules")
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), f"www/{name}.git")
    git(tmp_path / f"www/{name}.git", "update-server-info")
    return git(folder, "rev-parse", "HEAD")


def test_submodules_and_theirs_are_fetched_with_the_same_token(server: str, tmp_path: Path) -> None:
    publish(tmp_path, "inner", {})
    publish(tmp_path, "library", {"deep/inner": "inner"})
    publish(tmp_path, "app", {"shop/vendor": "library"})
    mirror = Git(f"{server}/app.git", tmp_path / "mirror.git")
    for subfolder, start in (("", "shop/"), ("shop", "")):
        folder = tmp_path / f"out{subfolder}"
        folder.mkdir()
        mirror.export(mirror.commit("main"), subfolder, folder)
        texts = [
            (folder / start / name).read_text()
            for name in ("app.py", "vendor/shop/app.py", "vendor/deep/inner/shop/app.py")
        ]
        assert texts == ["app", "library", "inner"]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "mirror.git").rglob("config"))
    assert b"pw" not in kept and b"ann" not in kept


def test_a_submodule_that_is_gone_is_named(server: str, tmp_path: Path) -> None:
    publish(tmp_path, "library", {})
    publish(tmp_path, "app", {"vendor": "library"}, {"vendor": f"{server.replace('ann:pw@', '')}/none.git"})
    mirror = Git(f"{server}/app.git", tmp_path / "mirror.git")
    with pytest.raises(ReleaseError, match=r"git could not read http://127\.0\.0\.1:\d+/none\.git") as raised:
        mirror.export(mirror.commit("main"), "", made(tmp_path / "out"))
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize("url", ["/srv/other/repository.git", "file:///srv/other/repository.git", "ext::sh -c true"])
def test_a_submodule_can_not_have_root_read_a_folder_of_the_host(server: str, tmp_path: Path, url: str) -> None:
    publish(tmp_path, "library", {})
    publish(tmp_path, "app", {"vendor": "library"}, {"vendor": url})
    mirror = Git(f"{server}/app.git", tmp_path / "mirror.git")
    with pytest.raises(ReleaseError, match="the submodule 'vendor' of commit .* which is neither HTTP nor SSH"):
        mirror.export(mirror.commit("main"), "", made(tmp_path / "out"))


def test_nor_can_the_submodule_of_a_repository_that_is_a_folder_of_the_host(server: str, tmp_path: Path) -> None:
    publish(tmp_path, "library", {})
    publish(tmp_path, "app", {"vendor": "library"})
    mirror = Git(str(tmp_path / "www/app.git"), tmp_path / "mirror.git")
    with pytest.raises(ReleaseError, match="neither HTTP nor SSH"):
        mirror.export(mirror.commit("main"), "", made(tmp_path / "out"))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("url", "parent", "expected"),
    [
        ("https://a.org/x.git", "git@b.org:y.git", "https://a.org/x.git"),
        ("git@a.org:x.git", "https://b.org/y.git", "git@a.org:x.git"),
        ("../x.git", "https://b.org/ann/y.git", "https://b.org/ann/x.git"),
        ("../../bob/x.git", "https://b.org:8443/ann/y.git", "https://b.org:8443/bob/x.git"),
        ("./x.git", "ssh://git@b.org/ann/y.git", "ssh://git@b.org/ann/y.git/x.git"),
        ("../x.git", "git@b.org:ann/y.git", "git@b.org:ann/x.git"),
        ("../x.git", "/srv/git/y.git", ""),
        ("/srv/git/x.git", "https://b.org/y.git", ""),
        ("x", "https://b.org/y.git", ""),
        ("FILE:///srv/x.git", "https://b.org/y.git", ""),
    ],
)
def test_a_submodules_url_is_seen_from_its_parents(url: str, parent: str, expected: str) -> None:
    assert submodules.absolute(url, parent) == expected


def test_a_token_is_for_the_server_that_it_was_given_for(repository: Path, tmp_path: Path) -> None:
    mirror = Git("https://ann:pw@a.org/app.git", made(tmp_path / "mirror.git"))
    addresses = [
        mirror._submodule(url).address for url in ("https://a.org/x.git", "https://b.org/x.git", "http://a.org/x.git")
    ]
    assert addresses == ["https://ann:pw@a.org/x.git", "https://b.org/x.git", "http://a.org/x.git"]


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git that writes all it is told to a file, the key that it would use among it, then fails as git does."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/git"
    script.write_text(
        f"""#!/bin/sh
for key in $GIT_SSH_COMMAND; do :; done
{{ echo "$*"; echo "$GIT_SSH_COMMAND"; env | grep GIT_CONFIG; [ -f "$key" ] && ls -l "$key" && cat "$key"; }} >>{tmp_path}/seen
[ "$1" = init ] && exec mkdir -p "$4"
echo "fatal: Authentication failed for 'https://ann:t0ken@example.com/a.git/'" >&2
exit 128
"""
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path / "seen"


def test_a_deploy_key_is_in_memory_for_the_one_call_and_nowhere_else(fake_git: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as raised:
        Git("git@example.com:a.git", tmp_path / "mirror.git", "-----KEY-----\nline\n\n").commit("main")
    seen = fake_git.read_text().splitlines()
    arguments, ssh = [row for row in seen if "git@example.com" in row], [row for row in seen if "IdentitiesOnly" in row]
    assert len(arguments) == 1
    assert seen[-2:] == ["-----KEY-----", "line"]
    assert "KEY" not in arguments[0] + str(raised.value)
    assert seen[-3].startswith("-rw------- ")
    used = Path(ssh[-1].split()[-1])
    assert used.parent.parent == Path("/dev/shm")
    assert not used.parent.exists()


def test_a_token_in_the_url_is_in_no_argument_and_not_shown_when_git_fails(fake_git: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as raised:
        Git("https://ann:t0%40ken@example.com/a.git", tmp_path / "mirror.git").commit("main")
    assert "git could not read https://example.com/a.git:\nfatal: Authentication failed" in str(raised.value)
    assert "t0ken" not in str(raised.value)
    seen = fake_git.read_text()
    assert "t0" not in seen
    header = f"Authorization: Basic {base64.b64encode(b'ann:t0@ken').decode()}"
    assert f"={header}\n" in seen
    assert "=http.https://example.com/.extraHeader\n" in seen
