# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A release of other hosts as the source of a deploy, and what makes it none."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._action import promotion
from ansible_collections.slipway.flask.plugins.plugin_utils._source.description import SourceError

COMMIT = "a" * 40
GIT = "https://git.example.com/shop.git"
MADE = {"kind": "git", "subfolder": "", "whole": False, "database": "auto"}
ORIGIN: dict[str, Any] = {
    "of": "staging", "app": "shop", "host": "s1", "release": "0007-aaaaaaa", "revision": COMMIT, "source": GIT,
    "source_key": COMMIT, "made_of": MADE, "lock": "flask==3.1.3\n", "python": "3.13.5", "ended": "", "archive": "",
}  # fmt: skip
TASK: dict[str, Any] = {"app": "shop", "git": GIT, "version": "main", "packages": {"database": "postgresql+psycopg"}}


def test_a_repository_is_asked_for_the_very_commit_and_the_packages_go_along() -> None:
    asked = promotion.prepare({**TASK, "git": GIT.replace("//", "//ann:token@")}, [ORIGIN, {**ORIGIN, "host": "s2"}])
    assert asked.file is None
    assert (asked.arguments["git"], asked.arguments["version"]) == (GIT, COMMIT)
    assert asked.arguments["secret_url"] == "https://ann:token@git.example.com/shop.git"
    assert asked.arguments["promotion"] == {
        "of": "staging", "app": "shop", "hosts": ["s1", "s2"], "release": "0007-aaaaaaa", "python": "3.13.5",
        "lock": "flask==3.1.3\n",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "task", "source", "told"),
    [
        ("path", {"path": "../shop", "everything": True}, "folder", {}),
        ("archive", {"archive": "../dist/shop-1.tar.gz"}, "shop-2.tar.gz", {"archive": "shop-2.tar.gz", "sha256": ""}),
        (
            "archive",
            {"archive": "https://dist.example.com/shop-1.zip", "sha256": "b" * 64},
            "https://dist.example.com/shop-2.zip",
            {"archive": "shop-2.zip", "sha256": ""},
        ),
    ],
)
def test_code_that_was_sent_to_the_origin_is_sent_on(
    tmp_path: Path, kind: str, task: dict[str, Any], source: str, told: dict[str, Any]
) -> None:
    (tmp_path / "source").write_bytes(b"code")
    made = {**MADE, "kind": kind, "database": ""}
    one = {**ORIGIN, "made_of": made, "source": source, "source_key": "c" * 64, "archive": str(tmp_path / "source")}
    asked = promotion.prepare({"app": "shop", **task}, [one])
    assert asked.file and asked.file().read_bytes() == b"code"
    wanted = {"source_key": "c" * 64, "revision": COMMIT, "dirty": False, "whole": False, **told}
    assert {key: asked.arguments[key] for key in wanted} == wanted
    assert {"path", "everything"}.isdisjoint(asked.arguments)


