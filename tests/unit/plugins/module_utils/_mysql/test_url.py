# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""URLs of MySQL: what they say, and what their driver is told."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.flask.plugins.module_utils._mysql import url
from ansible_collections.slipway.flask.plugins.module_utils._python import mysql_driver
from ansible_collections.slipway.flask.plugins.module_utils._source.url_parts import UrlError


def test_a_url_is_read_in_parts_and_its_password_is_decoded() -> None:
    found = url.parse_url("mysql+pymysql://shop:p%40ss%2Fw@db.example.org:3307/shop?ssl_ca=/ca.pem&charset=utf8mb4")
    assert (found.user, found.password, found.host, found.port) == ("shop", "p@ss/w", "db.example.org", "3307")
    assert (found.database, found.driver, found.tls, found.is_local) == ("shop", "pymysql", True, False)
    assert "p@ss" not in f"{found} {found.where}"


@pytest.mark.parametrize(
    ("text", "local", "socket"),
    [
        ("mysql://shop@localhost/shop?unix_socket=/run/mysqld/mysqld.sock", True, "/run/mysqld/mysqld.sock"),
        ("mariadb://shop@127.0.0.1/shop", True, ""),
        ("mysql://shop@[::1]:3306/shop", True, ""),
        ("mysql://shop@db/shop", False, ""),
    ],
)
def test_a_url_leads_to_this_host_or_another_and_through_which_socket_is_known(
    text: str, local: bool, socket: str
) -> None:
    found = url.parse_url(text)
    assert (found.is_local, found.socket, found.is_mysql) == (local, socket, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a database URL"),
        ("db.example.org", "must begin with a scheme"),
        ("mysql://shop:p/w@db/shop", "before its last '@'"),
        ("mysql://shop:p@w@db/shop", "several '@'"),
        ("mysql://shop:%zz@db/shop", "two hexadecimal digits"),
        ("mysql://shop@db:99999/shop", "from 1 to 65535"),
        ("mysql://shop@db/shop?ssl_ca", "without a value"),
        ("mysql://shop@d b/shop", "space"),
    ],
)
def test_a_url_that_can_not_be_meant_is_refused_without_its_password(text: str, said: str) -> None:
    with pytest.raises(UrlError, match=said):
        url.parse_url(text)


@pytest.mark.parametrize("text", ["postgresql://u:p@h/d", "sqlite:///x.db"])
def test_another_database_s_url_is_none_of_mysql_s(text: str) -> None:
    assert not url.parse_url(text).is_mysql


LOCAL = url.socket_url("mysql+pymysql", "my-shop", "my-shop")
WITH_CA = url.with_ca("mysql://u:p@h/d", "/etc/ssl/ca.crt")


@pytest.mark.parametrize(
    ("text", "scheme", "query"),
    [
        (LOCAL, "mysql+pymysql", "unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"),
        (LOCAL, "mysql+mysqldb", "unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4"),
        (LOCAL, "mysql+mysqlconnector",
         "unix_socket=/run/mysqld/mysqld.sock&charset=utf8mb4&collation=utf8mb4_unicode_ci"),
        (WITH_CA, "mysql+pymysql", "ssl_ca=/etc/ssl/ca.crt"),
        (WITH_CA, "mysql+mysqldb", "ssl_ca=/etc/ssl/ca.crt&ssl_mode=VERIFY_IDENTITY"),
        (WITH_CA, "mysql+mysqlconnector", "ssl_ca=/etc/ssl/ca.crt&ssl_verify_cert=true&ssl_verify_identity=true"),
        ("mysql://u:p@h/d?ssl_ca=/x&ssl_mode=REQUIRED", "mysql+mysqldb", "ssl_ca=/x&ssl_mode=REQUIRED"),
        ("mysql://u:p@h/d", "mysql+mysqldb", ""),
    ],
)  # fmt: skip
def test_each_driver_is_told_in_its_own_words_and_can_be_changed_for_another(
    text: str, scheme: str, query: str
) -> None:
    fitted = mysql_driver.fitted(text, scheme)
    assert (fitted.partition("://")[0], fitted.partition("?")[2]) == (scheme, query)
    for other in ("mysql+mysqlconnector", "mysql+mysqldb", "mysql+pymysql"):
        assert mysql_driver.fitted(mysql_driver.fitted(text, other), scheme) == fitted


def test_a_url_that_says_itself_what_is_checked_gets_no_ca() -> None:
    assert url.with_ca("mysql://u:p@h/d?ssl_ca=/own", "/ca") == "mysql://u:p@h/d?ssl_ca=/own"


def test_a_statement_comes_into_the_url_without_a_percent_sign() -> None:
    assert url.add_statement("mysql://h/d", "SET SESSION a=1,b=2") == "mysql://h/d?init_command=SET+SESSION+a=1,b=2"
    assert url.add_statement("mysql://h/d?init_command=x", "SET a=1") == "mysql://h/d?init_command=x"
