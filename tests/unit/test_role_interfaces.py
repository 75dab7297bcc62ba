# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What a role promises its users: defaults, argument specs, README and meta say the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
BESIDE = {
    "host_alerts": "host_metrics",
    "host_dashboard": "host_metrics",
    "host_logs": "host_metrics",
}
"""Roles that are tested in the scenario of another one, which some of them do nothing without."""
every_role = pytest.mark.parametrize("role", ROLES)


def defaults(role: str) -> dict[str, Any]:
    """Return the role's defaults."""
    return dict(yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text()) or {})


def specs(role: str) -> dict[str, Any]:
    """Return the role's argument specs, by entry point."""
    return dict(yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"])


@every_role
def test_defaults_and_argument_specs_have_the_same_variables(role: str) -> None:
    options = specs(role)["main"]["options"]
    optional = {name for name, option in options.items() if not option.get("required")}
    assert optional <= set(defaults(role)) <= set(options)


@every_role
def test_defaults_and_argument_specs_have_the_same_values(role: str) -> None:
    """A default that is an expression is described in words, so only literal ones are compared."""
    options = specs(role)["main"]["options"]
    for name, value in defaults(role).items():
        if "default" in options[name] and "{{" not in str(value):
            assert options[name]["default"] == value, name


@every_role
def test_every_option_has_type_and_description(role: str) -> None:
    for entry, spec in specs(role).items():
        assert spec.get("short_description"), f"{role}, {entry}"
        for name, option in spec.get("options", {}).items():
            assert option.get("type"), name
            assert option.get("description"), name
            assert option["type"] != "list" or option.get("elements"), f"{name}: say what its entries are"


@every_role
def test_variables_begin_with_the_name_of_the_role(role: str) -> None:
    names = set(defaults(role)) | {name for spec in specs(role).values() for name in spec.get("options", {})}
    assert not {name for name in names if not name.startswith(f"{role}_")}
    for file in (ROOT / "roles" / role / "vars").glob("*.yml"):
        private = yaml.safe_load(file.read_text()) or {}
        assert not {name for name in private if not name.startswith(f"__{role}_")}, file.name


@every_role
def test_every_default_has_its_comment(role: str) -> None:
    lines = (ROOT / "roles" / role / "defaults/main.yml").read_text().splitlines()
    for name in defaults(role):
        number = next(number for number, line in enumerate(lines) if line.startswith(f"{name}:"))
        commented = lines[number - 1].startswith("# ") or "  # " in lines[number] or " # " in lines[number]
        assert commented, f"{name}: one line of comment above it"


@every_role
def test_secrets_are_marked(role: str) -> None:
    """Ansible masks an option in its own output only when the spec says no_log."""
    for name, option in specs(role)["main"]["options"].items():
        if name.endswith(("_secrets", "_password", "_secret_key")):
            assert option.get("no_log") is True, name


@every_role
def test_role_describes_itself(role: str) -> None:
    folder = ROOT / "roles" / role
    readme = (folder / "README.md").read_text()
    assert f"slipway.flask.{role}" in readme, "README: an example that uses the role by its full name"
    info = yaml.safe_load((folder / "meta/main.yml").read_text())["galaxy_info"]
    named = {
        (platform["name"], str(version)) for platform in info["platforms"] for version in platform.get("versions", [])
    }
    assert {("Debian", "bookworm"), ("Debian", "trixie"), ("Ubuntu", "jammy"), ("Ubuntu", "noble")} <= named
    assert (ROOT / "molecule" / BESIDE.get(role, role)).is_dir(), "a Molecule scenario named after the role"
    assert f"slipway.flask.{role}" in (ROOT / "molecule" / BESIDE.get(role, role) / "converge.yml").read_text()


def test_tables_of_variables_are_up_to_date(run: Callable[..., str]) -> None:
    run(sys.executable, "bin/lib/role-tables", "--check")
