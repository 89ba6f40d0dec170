"""Problem response: a problem as those who call a path expect it."""

from starlette.requests import Request
from starlette.responses import Response

from streams.gateway.calls import request_id
from streams.gateway.problems import HttpProblem

_PROBLEM = "application/problem+json"
_OPENAI = (
    *("/v1/chat/", "/v1/models", "/v1/responses", "/v1/decisions", "/v1/systemone", "/v1/completions"),
    *("/v1/embeddings", "/v1/moderations", "/v1/audio/", "/v1/batches", "/v1/files", "/v1/images/"),
)
_CLIENT_GONE = 499
"""Nobody reads it; it is what the log of a proxy would say."""


def problem_response(call: Request, problem: HttpProblem) -> Response:
    """As OpenAI's API has errors on its paths, and as `application/problem+json` on ours."""
    headers = dict(problem.headers)
    headers["x-request-id"] = request_id(call.headers, problem.body.id or "none")
    if is_of_openai(call):
        return Response(
            problem.encode_as_openai(), problem.kind.status, headers, media_type="application/json"
        )
    return Response(problem.encode(), problem.kind.status, headers, media_type=_PROBLEM)


def client_gone() -> Response:
    return Response(status_code=_CLIENT_GONE)


def is_of_openai(call: Request) -> bool:
    """Whether callers of its path expect errors as OpenAI's API has them."""
    return call.url.path.startswith(_OPENAI)
