# Copyright (c) Slipway contributors
# MIT License (see LICENSE)
"""Fixtures of the tests in this folder."""

from fake_host import host

__all__ = ["host"]
