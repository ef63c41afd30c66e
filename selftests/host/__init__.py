# SPDX-License-Identifier: GPL-2.0-only
"""The host part of the tests: starts machines, collects results."""
