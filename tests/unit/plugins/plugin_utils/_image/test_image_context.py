# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What an image is built from: nothing secret, the packages of the lock, and nothing that a host could lead elsewhere."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._image import places
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description
from ansible_collections.slipway.flask.plugins.plugin_utils._image import (
    bill,
    code,
    context,
    described,
    server,
    settings,
)

COMMIT = "4f2c1a9" * 5 + "abcde"
LOCK = "# engine==1.0 from git+https://example.org/engine@abc\nflask==3.1 --hash=sha256:aa\nold==1\n"
APP: dict[str, Any] = {
    "name": "shop", "domains": ["shop.example.org"], "source": {"path": "shop"}, "wsgi": "wsgi:app", "database": "url",
    "database_url": "postgresql://shop:pass-word@db/shop", "secrets": {"SECRET_KEY": "key-of-sessions"},
    "environment": {"UPLOADS": "{release_folder}/src/uploads"}, "files": {"instance/settings.cfg": "TOKEN = 'of-a-file'"},
    "shared_folders": ["uploads"], "processes": {"worker": {"command": "rq worker --name $PROCESS_NAME"}},
    "system_packages": ["libmagic1"],
}  # fmt: skip


def release(**changes: Any) -> context.Release:
    values = {
        "revision": COMMIT, "source": "https://git.example.org/shop.git", "lock": LOCK, "python": "3.13.5",
        "committed": 1_700_000_000, "sbom": "{}\n",
    }  # fmt: skip
    return context.Release(**values | changes)


def packed(tmp_path: Path, *members: tuple[str, str]) -> Path:
    """Return a tar with files (name, text) and links (name, `-> target`)."""
    place = tmp_path / "release.tar"
    with tarfile.open(place, "w") as tar:
        for name, text in members:
            entry = tarfile.TarInfo(name)
            if text.startswith("-> "):
                entry.type, entry.linkname = tarfile.SYMTYPE, text[3:]
                tar.addfile(entry)
            elif text == "/":
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
    return place


CODE = (("src", "/"), ("src/wsgi.py", "app = 1\n"), ("src/uploads", "-> /app/shared/uploads"), ("packages", "/"))


def written(tmp_path: Path, **changes: Any) -> Path:
    folder = tmp_path / "image"
    app, asked = description.normalise({**APP, **changes}), settings.complete({})
    context.write(folder, app, asked, release(), packed(tmp_path, *CODE), {})
    return folder


def test_nothing_secret_is_in_it(tmp_path: Path) -> None:
    folder = written(tmp_path)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            for secret in (b"pass-word", b"key-of-sessions", b"of-a-file"):
                assert secret not in path.read_bytes(), path


def test_packages_of_an_index_are_held_to_their_hashes(tmp_path: Path) -> None:
    folder = written(tmp_path)
    assert (folder / "requirements.lock").read_text() == "flask==3.1 --hash=sha256:aa\n"
    assert (folder / "requirements-unhashed.lock").read_text() == "old==1\n"
    text = (folder / "Containerfile").read_text()
    assert "--require-hashes --requirement requirements.lock" in text
    assert "COPY --chown=10001:10001 packages /app/venv" in text
    assert "libmagic1" in text
    assert "FROM ${BASE}" in text and "ARG BASE=python:3.13-slim" in text


def test_a_release_with_the_same_packages_repeats_nothing_of_theirs(tmp_path: Path) -> None:
    """What each release changes, its code and what the image says of it, comes after all that is done to packages."""
    build = (written(tmp_path) / "Containerfile").read_text().split("FROM ${BASE}\n")[0]
    own = min(build.index("COPY slipway"), build.index("COPY src"))
    theirs = [
        match.start() for match in re.finditer(r"-m (pip|venv)|COPY .*packages|compileall .* /app/venv/lib", build)
    ]
    assert len(theirs) >= 4 and max(theirs) < own


def test_no_code_of_a_package_runs_as_root_and_none_of_it_can_be_changed_in_the_image(tmp_path: Path) -> None:
    """A package that is built of its source may leave anything in the environment, for root to run or to write through."""
    build, final = (written(tmp_path) / "Containerfile").read_text().split("FROM ${BASE}\n")
    user, as_root = "0:0", list[str]()
    for line in build.replace("\\\n", " ").splitlines():
        user = line.removeprefix("USER ") if line.startswith("USER ") else user
        if line.startswith(("RUN ", "COPY ")) and user == "0:0":
            as_root.append(line)
    packages = [line for line in as_root if "/app/venv" in line or "pip" in line]
    assert [line for line in packages if "--only-binary :all:" not in line and " chown " not in line] == []
    assert len(packages) == 2
    assert "COPY --from=build --chown=0:0 /app/venv /app/venv\n" in final


