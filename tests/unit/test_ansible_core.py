# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which minors of ansible-core are supported is the same wherever it is said, and what is asked of each is run."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WRONG = "{name: shop, domains: shop.example.com, source: {path: x}, wsgi: 'shop:app'}"


@pytest.fixture(scope="module")
def core() -> ModuleType:
    """The program bin/lib/core.py."""
    spec = importlib.util.spec_from_file_location("core", ROOT / "bin/lib/core.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_supported_minor_is_tried_locked_and_has_its_list_of_findings(core: ModuleType) -> None:
    minors = list(core.PYTHONS)
    locked = re.findall(r"^ansible-core==(\d+\.\d+)", "".join((ROOT / file).read_text() for file in core.LOCKS), re.M)
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert sorted(locked) == minors
    assert workflow["jobs"]["cores"]["strategy"]["matrix"]["minor"] == minors
    assert sorted(path.stem for path in (ROOT / "tests/sanity").glob("ignore-*")) == [
        f"ignore-{name}" for name in minors
    ]
    assert yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"] == f">={minors[0]}.0"
    readme = (ROOT / "README.md").read_text()
    assert re.search(rf"ansible-core {minors[0]} .* to {minors[-1]}\b", readme)


@pytest.mark.parametrize("minor", ["2.19", "2.20", "2.21"])
def test_an_environment_has_one_ansible_core_and_a_hash_for_all_it_installs(core: ModuleType, minor: str) -> None:
    entries = re.split(r"\n(?=\S)", core.requirements(minor).strip())
    assert [entry for entry in entries if entry.startswith("ansible")][0].startswith(f"ansible-core=={minor}.")
    assert sum(entry.startswith(("ansible==", "ansible-core==")) for entry in entries) == 1
    assert all("--hash=sha256:" in entry for entry in entries)
    assert {"pytest", "voluptuous"} <= {entry.partition("==")[0] for entry in entries}


def test_what_is_ignored_has_its_reason_beside_it() -> None:
    for file in sorted((ROOT / "tests/sanity").glob("ignore-*.txt")):
        lines = file.read_text().splitlines()
        assert all(re.search(r" # \w+", line) for line in lines), file.name
        assert len(lines) <= 12, "community.crypto needs twelve"


def test_a_group_holds_modules_that_say_so() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    for name, members in groups.items():
        for member in members:
            assert (ROOT / f"plugins/action/{member}.py").exists()
            text = (ROOT / f"plugins/modules/{member}.py").read_text()
            assert f"  - slipway.flask.{name}\n" in text, f"{member} doesn't extend the fragment {name}"


def test_defaults_of_a_group_reach_its_modules(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(
        "- hosts: localhost\n  gather_facts: false\n"
        f"  module_defaults: {{group/slipway.flask.apps: {{apps: [{WRONG}]}}}}\n"
        "  tasks:\n"
        "    - {slipway.flask.preflight: {}, ignore_errors: true, register: refused}\n"
        "    - ansible.builtin.assert: {that: \"'domains' in refused.problems[0]\"}\n"
    )
    run("ansible-playbook", "-i", "localhost,", "-c", "local", str(tmp_path / "play.yml"))
