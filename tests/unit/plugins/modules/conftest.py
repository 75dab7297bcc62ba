# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures of the tests in this folder."""

from as_ansible import call

__all__ = ["call"]