def test_the_same_release_gives_the_same_files(tmp_path: Path) -> None:
    one, two = written(tmp_path), {}
    first = {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
    (one / "src/gone.py").write_text("")
    again = written(tmp_path)
    two = {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    assert first == two


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "image").mkdir()
    (tmp_path / "image/thesis.txt").write_text("mine")
    with pytest.raises(context.ContextError, match="has other files in it"):
        written(tmp_path)
    assert (tmp_path / "image/thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "members",
    [
        (("src", "/"), ("src/../../evil", "x")),
        (("src", "/"), ("src/way", "-> ../.."), ("src/way/evil", "x")),
        (("Containerfile", "FROM evil"),),
        (("/src/evil", "x"),),
    ],
)
def test_a_host_that_means_harm_writes_nowhere_else(tmp_path: Path, members: tuple[tuple[str, str], ...]) -> None:
    app = description.normalise(APP)
    with pytest.raises(context.ContextError, match="strange name"):
        context.write(tmp_path / "room/image", app, settings.complete({}), release(), packed(tmp_path, *members), {})
    assert not (tmp_path / "evil").exists() and not (tmp_path / "room/evil").exists()


def test_the_linter_comes_along_only_where_it_has_something_to_judge(tmp_path: Path) -> None:
    assert (written(tmp_path) / "squawk.lock").exists()
    assert not (written(tmp_path, migrations="off") / "squawk.lock").exists()
    assert not (written(tmp_path, database="none", database_url="") / "squawk.lock").exists()


def test_what_the_image_says_of_its_app() -> None:
    app = description.normalise(APP)
    found = json.loads(described.document(app, "4f2c1a94f2c1", COMMIT, {"sqlalchemy": "2.0.1", "psycopg": "3.2"}))
    assert found["processes"]["worker"]["argv"][:2] == ["python", "-c"]  # it refers to a variable
    assert found["database"] == {"variable": "DATABASE_URL", "scheme": "postgresql+psycopg"}
    assert found["health"] == {"path": ["/"], "status": [200], "host": "shop.example.org"}
    assert [one["command"] for one in found["release_commands"]] == ["flask db upgrade"]
    assert described.environment(app) == {"UPLOADS": "/app/src/uploads"}
    assert described.secrets(app)["SECRET_KEY"] == "key-of-sessions"
    assert described.files(app) == {"/app/files/instance/settings.cfg": "TOKEN = 'of-a-file'"}
    assert described.volumes(app) == {"uploads": "/app/shared/uploads"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "Shop"}, "'name' is 'Shop'; it must be a name in small letters"),
        ({"push": True}, "'push' needs a registry in 'name', which is 'shop'"),
        ({"base": "python 3\nRUN evil"}, "'base' is"),
        ({"leave_out": ["../etc"]}, "'leave_out' has '../etc'"),
        ({"user": "me"}, "'user' and 'password' belong together"),
        ({"engine": "kaniko"}, "must be one of"),
        ({"bass": "x"}, "unknown key 'bass' (did you mean 'base'?)"),
    ],
)
def test_bad_settings_get_a_sentence(changes: dict[str, Any], told: str) -> None:
    assert told in "\n".join(settings.problems(changes, "shop"))


def test_good_settings_get_none() -> None:
    good = {
        "name": "registry.example.org:5000/team/{app}",
        "push": True,
        "base": "localhost/python:{python}",
        "user": "u",
        "password": "p",
    }
    assert settings.problems(good, "shop") == []
    assert settings.problems({}, "shop") == []


@pytest.mark.parametrize(
    ("revision", "tag"),
    [(COMMIT, "4f2c1a94f2c1"), ("1.2+local", "1.2-local"), ("", "unknown"), ("feature/x", "feature-x")],
)
def test_the_tag_of_a_revision(revision: str, tag: str) -> None:
    assert settings.tag_of(revision) == tag
    assert settings.TAG.fullmatch(tag)


def test_the_bill_of_materials_is_the_same_for_each_release_of_a_revision() -> None:
    def of(release: str, time: str) -> str:
        about = {"timestamp": time, "properties": [{"name": "slipway:release", "value": release}]}
        text = json.dumps({"serialNumber": f"urn:{time}", "metadata": about, "components": [{"name": "flask"}]})
        return bill.document(text, "4f2c1a94f2c1", "2026-11-27T08:00:00Z", "python:3.13-slim")

    assert of("0007-4f2c1a9", "2026-11-27T09:00:00Z") == of("0001-4f2c1a9", "2026-11-28T09:00:00Z")
    found = json.loads(of("0007-4f2c1a9", "x"))
    assert [one["name"] for one in found["components"]] == ["flask", "python:3.13-slim"]
    assert found["metadata"]["timestamp"] == "2026-11-27T08:00:00Z"


def test_an_old_python_is_refused() -> None:
    assert context.problems(release(python="3.10.4")) == [
        "the release runs with Python 3.10.4; the commands of an image need 3.11: set `python`"
    ]
    assert context.problems(release()) == []


def test_our_own_code_in_it_needs_nothing_else() -> None:
    for name, content in code.files().items():
        assert (
            re.findall(rb"^\s*(?:from|import) ansible(?:_collections\S*plugin_utils|\.| ).*", content, re.MULTILINE)
            == []
        ), name
    assert {f"bin/{name}" for name in (places.RUN, places.MIGRATE, places.HEALTH)} <= set(code.files())


def test_gunicorn_listens_to_other_containers() -> None:
    text = server.gunicorn(description.normalise({**APP, "workers": 3, "timeout_seconds": 77}), {})
    compile(text, "gunicorn.conf.py", "exec")
    assert 'bind = "0.0.0.0:" + (os.environ.get("PORT") or "8000")' in text
    assert "timeout = 77" in text
    more = server.gunicorn(description.normalise(APP), {"gunicorn_systemd_config_extra": "print_config = True"})
    assert more.endswith("print_config = True\n")
