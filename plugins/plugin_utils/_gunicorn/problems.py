# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is wrong with the values of a service, for the role gunicorn_systemd.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.slipway.flask.plugins.module_utils._host import sandbox_needs
from ansible_collections.slipway.flask.plugins.module_utils._host.environment_file import value_text
from ansible_collections.slipway.flask.plugins.module_utils._logs import mask
from ansible_collections.slipway.flask.plugins.plugin_utils._schema import names

INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")
"""48 characters keep /run/<app>/<instance>/gunicorn.sock below the 107 that a Unix socket's path may have (unix(7))."""
PATH = re.compile(r"/[\w.@:+-]*(/[\w.@:+-]+)*", re.ASCII)
DIRECTIVE = re.compile(r"[A-Z][A-Za-z0-9]*")
UNIT = re.compile(r"[\w:.@\\-]+\.(service|socket|target|mount|path|timer)", re.ASCII)

UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""systemd drops a variable whose value has one of these, with a line in the journal only (env_value_is_valid() and
unichar_is_valid() in its sources): control characters but tab and newline, and what is not a Unicode character."""
LONGEST = 131072
"""Bytes that NAME=value and its final zero may take together: MAX_ARG_STRLEN, execve(2)."""
OWNED = {"RELEASE_ID", "RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "GUNICORN_CMD_ARGS"}
"""Variables that the unit, systemd or gunicorn's command line own: overriding one would break the release quietly."""
LOADER = re.compile(r"LD_(PRELOAD|LIBRARY_PATH|AUDIT)")
"""Variables by which ld.so(8) loads code into every program of the unit."""
HOOKS = {"bind", "post_worker_init", "logger_class", "control_socket"}
"""Names that the config file needs for itself: the socket nginx knows, the message to systemd, the logs."""

WORKER_CLASSES = ("sync", "gthread", "gevent", "asgi")
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
RANGES: dict[str, tuple[int, int]] = {
    "workers": (0, 256),
    "worker_memory_mb": (16, 65536),
    "threads": (1, 256),
    "worker_connections": (1, 65536),
    "backlog": (16, 65535),
    "timeout_seconds": (0, 86400),
    "graceful_timeout_seconds": (1, 86400),
    "keepalive_seconds": (0, 3600),
    "max_requests": (0, 10_000_000),
    "max_requests_jitter": (0, 10_000_000),
    "limit_request_line": (0, 8190),  # gunicorn's own bounds, as the next two
    "limit_request_fields": (1, 32768),
    "limit_request_field_size": (0, 1_048_576),
    "start_timeout_seconds": (1, 3600),
    "restart_seconds": (1, 3600),
    "memory_max_mb": (0, 16_777_216),
    "tasks_max": (16, 4_194_304),
    "open_files_max": (64, 1_048_576),
}
"""Least and greatest value of each whole number."""


