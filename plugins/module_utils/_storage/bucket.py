# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Whether an app's object storage lets it in: one signed request, with the settings that the app itself will have.

PRIVATE to the collection. It can have breaking changes.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.slipway.flask.plugins.module_utils._storage import signature

ENDPOINT, REGION, CA = "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"
ACCESS_KEY, SECRET_KEY, TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
"""The variables that SDKs of AWS read (docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html)."""
AMAZON = "https://s3.{region}.amazonaws.com"
USUAL_REGION = "us-east-1"
"""What a server without regions of its own mostly takes a request for."""
SECONDS = 10
LONGEST = 4000
"""Characters of an answer that are read: one that refuses is short."""
MEANING = {
    "InvalidAccessKeyId": "it does not know 'access_key'",
    "SignatureDoesNotMatch": "'secret_key' does not belong to 'access_key'",
    "NoSuchBucket": "there is no bucket of that name: create it, or correct 'bucket'",
    "PermanentRedirect": "the bucket is in another region: correct 'region' and 'endpoint'",
    "AuthorizationHeaderMalformed": "the bucket is in another region: correct 'region'",
    "RequestTimeTooSkewed": "the host's clock is wrong: see `timedatectl`",
}
"""Code of an error (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html) -> what it means here."""


@dataclass(frozen=True)
class Found:
    """What the storage answered: why the app would not reach its bucket, and what could not be seen; "" for nothing."""

    problem: str = ""
    note: str = ""


def look(bucket: str, settings: Mapping[str, str]) -> Found:
    """Ask for the names of at most one object in BUCKET as the app with these SETTINGS (environment variables) would."""
    region = settings.get(REGION) or USUAL_REGION
    endpoint = settings.get(ENDPOINT) or AMAZON.format(region=region)
    where = f"object storage: bucket '{bucket}' at {endpoint}"
    try:
        keys = signature.Keys(settings[ACCESS_KEY], settings[SECRET_KEY], region, settings.get(TOKEN, ""))
    except KeyError as missing:
        return Found(f"{where}: {missing.args[0]} is not among the app's settings; run site.yml first")
    try:
        status, body = _ask(endpoint, bucket, keys, settings.get(CA, ""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Found(f"{where} can't be reached from the host: {_reason(error)}")
    code = _part(body, "Code")
    if status == 200 and "<ListBucketResult" in body:
        return Found()
    if code == "AccessDenied":
        return Found(
            note=f"{where} knows the key, which may not list it (s3:ListBucket): whether it may write can't be seen"
        )
    if status == 200:
        return Found(f"{where} answered, but not as object storage does: correct 'endpoint'")
    said = f"{status} {code}".strip()
    if meaning := MEANING.get(code):
        return Found(f"{where} answered {said}: {meaning}")
    told = _part(body, "Message") or "no reason given"
    return Found(f"{where} answered {said} ({told[:200]})")


def _ask(endpoint: str, bucket: str, keys: signature.Keys, authority: str) -> tuple[int, str]:
    """Return status and body. The bucket stands in the path, as SDKs have it for an endpoint of one's own."""
    parts = urlsplit(endpoint)
    path, query = f"{parts.path.rstrip('/')}/{bucket}", {"list-type": "2", "max-keys": "1"}
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=authority or None)
        context.verify_flags &= (
            ~ssl.VERIFY_X509_STRICT
        )  # Python 3.13's default, and botocore's is not: it takes more authorities
        connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        wanted = f"{path}?{signature.query_text(query)}"
        connection.request("GET", wanted, headers=signature.headers(keys, parts.netloc, path, query, now))
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST).decode("utf-8", "replace")
    finally:
        connection.close()


def _part(body: str, name: str) -> str:
    """Return the text of the first element NAME of an answer, "" for none: a small document, which nothing has to parse."""
    match = re.search(rf"<{name}>([^<]*)</{name}>", body)
    return match[1].strip() if match else ""


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); for an authority of your own, see docs/object-storage.md"
    return str(error) or type(error).__name__
