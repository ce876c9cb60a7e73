"""Query parameters as a model, read in one go.

FastAPI takes a model's parameters apart and puts them together again for every request, which takes
longer than most of what ``/recommend`` does besides ranking. What it documents stays its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar, get_origin

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class QueryModel(Generic[Model]):
    """A dependency that reads a model from the query; parameters it does not name are passed over.

    Args:
        model: of plain values and lists of them; a list takes every value of its name, all others
            the last one.
    """

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        fields = model.model_fields
        self._lists = {
            name for name, field in fields.items() if get_origin(field.annotation) is list
        }
        self._names = set(fields)

    async def __call__(self, request: Request) -> Model:
        """Read the parameters of one request.

        Raises:
            RequestValidationError: as FastAPI's own, with ``query`` and the name as its place.
        """
        given: dict[str, Any] = {}
        for name, value in request.query_params.multi_items():
            if name in self._lists:
                given.setdefault(name, []).append(value)
            elif name in self._names:
                given[name] = value
        try:
            return self._model.model_validate(given)
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
            placed = [{**error, "loc": ("query", *error["loc"])} for error in errors]
            raise RequestValidationError(placed) from exc

    def documented(self) -> list[dict[str, Any]]:
        """Return the parameters as FastAPI describes them, for ``openapi_extra``."""
        route = APIRoute("/", _taking(self._model), methods=["GET"])
        described = get_openapi(title="", version="", routes=[route])
        return list(described["paths"]["/"]["get"]["parameters"])


def _taking(model: type[BaseModel]) -> Callable[..., None]:
    def endpoint(params: Any) -> None: ...

    endpoint.__annotations__["params"] = Annotated[model, Query()]
    return endpoint
