#!/usr/bin/python
# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Documentation of slipway.flask.nginx_sites; its action plugin does the work, on the host with nginx_sites_on_host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_sites
short_description: Manage nginx's configuration with the certificates and keys of all its TLS sites in one call
version_added: 0.2.0
author: Slipway contributors (@slipway)
extends_documentation_fragment:
  - slipway.flask.files
  - slipway.flask.service_users
description:
  - Makes and installs the certificates, and then does what M(slipway.flask.files) does; units are told of changed
    certificates as of changed files.
  - A certificate without O(certificates[].certificate) is self-signed (ECDSA P-256, all domains as alternative names)
    and is created on the host with C(openssl). It is renewed if it expires soon, if its domains have changed, or if its
    key doesn't match.
  - A certificate with O(certificates[].certificate) is installed as given.
  - For a certificate with O(certificates[].acme), a self-signed one is used until M(slipway.flask.acme_certificates)
    has obtained it; RV(due) lists those that are due.
  - Certificates are C(<folder>/<name>/certificate.pem) and C(key.pem); only root can read the key and the folders.
  - Keys never appear in diffs or logs.
options:
  folder:
    description: Folder with one subfolder per certificate. Its parent folder must exist.
    type: path
    default: /etc/nginx/tls
  certificates:
    description: The certificates.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate's folder.
        type: str
        required: true
      domains:
        description: Domains of a self-signed certificate, which may be wildcards such as C(*.example.org).
        type: list
        elements: str
        default: []
      certificate:
        description: PEM text of the certificate and its chain; V("") creates a self-signed one.
        type: str
        default: ""
      acme:
        description: Whether the certificate comes from an ACME certificate authority.
        type: bool
        default: false
      staging:
        description: Whether to use Let's Encrypt's staging environment if O(acme_directory) is Let's Encrypt.
        type: bool
        default: false
        version_added: 0.4.0
  acme_directory:
    description: ACME directory (name or URL) that must have issued certificates with O(certificates[].acme).
    type: str
    default: ""
  acme_profile:
    description: Profile that these certificates must have.
    type: str
    default: ""
  private_keys:
    description: PEM texts of the private keys of provided certificates, by O(certificates[].name).
    type: dict
    default: {}
  days:
    description: Lifetime of a self-signed certificate.
    type: int
    default: 825
  renew_days:
    description: A self-signed certificate with fewer days left than this is renewed.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Serve a site with a self-signed certificate
  slipway.flask.nginx_sites:
    certificates:
      - {name: shop, domains: [shop.example.org, www.shop.example.org]}
    files:
      - {src: shop.conf.j2, dest: /etc/nginx/sites-enabled/shop}
    validate: [nginx, -t]
    units: [{name: nginx.service}]
"""

RETURN = r"""
changes:
  description: Why each changed certificate was changed, by name.
  type: dict
  returned: always
  sample: {shop: the domains changed}
due:
  description: Why each ACME certificate must be requested, by name.
  type: dict
  returned: always
  sample: {shop: there is none from the authority yet}
renewing:
  description: Whether the renewal timer is active; false if there are no ACME certificates.
  type: bool
  returned: always
changed_files:
  description: Changed paths, in order.
  type: list
  elements: str
  returned: always
actions:
  description: Actions for users and units that were taken, or would be.
  type: list
  elements: str
  returned: success
  sample: [nginx.service reloaded]
"""