def test_a_package_is_installed_in_the_version_of_the_origin() -> None:
    made = {**MADE, "kind": "package", "database": ""}
    one = {**ORIGIN, "made_of": made, "source": "wiki==1.3", "source_key": "wiki==1.3"}
    assert promotion.prepare({"app": "wiki", "package": "wiki==1.2"}, [one]).arguments["package"] == "wiki==1.3"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"release": "0008-bbbbbbb", "revision": "b" * 40}, "don't serve the same revision: s1 serves 0007-aaaaaaa"),
        ({"lock": "flask==3.1.2\n"}, "don't serve the same packages"),
        ({"python": "3.11.2"}, "don't serve the same Python"),
    ],
)
def test_hosts_that_differ_are_no_origin(change: dict[str, Any], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        promotion.prepare(TASK, [ORIGIN, {**ORIGIN, "host": "s2", **change}])


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (
            {"git": "https://git.example.com/other.git"},
            "made of https://git.example.com/shop.git, and `source` here is",
        ),
        ({"git": "", "path": "../shop"}, "of the kind 'git', and `source` here is 'path'"),
        ({"subfolder": "web"}, "its `subfolder` is '', and here it is 'web'"),
        ({"packages": {"database": "mysql"}}, "its database is PostgreSQL, and here it is MariaDB or MySQL"),
        ({"packages": {"database": ""}}, "its database is PostgreSQL, and here it is none"),
        ({"python": "3.12"}, "it runs with Python 3.13.5, and `python` here is '3.12'"),
        ({"python": "3.1"}, "it runs with Python 3.13.5, and `python` here is '3.1'"),
        ({"python": "3.13"}, ""),
        ({"python": "python3"}, ""),
    ],
)
def test_another_app_is_not_given_the_release(task: dict[str, Any], told: str) -> None:
    if not told:
        assert promotion.prepare({**TASK, **task}, [ORIGIN]).arguments["version"] == COMMIT
        return
    with pytest.raises(SourceError) as refused:
        promotion.prepare({**TASK, **task}, [ORIGIN])
    assert str(refused.value).startswith("staging can't be promoted: ")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "evil",
    [
        {"revision": "main; rm -rf /"},
        {"source_key": "../../../etc/cron.d/x"},
        {"release": "0007-$(id)"},
        {"python": "3.13.5\n"},
        {"made_of": {**MADE, "kind": "package"}, "source_key": "--index-url=https://evil.example"},
        {"made_of": "git"},
        {"made_of": {**MADE, "subfolder": None}},
        {"made_of": {"kind": "git"}},
        {"lock": ["flask==3.1.3"]},
        {"source": 7},
        {"revision": None},
    ],
)
def test_what_a_host_says_of_its_release_is_not_believed(evil: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="what s1 says of its release is no release"):
        promotion.prepare(TASK, [{**ORIGIN, **evil}])
    assert promotion.wrong({**ORIGIN, **evil}, "") == "what it says of its release is no release"


@pytest.mark.parametrize("evil", [None, [], "x", {}, {"made_of": {}}])
def test_what_is_no_origin_at_all_is_told_without_a_stack_trace(evil: Any) -> None:
    assert promotion.wrong(evil, "") == "what it says of its release is no release"


def test_a_revision_that_is_none_is_refused() -> None:
    assert promotion.wrong(ORIGIN, COMMIT[:7]) == promotion.wrong(ORIGIN, "") == ""
    for text in ("main", "aaa", f"{COMMIT}\n", "A" * 40):
        assert "it must be a commit, such as 4f2c1a9" in promotion.wrong(ORIGIN, text)


FOLDER = {"app": "shop", "path": "../shop"}


@pytest.mark.parametrize(
    ("task", "only", "here", "good"),
    [
        (TASK, "", "", True),
        (TASK, COMMIT, "", True),
        (TASK, COMMIT[:7], "", True),
        (TASK, "b" * 40, "", False),
        (FOLDER, COMMIT, "d" * 64, True),
        (FOLDER, "b" * 40, "d" * 64, False),
        (FOLDER, "b" * 40, "c" * 64, True),  # a commit that changed nothing of the app, and made no release
    ],
)
def test_what_was_approved_is_promoted_and_nothing_that_came_since(
    tmp_path: Path, task: dict[str, Any], only: str, here: str, good: bool
) -> None:
    (tmp_path / "source").write_bytes(b"code")
    origin = {**ORIGIN, "only": only}
    if "path" in task:
        made = {**MADE, "kind": "path", "database": ""}
        origin |= {"made_of": made, "source": "folder", "source_key": "c" * 64, "archive": str(tmp_path / "source")}
    try:
        promotion.prepare(task, [origin], lambda: here)
    except SourceError as error:
        assert not good
        assert (
            "release 0007-aaaaaaa is live there, and only_revision is bbbbbbb: another one was deployed since"
            in str(error)
        )
    else:
        assert good


def test_code_is_proven_by_its_name(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(b"code")
    packed.write_bytes(gzip.compress(b"code"))
    key = hashlib.sha256(b"code").hexdigest()
    assert promotion.proven(plain, "archive", key)
    assert promotion.proven(packed, "path", key)
    assert not promotion.proven(packed, "archive", key)
    assert not promotion.proven(plain, "path", key)
    packed.write_bytes(gzip.compress(b"code")[:10] + b"\xff" * 40)
    assert not promotion.proven(packed, "path", key)
    packed.write_bytes(gzip.compress(b"evil"))
    assert not promotion.proven(packed, "path", key)
