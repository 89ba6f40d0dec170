"""Changes by persons: of a task's config and of its versions, by the command line and the dashboard alike.

Each is planned first, so that its diff can be shown before it is made; who, when and why are kept.
"""
