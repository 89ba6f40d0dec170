"""Report of a fit: one HTML file without network, for people who decide whether a policy goes live."""

from models.report.content import Content, Subject, content
from models.report.page import page

__all__ = ["Content", "Subject", "content", "page", "render"]


def render(subject: Subject) -> str:
    """The whole page. It holds texts of traces, so it is as confidential as they are."""
    return page(content(subject))
