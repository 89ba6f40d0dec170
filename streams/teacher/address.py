"""Reads the teacher's URL, model and API key from its config, or says what is wrong with them."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.config import TeacherConfig
from schemas.urls import masked_url
from streams.errors import TeacherMisconfigured, TeacherNotSet
from streams.teacher.answer import quote
from streams.teacher.key_variables import KeyVariables

_NEEDS_KEY = "api.openai.com"
_NO_KEY = "none"


@dataclass(frozen=True, slots=True)
class Address:
    """A model at the base URL of an API."""

    url: str
    model: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"teacher {self.model} at {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def address_of(config: TeacherConfig) -> Address:
    """The URL and model of the settings.

    Raises:
        TeacherNotSet: one of them is not set.
        TeacherMisconfigured: the URL is none.
    """
    if not config.url:
        raise TeacherNotSet(
            "`teacher.url` is not set: put the base URL of an OpenAI-compatible API there, "
            "e.g. http://localhost:8000/v1"
        )
    if not config.model:
        raise TeacherNotSet("`teacher.model` is not set: put the name of a model there that the API knows")
    if not _is_http(config.url):
        raise TeacherMisconfigured(
            f"`teacher.url`: {quote(masked_url(config.url))} is no URL that can be asked, e.g. http://localhost:8000/v1"
        )
    return Address(config.url, config.model)


def api_key(address: Address, config: TeacherConfig, keys: KeyVariables) -> str:
    """The key in the variable that the settings name; a stand-in where none is set and none is needed.

    Raises:
        TeacherMisconfigured: the API needs a key and there is none, or it may not be read, or is
            none that HTTP can carry.
    """
    key = keys.value(config.key_env)
    if not key and address.host == _NEEDS_KEY:
        raise TeacherMisconfigured(
            f"`teacher.key_env`: {_NEEDS_KEY} needs a key, and the environment variable {config.key_env} "
            f"of the teacher's process is not set: set it and restart the teacher, or name another variable"
        )
    if not (key.isascii() and key.isprintable()):
        raise TeacherMisconfigured(
            f"`teacher.key_env`: the environment variable {config.key_env} has characters that no key has"
        )
    return key or _NO_KEY


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
