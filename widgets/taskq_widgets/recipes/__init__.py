"""Recipes as forms: for people who do not code."""

from __future__ import annotations
