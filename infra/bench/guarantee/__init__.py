"""Simulated audits, looked at after every one: how often the guarantee errs, and how long it takes."""
