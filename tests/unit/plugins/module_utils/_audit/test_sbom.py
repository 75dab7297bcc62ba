# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""The bill of materials: valid by the published schema, the same each time, and right about versions, licences and hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._audit import hashes, installed, sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from installed_packages import install

SUBJECT = sbom.Subject("shop", "0007-4f2c1a9", "4f2c1a9be0", "2026-11-27T01:02:03Z", "3.13.5")
SHA = {letter: letter * 64 for letter in "abcdef"}
TAGS = "manylinux_2_17_x86_64.manylinux2014_x86_64"
PLACE = "https://ann:pw@index.example.com"
UV = f"""
version = 1
[[package]]
name = "markupsafe"
version = "3.0.2"
source = {{ registry = "{PLACE}/simple" }}
sdist = {{ url = "{PLACE}/markupsafe-3.0.2.tar.gz", hash = "sha256:{SHA["a"]}", size = 1 }}
wheels = [
    {{ url = "{PLACE}/MarkupSafe-3.0.2-cp311-cp311-{TAGS}.whl", hash = "sha256:{SHA["b"]}", size = 1 }},
    {{ url = "{PLACE}/MarkupSafe-3.0.2-cp313-cp313-{TAGS}.whl", hash = "sha256:{SHA["c"]}", size = 1 }},
]
"""
POETRY = f"""
[[package]]
name = "MarkupSafe"
version = "3.0.2"
files = [
    {{file = "markupsafe-3.0.2.tar.gz", hash = "sha256:{SHA["a"]}"}},
    {{file = "MarkupSafe-3.0.2-cp313-cp313-{TAGS}.whl", hash = "sha256:{SHA["c"]}"}},
]
"""
PYLOCK = f"""
[[packages]]
name = "markupsafe"
version = "3.0.2"
wheels = [{{name = "MarkupSafe-3.0.2-cp313-cp313-{TAGS}.whl", hashes = {{sha256 = "{SHA["c"]}"}}}}]
"""
PIPFILE = json.dumps({"default": {"markupsafe": {"version": "==3.0.2", "hashes": [f"sha256:{SHA['c']}"]}}})
LIST = f"""# locked
MarkupSafe==3.0.2 ; python_version > '3' \\
    --hash=sha256:{SHA["c"]} \\
    --hash=sha256:{SHA["a"]}
flask==3.1
"""


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    place = tmp_path / "venv"
    install(place, "Flask", "3.1.2", "License-Expression: BSD-3-Clause", "Requires-Dist: MarkupSafe>=2", "Summary: A framework",
            "Requires-Dist: asgiref>=3.2; extra == 'async'")  # fmt: skip
    install(place, "MarkupSafe", "3.0.2", "License: UNKNOWN", "Classifier: License :: OSI Approved :: BSD License",
            tag="cp313-cp313-manylinux_2_17_x86_64")  # fmt: skip
    install(place, "asgiref", "3.8.1+local", "License: MIT")
    url = {
        "url": "https://ann:p@w@git.example.com/own.git?token=pw#pw",
        "vcs_info": {"vcs": "git", "commit_id": "4f2c1a9"},
    }
    install(place, "own.package", "1.0", "Classifier: License :: OSI Approved :: MIT License", url=url)
    archive = {"url": "https://example.com/wheel-1.whl?signature=pw", "archive_info": {"hashes": {"sha256": SHA["d"]}}}
    install(place, "wheel", "1", "License: " + "a very long text " * 20, url=archive)
    install(place, "local", "1", url={"url": "file:///srv/build/local", "dir_info": {}})
    return place


def made(environment: Path, project: Path | None = None) -> dict[str, Any]:
    files = hashes.files_of(project) if project else {}
    found: dict[str, Any] = json.loads(sbom.document(SUBJECT, installed.packages(environment), files))
    return found


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["components"] if one["name"] == name)


@pytest.mark.parametrize("lock", ["", "uv.lock", "requirements.txt"])
def test_it_is_valid_by_the_published_schema(environment: Path, tmp_path: Path, lock: str) -> None:
    if lock:
        (tmp_path / lock).write_text(UV if lock == "uv.lock" else LIST)
    text = sbom.document(SUBJECT, installed.packages(environment), hashes.files_of(tmp_path))
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, str(error)[-2000:]


def test_the_same_release_has_the_same_bytes_and_another_one_another_serial_number(environment: Path) -> None:
    packages = installed.packages(environment)
    first = sbom.document(SUBJECT, packages, {})
    assert first == sbom.document(SUBJECT, packages, {})
    other = sbom.document(sbom.Subject("shop", "0008-4f2c1a9", "4f2c1a9be0", SUBJECT.time), packages, {})
    assert json.loads(first)["serialNumber"] != json.loads(other)["serialNumber"]
    assert json.loads(first)["metadata"]["timestamp"] == SUBJECT.time


def test_it_names_each_package_the_release_and_its_python(environment: Path) -> None:
    found = made(environment)
    assert [one.get("purl", one["type"]) for one in found["components"]] == [
        "pkg:pypi/asgiref@3.8.1%2Blocal", "pkg:pypi/flask@3.1.2", "pkg:pypi/local@1", "pkg:pypi/markupsafe@3.0.2",
        "pkg:pypi/own-package@1.0", "pkg:pypi/wheel@1", "platform",
    ]  # fmt: skip
    assert (found["components"][-1]["name"], found["components"][-1]["version"]) == ("python", "3.13.5")
    assert found["metadata"]["component"]["name"] == "shop"
    assert found["metadata"]["component"]["version"] == "4f2c1a9be0"
    assert found["metadata"]["properties"] == [{"name": "slipway:release", "value": "0007-4f2c1a9"}]


