# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Filters about what serves an app: Python, its services, nginx, the load balancer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.flask.plugins.module_utils._host import environment_file
from ansible_collections.slipway.flask.plugins.module_utils._logs import mask
from ansible_collections.slipway.flask.plugins.plugin_utils._certificates import setup
from ansible_collections.slipway.flask.plugins.plugin_utils._edge import backends, problems, sites
from ansible_collections.slipway.flask.plugins.plugin_utils._edge import plan as edge
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn import service
from ansible_collections.slipway.flask.plugins.plugin_utils._gunicorn.plan import plan as gunicorn_systemd_plan
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import plan, site, site_problems
from ansible_collections.slipway.flask.plugins.plugin_utils._nginx import settings as role

HASH = re.compile(r"sha256:[0-9a-f]{64}")
UV = re.compile(r"/.+/bin/uv")
PYTHON = re.compile(r"|python3|(python)?3\.\d+(\.(\d+|\*))?|/.+")
URL = re.compile(r"(https?|file)://\S+")


def nginx_tls_plan(sites: Any, settings: dict[str, Any], checked: bool = False) -> dict[str, Any]:
    """Return what is wrong with SITES, or what they are on the host.

    :raises AnsibleFilterError: when SITES is not a list of mappings.
    """
    if not isinstance(sites, list) or not all(isinstance(entry, dict) for entry in sites):
        raise AnsibleFilterError("slipway.flask.nginx_tls_plan: expects a list of mappings")
    found = [] if checked else _site_problems(sites, settings)
    if found:
        return {"problems": found, "certificates": [], "private_keys": {}, "files": [], "masked": ""}
    pem, folder = settings["pem"], settings["folder"]
    return {
        "problems": [],
        "certificates": plan.certificates(sites, pem) + ([plan.UNKNOWN] if settings["unknown"] else []),
        "private_keys": plan.private_keys(sites, pem),
        "masked": mask.parameter(settings["role"]["log_mask"]),
        "files": [
            *plan.pages(settings["pages"], f"{folder}/pages", settings["role"]["pages"]),
            *setup.files(sites, settings["acme"]),
            *plan.virtual_hosts(sites, settings["defaults"], f"{folder}/sites", settings["access_folder"], pem),
        ],
    }


def _site_problems(sites: list[site.Site], settings: dict[str, Any]) -> list[str]:
    """Return one sentence per mistake: in the role's variables, in SITES, in what certificates by ACME need."""
    now = datetime.now(timezone.utc)
    return [
        *role.problems(settings["role"]),
        *site_problems.problems(sites, settings["defaults"], settings["pem"], now),
        *setup.problems(sites, settings["acme"], settings["certbot"], settings["system"]),
    ]


def python_venv_problems(given: Mapping[str, Any]) -> list[str]:
    """Return one sentence per mistake in the role's variables; the names are those of the filter's documentation."""
    found = []
    version, hashes = str(given["uv_version"]), given["uv_hashes"]
    if (version and not hashes) or not all(HASH.fullmatch(str(one)) for one in hashes):
        found.append(
            f"python_venv_uv_version is {version}, and the role knows the hashes of {', '.join(given['known'])} only. "
            f"Set python_venv_uv_hashes to what `echo uv=={version} | uv pip compile --generate-hashes -` prints: "
            "a list of sha256:<64 hex>."
        )
    if (version and not UV.fullmatch(str(given["uv"]))) or not PYTHON.fullmatch(str(given["python"])):
        found.append(
            f'python_venv_uv is "{given["uv"]}" (must be an absolute path that ends in /bin/uv) and python_venv_python is '
            f'"{given["python"]}" (must be empty, python3, a version such as "3.12" in quotes, or an absolute path).'
        )
    if not all(URL.fullmatch(str(url)) for url in given["urls"] if url):
        found.append(
            "python_venv_index_url, python_venv_python_mirror, python_venv_python_list_url or one of "
            "python_venv_extra_index_urls is not a valid URL: each must start with https:// (or http://, file://) and have no "
            "spaces. Their values may be secret and are not shown."
        )
    return found


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "edge_backends": backends.backends,
            "edge_plan": edge.plan,
            "edge_problems": problems.role_problems,
            "edge_sites": sites.sites,
            "gunicorn_systemd_plan": gunicorn_systemd_plan,
            "nginx_tls_plan": nginx_tls_plan,
            "python_venv_problems": python_venv_problems,
            "systemd_environment_file": environment_file.text_of,
            "systemd_quote": service.unit_quote,
        }
