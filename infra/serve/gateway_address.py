"""Where the gateway listens: what the command line says, over the settings."""

from streams.errors import InvalidSettings
from streams.gateway.server import listen
from streams.settings import Settings


def with_address(settings: Settings, host: str | None, port: int | None) -> Settings:
    """The settings, with host and port of the gateway where they are given."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return settings.model_copy(update={"gateway": settings.gateway.model_copy(update=given)})


def with_free_port(settings: Settings) -> Settings:
    """The settings; where nobody has named a port and the default one is taken, one that is free."""
    if "port" in settings.gateway.model_fields_set:
        return settings
    try:
        listen(settings.gateway).close()
    except InvalidSettings:
        anywhere = with_address(settings, None, 0)
        with listen(anywhere.gateway) as listening:
            return with_address(settings, None, int(listening.getsockname()[1]))
    return settings


def gateway_url(settings: Settings) -> str:
    """Where it listens, for people."""
    return f"http://{settings.gateway.host}:{settings.gateway.port}"
