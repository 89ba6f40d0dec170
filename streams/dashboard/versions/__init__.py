"""Versions of a policy on the dashboard, and the labels of the live one."""
