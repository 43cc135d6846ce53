"""Bbox heads."""
