# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Which sites nginx has that Slipway did not write."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._nginx import foreign

PRINTED = """\
# configuration file /etc/nginx/nginx.conf:
user www-data;
http { server { listen 8080 default_server; server_name _; } include /etc/nginx/sites-enabled/*; }
# configuration file /etc/nginx/mime.types:
types { text/html html; }
# configuration file /etc/nginx/slipway/sites/blog.conf:
server { server_name blog.example.com; }
# configuration file /etc/nginx/sites-enabled/old:
# server_name commented.example.com;
server {
    listen 443 ssl default_server;  # server_name also.commented.example.com;
    listen [::]:443 ssl default_server;
    server_name shop.example.com
                "www.shop.example.com" *.cdn.example.com;
    location ~ "^/x{1,3}$" { return 200 "server_name quoted.example.com;"; }
} server { server_name '.example.net'; listen [::] default_server; }
"""


def test_every_file_with_sites_of_somebody_else_is_found() -> None:
    main, old = foreign.read(PRINTED)
    assert (main.path, main.names, main.defaults) == ("/etc/nginx/nginx.conf", [], ["8080"])
    assert old.path == "/etc/nginx/sites-enabled/old"
    assert old.names == ["shop.example.com", "www.shop.example.com", "*.cdn.example.com", ".example.net"]
    assert old.defaults == ["443", "443", "80"]


def test_a_host_without_nginx_has_none() -> None:
    assert foreign.read("") == []


@pytest.mark.parametrize(
    ("name", "domain", "served"),
    [
        ("shop.example.com", "shop.example.com", True),
        ("SHOP.example.com", "shop.Example.com", True),
        ("shop.example.com", "www.shop.example.com", False),
        ("*.example.com", "shop.example.com", True),
        ("*.example.com", "a.shop.example.com", True),
        ("*.example.com", "example.com", False),
        (".example.com", "example.com", True),
        (".example.com", "shop.example.com", True),
        (".example.com", "shopexample.com", False),
        ("shop.*", "shop.example.com", True),
        ("shop.*", "shopping.example.com", False),
        (r"~^(www\.)?(.+)$", "shop.example.com", False),
    ],
)
def test_names_are_compared_as_nginx_does(name: str, domain: str, served: bool) -> None:
    assert foreign.matches(name, domain) is served
