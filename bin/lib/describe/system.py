# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Python packages that need packages of the system: names are Debian's and Ubuntu's.

BUILT have no wheel for Linux, so that they are compiled; RUN have one, and call a library or a program that it does not
bring. What of `MODULES` the app must import for it to matter is beside those that many apps only list.
"""

from __future__ import annotations

from typing import NamedTuple


class Needed(NamedTuple):
    """What a package needs, why, and the modules of which the app imports one when it uses that."""

    system: tuple[str, ...]
    why: str = "is compiled"
    modules: tuple[str, ...] = ()


Packages = dict[str, Needed]

BUILT: Packages = {
    "psycopg2": Needed(("libpq-dev",)),
    "psycopg-c": Needed(("libpq-dev",)),
    "mysqlclient": Needed(("default-libmysqlclient-dev", "pkg-config")),
    "python-ldap": Needed(("libldap-dev", "libsasl2-dev")),
    "pyldap": Needed(("libldap-dev", "libsasl2-dev")),
    "gssapi": Needed(("libkrb5-dev",)),
    "python-gssapi": Needed(("libkrb5-dev",)),
    "requests-gssapi": Needed(("libkrb5-dev",), "brings gssapi, which is compiled"),
    "pykerberos": Needed(("libkrb5-dev",)),
    "pycairo": Needed(("libcairo2-dev", "pkg-config")),
    "xmlsec": Needed(("libxmlsec1-dev", "pkg-config")),
    "python3-saml": Needed(("libxmlsec1-dev", "pkg-config"), "brings xmlsec, which is compiled"),
    "pygraphviz": Needed(("libgraphviz-dev", "pkg-config")),
    "uwsgi": Needed(()),
    "pyuwsgi": Needed(()),
    "netifaces": Needed(()),
    "m2crypto": Needed(("libssl-dev", "swig")),
    "dbus-python": Needed(("libdbus-1-dev", "libglib2.0-dev", "pkg-config")),
    "sasl": Needed(("libsasl2-dev",)),
    "gdal": Needed(("libgdal-dev",)),
    "python-snappy": Needed(("libsnappy-dev",)),
    "pyaudio": Needed(("portaudio19-dev",)),
    "pylibmc": Needed(("libmemcached-dev", "zlib1g-dev")),
    "flask-mysqldb": Needed(("default-libmysqlclient-dev", "pkg-config"), "brings mysqlclient, which is compiled"),
}
RUN: Packages = {
    "weasyprint": Needed(("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"), "loads Pango"),
    "flask-weasyprint": Needed(("libpango-1.0-0", "libpangoft2-1.0-0"), "loads Pango"),
    "cairosvg": Needed(("libcairo2",), "loads cairo"),
    "cairocffi": Needed(("libcairo2",), "loads cairo"),
    "python-magic": Needed(("libmagic1",), "loads libmagic"),
    "wand": Needed(("libmagickwand-dev",), "loads ImageMagick", ("wand",)),
    "pyodbc": Needed(("unixodbc",), "loads unixODBC", ("pyodbc",)),
    "pyzbar": Needed(("libzbar0",), "loads zbar"),
    "opencv-python": Needed(("libgl1", "libglib2.0-0"), "loads OpenGL"),
    "pdf2image": Needed(("poppler-utils",), "runs pdftoppm"),
    "pytesseract": Needed(("tesseract-ocr",), "runs tesseract"),
    "pdfkit": Needed(("wkhtmltopdf",), "runs wkhtmltopdf"),
    "imgkit": Needed(("wkhtmltopdf",), "runs wkhtmltoimage"),
    "pydub": Needed(("ffmpeg",), "runs ffmpeg"),
    "ffmpeg-python": Needed(("ffmpeg",), "runs ffmpeg"),
    "graphviz": Needed(("graphviz",), "runs dot", ("graphviz",)),
    "gitpython": Needed(("git",), "runs git", ("git",)),
    "pypandoc": Needed(("pandoc",), "runs pandoc"),
    "soundfile": Needed(("libsndfile1",), "loads libsndfile"),
    "python-nmap": Needed(("nmap",), "runs nmap"),
}