def problems(settings: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a service with all its keys (SETTINGS), one sentence each, which begins with the key.

    Values of secrets are never shown, nor those of the environment.
    """
    return [
        *_names(settings),
        *wsgi_problems(settings["wsgi"]),
        *_paths(settings),
        *_numbers(settings),
        *_environment(settings["environment"], settings["secrets"]),
        *_extras(settings),
        *(
            f"log_mask has '{name}': it must be a parameter's name of letters, digits and . _ -, 64 at most."
            for name in settings["log_mask"]
            if not mask.NAME.fullmatch(str(name))
        ),
    ]


def _names(settings: Mapping[str, Any]) -> list[str]:
    found = []
    rules = (
        ("name", names.APP, "a small letter, then at most 30 small letters, digits or hyphens, such as 'shop'"),
        ("user", names.SYSTEM_USER, "a Linux user name"),
        ("group", names.SYSTEM_USER, "a Linux group name"),
    )
    for key, pattern, rule in rules:
        if key != "name" and settings[key] == settings["name"]:
            continue
        if not pattern.fullmatch(str(settings[key])):
            found.append(f"{key} is '{settings[key]}': it must be {rule}.")
    instance = str(settings["instance"])
    if instance and not INSTANCE.fullmatch(instance):
        found.append(f"instance is '{instance}': it must be at most 48 letters, digits, dots, hyphens or underscores.")
    for key, choices in (("worker_class", WORKER_CLASSES), ("log_level", LOG_LEVELS)):
        if settings[key] not in choices:
            found.append(f"{key} is '{settings[key]}': it must be one of {', '.join(choices)}.")
    return found


def wsgi_problems(wsgi: object) -> list[str]:
    """Check the entry point by the rules of gunicorn.util.import_app, without importing anything."""
    text = str(wsgi)
    rule = "it must be 'module:app' or 'package:create_app()' with literal arguments, such as 'shop.wsgi:app'."
    module, colon, target = text.partition(":")
    if not colon:
        return [f"wsgi is '{text}', which has no colon: {rule}"]
    if not all(part.isidentifier() for part in module.split(".")) or re.search(r"[\x00-\x1f]", text):
        return [f"wsgi is '{text}': {rule}"]
    try:
        node = ast.parse(target, mode="eval").body
        if isinstance(node, ast.Call):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                ast.literal_eval(argument)
            node = node.func
    except (SyntaxError, ValueError):
        return [f"wsgi is '{text}': {rule}"]
    return [] if isinstance(node, ast.Name) else [f"wsgi is '{text}': {rule}"]


def _paths(settings: Mapping[str, Any]) -> list[str]:
    found = []
    single = ("working_directory", "venv", "settings_folder", "environment_file", "config_file")
    optional = [key for key in ("worker_tmp_dir", "current_link") if settings[key]]
    paths = [(key, str(settings[key])) for key in (*single, *optional)]
    paths += [("writable_paths", str(path)) for path in settings["writable_paths"]]
    for key, path in paths:
        if not PATH.fullmatch(path.replace("%i", "i")) or ".." in path.split("/"):
            found.append(
                f"{key} has '{path}': it must be an absolute path of letters, digits and ._@:+-"
                " ('%i' stands for the release)."
            )
        elif key not in ("settings_folder", "environment_file") and re.match(r"/(home|root|run/user)(/|$)", path):
            found.append(f"{key} has '{path}': the service can't see home folders; use a folder such as /srv/<app>.")
    if "%" in str(settings["settings_folder"]):
        found.append("settings_folder holds the settings of all releases: it can't have '%i' in it.")
    return found


def _numbers(settings: Mapping[str, Any]) -> list[str]:
    found = []
    for key, (least, most) in RANGES.items():
        value = settings[key]
        text = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]+", text) or not least <= int(text) <= most:
            found.append(f"{key} is '{text}': it must be a whole number from {least} to {most}.")
    if found:
        return found
    number = {key: int(settings[key]) for key in RANGES}
    if number["graceful_timeout_seconds"] < number["timeout_seconds"]:
        found.append(
            f"graceful_timeout_seconds is {number['graceful_timeout_seconds']}, less than timeout_seconds "
            f"({number['timeout_seconds']}): a stop would cut requests that still have time. Make it at least as much."
        )
    if number["max_requests_jitter"] > number["max_requests"]:
        found.append(
            f"max_requests_jitter is {number['max_requests_jitter']}, more than max_requests "
            f"({number['max_requests']}): make it about a tenth of that."
        )
    if number["restart_seconds"] >= number["start_timeout_seconds"]:
        found.append(
            f"restart_seconds is {number['restart_seconds']}: it must be less than start_timeout_seconds "
            f"({number['start_timeout_seconds']}), of which the pause is a part."
        )
    if 0 < number["memory_max_mb"] < number["worker_memory_mb"]:
        found.append(
            f"memory_max_mb is {number['memory_max_mb']}: not one worker of worker_memory_mb "
            f"({number['worker_memory_mb']}) fits in it. 0 means no limit."
        )
    return found


def _environment(environment: Mapping[str, Any], secrets: Mapping[str, Any]) -> list[str]:
    found = []
    for name in sorted(set(map(str, environment)) & set(map(str, secrets))):
        found.append(f"environment and secrets both have '{name}': keep it in one of them.")
    for key, values in (("environment", environment), ("secrets", secrets)):
        for name, value in values.items():
            if problem := variable_problem(str(name), value):
                found.append(f"{key} has '{name}': {problem}")
    return found


def variable_problem(name: str, value: object) -> str:
    """Return what is wrong with an environment variable, without its value, or an empty text."""
    if not names.VARIABLE.fullmatch(name):
        return "a variable's name has letters, digits and underscores and starts with none of the digits."
    if name in OWNED:
        return "this variable is set by the unit itself; give yours another name."
    if value is None:
        return "it has no value; write '' for an empty one or remove the line."
    if isinstance(value, float):
        return 'write the number in quotes ("1.10"), as YAML would make 1.1 of it.'
    if not isinstance(value, (str, int)):
        return f"it is a {type(value).__name__}; only text, whole numbers and booleans work (use to_json for others)."
    text = value_text(value)
    if match := UNREADABLE.search(text):
        return f"its value has the character U+{ord(match.group()):04X}, which systemd refuses; encode it (base64)."
    if LOADER.fullmatch(name) and not all(map(_is_systems, re.split(r"[\s:;]", text))):
        return "the unit has lines that run as root and would load it, too; name only what is below /usr, /lib or /opt."
    if len(f"{name}={text}".encode()) >= LONGEST:
        return "its value is longer than the 128 KiB that Linux allows; put it into a file."
    return ""


def _is_systems(library: str) -> bool:
    """Tell whether ld.so(8) finds a LIBRARY, or a folder of them, where only packages of the system are."""
    return bool(re.fullmatch(r"/(usr|lib|lib64|opt)/.*|[\w.+-]+\.so[\d.]*", library)) and ".." not in library.split("/")


def _extras(settings: Mapping[str, Any]) -> list[str]:
    found = [f"{problem}." for problem in sandbox_needs.problems(settings["sandbox"], "sandbox")]
    found += [
        f"after has '{unit}': it must be the name of a unit, such as 'postgresql.service'."
        for unit in settings["after"]
        if not UNIT.fullmatch(str(unit))
    ]
    for name, value in settings["service_directives"].items():
        if not DIRECTIVE.fullmatch(str(name)):
            found.append(f"service_directives has '{name}': a key is a setting of systemd.exec(5), such as 'CPUQuota'.")
        elif re.search(r"[\x00-\x1f]", str(value)) or str(value).endswith("\\"):
            found.append(f"service_directives has '{name}' with a value that is not one line.")
    try:
        tree = ast.parse(str(settings["config_extra"]))
    except SyntaxError as error:
        return [*found, f"config_extra is not Python: {error.msg} in its line {error.lineno}."]
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            defined |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    found += [f"config_extra sets '{name}', which the role needs for itself." for name in sorted(defined & HOOKS)]
    return found
