# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""What is said about settings of a cluster that can't be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.flask.plugins.plugin_utils._app import description as app_description
from ansible_collections.slipway.flask.plugins.plugin_utils._render import kubernetes_settings, refusals
from app_descriptions import shop


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], "slipway_render.options.kubernetes must be a mapping"),
        ({"max_replica": 3}, "unknown key 'max_replica' (did you mean 'max_replicas'?)"),
        ({"storage_gb": "3"}, "slipway_render.options.kubernetes.storage_gb must be a whole number"),
        ({"storage_gb": True}, "slipway_render.options.kubernetes.storage_gb must be a whole number"),
        ({"storage_gb": 0}, "it must be from 1 to 65536"),
        ({"traffic": "nginx"}, "it must be one of ingress, gateway, none"),
        ({"storage_access": "ReadWriteAll"}, "it must be one of ReadWriteMany, ReadWriteOnce"),
        (
            {"namespace": "My Shop"},
            "slipway_render.options.kubernetes.namespace is 'My Shop'; it must be a name of Kubernetes",
        ),
        (
            {"external_secrets": {"kind": "SecretStore"}},
            "slipway_render.options.kubernetes.external_secrets.store is missing",
        ),
        ({"external_secrets": {"store": "v", "keys": "x"}}, "unknown key 'keys' (did you mean 'key'?)"),
        ({"traffic": "gateway"}, "takes either `gateway_class`"),
        ({"traffic": "gateway", "gateway": "a/b", "gateway_class": "c"}, "takes either `gateway_class`"),
        ({"traffic": "gateway", "gateway": "a/b/c"}, "it must be like `namespace/name`"),
        ({"traffic": "gateway", "gateway": "public"}, "it must be like `namespace/name`"),
        ({"gateway_class": "envoy"}, "gateway_class is given but traffic is 'ingress'"),
        ({"traffic": "none", "ingress_class": "x"}, "ingress_class is given but traffic is 'none'"),
    ],
)
def test_wrong_settings_are_told(settings: Any, said: str) -> None:
    (found,) = kubernetes_settings.problems(settings)
    assert said in found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_replicas": 3, "issuer": "letsencrypt.prod", "external_secrets": {"store": "vault"}},
        {"traffic": "gateway", "gateway": "edge/public"},
        {"traffic": "gateway", "gateway_class": "envoy"},
    ],
)
def test_good_settings_are_taken(settings: Any) -> None:
    assert kubernetes_settings.problems(settings) == []


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        (
            {"access": [{"path": "/", "allow": ["192.0.2.1"]}]},
            {},
            "'access' is nginx's on a host, and nobody would ask",
        ),
        ({"client_ca_file": "ca.pem"}, {}, "nobody would ask for a certificate"),
        ({"stage": "staging"}, {}, "'stage' is 'staging', which nginx closes to the public"),
        ({"redirect_domains": ["www.example.com"]}, {}, "set `slipway_render.options.kubernetes: {traffic: gateway}`"),
        ({"certificate": "provided"}, {"issuer": "letsencrypt"}, "issuer would put another one in its place"),
        ({"handover": "stop_first"}, {"max_replicas": 2}, "there are never two web processes"),
        ({}, {"max_replicas": 2}, "max_replicas is 2 and slipway_render.replicas is 3"),
        ({}, {"keep_state": ["worker"]}, "keep_state has 'worker', which is none of the app's 'processes'"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(changes: dict[str, Any], settings: dict[str, Any], said: str) -> None:
    app = app_description.normalise(shop(**changes))
    (found,) = kubernetes_settings.refusals(app, settings, 3)
    assert said in found


def test_what_nginx_would_do_is_told_to_be_yours() -> None:
    app = app_description.normalise(shop(rate_limits={"POST /login": "10/minute"}, headers={"X-Frame-Options": "DENY"}))
    told = "yours to do, in the Ingress or Gateway or in the app: rate_limits, headers"
    assert told in refusals.notes(app, "kubernetes")
    assert told not in refusals.notes(app, "swarm")
    assert not [note for note in refusals.notes(app_description.normalise(shop()), "kubernetes") if "yours" in note]


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({}, {}),
        ({"handover": "stop_first"}, {}),
        ({"access": [{"path": "/", "allow": ["192.0.2.1"]}]}, {"traffic": "none"}),
        ({"redirect_domains": ["www.example.com"]}, {"traffic": "gateway", "gateway_class": "envoy"}),
    ],
)
def test_what_it_can_do_is_not(changes: dict[str, Any], settings: dict[str, Any]) -> None:
    app = app_description.normalise(shop(**changes))
    assert kubernetes_settings.refusals(app, settings, 3) == []
