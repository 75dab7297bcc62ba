# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""An app's `otel`: OpenTelemetry's auto-instrumentation, as packages and as variables; how it begins is gunicorn's settings' part.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.slipway.flask.plugins.plugin_utils._app import nested
from ansible_collections.slipway.flask.plugins.plugin_utils._schema.names import nearest

PACKAGES = (
    "opentelemetry-distro==0.66b1",
    "opentelemetry-exporter-otlp-proto-http==1.45.1",
    "opentelemetry-instrumentation-celery==0.66b1",
    "opentelemetry-instrumentation-flask==0.66b1",
    "opentelemetry-instrumentation-psycopg==0.66b1",
    "opentelemetry-instrumentation-psycopg2==0.66b1",
    "opentelemetry-instrumentation-redis==0.66b1",
    "opentelemetry-instrumentation-sqlalchemy==0.66b1",
)
"""One release of all of them. Those for packages that the app does not have are some kB, and do nothing."""
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, 5.6.2)."""
ENVIRONMENT = re.compile(r"[\w.-]{1,63}")
FIXED = {
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # A receiver that does not answer holds up no worker's end for longer.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "5",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-request-id",
}


def problems(app: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `otel` of APP, no value of a header among it."""
    otel = app.get("otel")
    if not otel:
        return []
    if found := _mistyped(otel):
        return found
    address = otel["endpoint"]
    try:
        url = urlsplit(address)
        is_url = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        is_url, url = False, urlsplit("")
    if not is_url or not address.isprintable() or " " in address:
        found.append(
            "'endpoint' in 'otel' must be an address such as http://127.0.0.1:4318, to which /v1/traces is added"
        )
    elif url.username or url.password:
        found.append("'endpoint' in 'otel' has a password in it: put it into 'headers', whose values are never shown")
    for name, value in (otel.get("headers") or {}).items():
        if not TOKEN.fullmatch(str(name)) or not str(value).isprintable():
            found.append(f"'{name}' in 'headers' of 'otel' is no header: give a name and a value of one line")
    if not ENVIRONMENT.fullmatch(str(otel.get("environment") or "production")):
        found.append("'environment' in 'otel' must be up to 63 letters, digits, dots, hyphens and underscores")
    return found


def _mistyped(otel: Mapping[str, Any]) -> list[str]:
    """Return what in OTEL is not as its table says."""
    found = [f"unknown key '{key}' in 'otel'{nearest(str(key), nested.OTEL)}" for key in otel if key not in nested.OTEL]
    if not otel.get("endpoint"):
        found.append("'endpoint' is missing in 'otel': the address that takes OTLP over HTTP")
    for name, key in nested.OTEL.items():
        value = otel.get(name, key.default)
        if name in otel and (not isinstance(value, key.kind) or isinstance(value, bool)):
            kind = {str: "text", int: "a whole number", dict: "a mapping"}[key.kind]  # type: ignore[index]
            found.append(f"'{name}' in 'otel' must be {kind}")
        elif key.range and not key.range[0] <= value <= key.range[1]:
            found.append(f"'{name}' in 'otel' is {value}; it must be from {key.range[0]} to {key.range[1]}")
        elif key.of and not all(isinstance(one, str) for one in value.values()):
            found.append(f"the values of '{name}' in 'otel' must be text")
    return found


def settings(app: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables that APP, a whole description, is traced by; {} when it is not."""
    otel = app["otel"]
    if not otel:
        return {}
    return {
        **FIXED,
        "OTEL_EXPORTER_OTLP_ENDPOINT": str(otel["endpoint"]),
        "OTEL_SERVICE_NAME": str(app["name"]),
        "OTEL_RESOURCE_ATTRIBUTES": f"deployment.environment.name={otel.get('environment') or app['stage']}",
        "OTEL_TRACES_SAMPLER_ARG": f"{int(otel.get('sample_percent', 100)) / 100:g}",
    }


def secrets(app: Mapping[str, Any]) -> dict[str, str]:
    """Return those of them that nobody is shown."""
    headers = (app["otel"] or {}).get("headers") or {}
    told = ",".join(f"{name}={quote(str(value), safe='')}" for name, value in headers.items())
    return {"OTEL_EXPORTER_OTLP_HEADERS": told} if told else {}
