# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""A bucket is asked as the app would, with a signature like the protocol's own example; answers are told in words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._storage import bucket, signature

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LISTED = '<?xml version="1.0"?><ListBucketResult><Name>shop</Name></ListBucketResult>'


def error(code: str, message: str = "no") -> str:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"


def test_the_signature_is_that_of_the_example_of_the_protocol() -> None:
    """docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html: GET Bucket (List Objects)."""
    keys = signature.Keys("AKIAIOSFODNN7EXAMPLE", SECRET, "us-east-1")
    query = {"max-keys": "2", "prefix": "J"}
    told = signature.headers(keys, "examplebucket.s3.amazonaws.com", "/", query, "20130524T000000Z")
    assert told["authorization"].endswith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    assert SECRET not in repr(keys)


class Server(BaseHTTPRequestHandler):
    """Answers as it is told, and keeps what it was asked."""

    said: ClassVar[tuple[int, str]] = (200, LISTED)
    asked: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        status, body = self.said
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def settings(endpoint: str, **changes: str) -> dict[str, str]:
    return {
        bucket.ENDPOINT: endpoint, bucket.ACCESS_KEY: "AKIA", bucket.SECRET_KEY: SECRET, bucket.REGION: "eu-west-1", **changes,
    }  # fmt: skip


def look(endpoint: str, status: int, body: str) -> bucket.Found:
    Server.said = status, body
    return bucket.look("shop", settings(endpoint))


def test_a_bucket_that_lets_the_app_in_is_asked_for_one_name(endpoint: str) -> None:
    assert look(endpoint, 200, LISTED) == bucket.Found()
    path, headers = Server.asked[-1]
    assert path == "/shop?list-type=2&max-keys=1"
    assert "AKIA/" in headers["authorization"] and "/eu-west-1/s3/aws4_request" in headers["authorization"]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, error("InvalidAccessKeyId"), "answered 403 InvalidAccessKeyId: it does not know 'access_key'"),
        (403, error("SignatureDoesNotMatch"), "'secret_key' does not belong to 'access_key'"),
        (404, error("NoSuchBucket"), "there is no bucket of that name: create it, or correct 'bucket'"),
        (400, error("AuthorizationHeaderMalformed"), "the bucket is in another region: correct 'region'"),
        (403, error("RequestTimeTooSkewed"), "the host's clock is wrong"),
        (503, error("SlowDown", "Reduce your rate"), "answered 503 SlowDown (Reduce your rate)"),
        (502, "<html>", "answered 502 (no reason given)"),
        (200, "<html>welcome</html>", "answered, but not as object storage does: correct 'endpoint'"),
    ],
)
def test_what_keeps_the_app_out_is_told_with_what_to_correct(endpoint: str, status: int, body: str, said: str) -> None:
    found = look(endpoint, status, body)
    assert found.problem.startswith(f"object storage: bucket 'shop' at {endpoint} ") and said in found.problem
    assert SECRET not in found.problem


def test_a_key_that_may_not_list_is_no_reason_to_stop(endpoint: str) -> None:
    found = look(endpoint, 403, error("AccessDenied"))
    assert (found.problem, "may not list it" in found.note) == ("", True)


def test_a_server_that_nobody_reaches_is_told_so() -> None:
    found = bucket.look("shop", settings("http://127.0.0.1:1"))
    assert "can't be reached from the host: [Errno 111] Connection refused" in found.problem


def test_settings_that_site_yml_has_not_brought_are_named() -> None:
    there = settings("http://127.0.0.1:1")
    del there[bucket.SECRET_KEY]
    assert bucket.look("shop", there).problem.endswith(
        "AWS_SECRET_ACCESS_KEY is not among the app's settings; run site.yml first"
    )