def test_it_says_who_needs_whom(environment: Path) -> None:
    needs = {one["ref"]: one.get("dependsOn", []) for one in made(environment)["dependencies"]}
    assert needs["pkg:pypi/flask@3.1.2"] == ["pkg:pypi/markupsafe@3.0.2"]
    assert "pkg:pypi/markupsafe@3.0.2" not in needs["app:shop"]
    assert "pkg:pypi/flask@3.1.2" in needs["app:shop"]


# Each row: the package, and what is said of its licence.
LICENCES: dict[str, list[dict[str, Any]] | None] = {
    "flask": [{"expression": "BSD-3-Clause"}],
    "asgiref": [{"license": {"id": "MIT"}}],
    "markupsafe": [{"license": {"name": "BSD License"}}],
    "own-package": [{"license": {"id": "MIT"}}],
    "wheel": None,
}


@pytest.mark.parametrize("name", LICENCES)
def test_the_licence_is_the_one_that_the_metadata_has(environment: Path, name: str) -> None:
    assert component(made(environment), name).get("licenses") == LICENCES[name]


# Each row: the lock's name and text, and which hash is said of what was installed.
LOCKS = {
    "uv.lock": (UV, SHA["c"]),
    "poetry.lock": (POETRY, SHA["c"]),
    "pylock.toml": (PYLOCK, SHA["c"]),
    "Pipfile.lock": (PIPFILE, SHA["c"]),
    "requirements.txt": (LIST, ""),
}


@pytest.mark.parametrize("lock", LOCKS)
def test_hashes_are_those_of_the_lock(environment: Path, tmp_path: Path, lock: str) -> None:
    text, sha = LOCKS[lock]
    (tmp_path / lock).write_text(text)
    found = component(made(environment, tmp_path), "markupsafe")
    assert found.get("hashes") == ([{"alg": "SHA-256", "content": sha}] if sha else None)
    if not sha:  # a list does not say which file is which: all that may have been installed are named
        assert [one["hashes"][0]["content"] for one in found["externalReferences"]] == [SHA["c"], SHA["a"]]
    assert "ann:pw" not in json.dumps(made(environment, tmp_path))


def test_what_came_from_elsewhere_says_from_where_without_passwords_and_paths_of_the_host(environment: Path) -> None:
    found = made(environment)
    own = component(found, "own-package")
    assert own["externalReferences"] == [{"type": "distribution", "url": "https://git.example.com/own.git"}]
    assert component(found, "wheel")["hashes"] == [{"alg": "SHA-256", "content": SHA["d"]}]
    assert "externalReferences" not in component(found, "local")


@pytest.mark.parametrize("text", ['[[package]]\nname = 1\nfiles = [{hash = "sha256:zz"}]', "not toml", "\x00"])
def test_a_lock_that_can_not_be_read_says_nothing(environment: Path, tmp_path: Path, text: str) -> None:
    for name in ("uv.lock", "Pipfile.lock", "requirements.txt"):
        (tmp_path / name).write_text(text)
    assert "hashes" not in component(made(environment, tmp_path), "flask")


HOSTILE = {
    "uv.lock": [
        '[[package]]\nname = "a"\nversion = "1"\nsdist = {sha256' + "a" * 300_000 + "}",
        '[[package]]\nname = "a"\nversion = "1"\nsdist = {sha256 ' + "{}" * 200_000,
        '[[package]]\nname = "flask"\nversion = "3.1.2"\nwheels = [' + ", ".join(
            f'{{ url = "https://example.com/flask-{"a." * 5000}-{"b." * 5000}-{"c." * 5000}d.whl", hash = "sha256:{sha}" }}'
            for sha in (SHA["a"], SHA["b"])),
    ],
    "Pipfile.lock": ["[" * 200_000, '{"default": ' * 100_000],
    "requirements.txt": ["flask" + " " * 300_000 + "x", "flask[" + "a" * 300_000, " " * 300_000],
}  # fmt: skip


@pytest.mark.parametrize("name, text", [(name, text) for name, texts in HOSTILE.items() for text in texts])
def test_a_lock_made_to_keep_root_busy_is_read_at_once(environment: Path, tmp_path: Path, name: str, text: str) -> None:
    """Time that grows with the square of a line would be hours here."""
    (tmp_path / name).write_text(text)
    assert component(made(environment, tmp_path), "flask")["name"] == "flask"


def test_metadata_that_a_terminal_would_obey_or_nobody_could_have_published_is_left_out(environment: Path) -> None:
    for number, (name, version) in enumerate([("a\x1b[2J", "1"), ("b", "1\x1b[2J"), ("c", "1" * 5000), ("-d", "1")]):
        folder = environment / f"lib/python3.11/site-packages/odd{number}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    deep = environment / "lib/python3.11/site-packages/deep-1.dist-info"
    deep.mkdir()
    (deep / "METADATA").write_text("Name: deep\nVersion: 1\n")
    (deep / "direct_url.json").write_text("[" * 200_000)
    names = {one.name for one in installed.packages(environment)}
    assert "deep" in names and not {"a", "b", "c", "d", "-d"} & names


def test_no_link_is_followed_and_broken_metadata_is_left_out(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Name: secret\nVersion: 1\n")
    folder = environment / "lib/python3.11/site-packages/evil-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").symlink_to(tmp_path / "secret")
    empty = environment / "lib/python3.11/site-packages/empty-1.dist-info"
    empty.mkdir()
    (empty / "METADATA").write_bytes(b"\xff\xfe")
    assert not {"secret", "empty"} & {one.name for one in installed.packages(environment)}
