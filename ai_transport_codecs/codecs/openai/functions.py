"""Python functions as tools of the API: what to tell the model of them."""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from ai_transport_codecs.errors import InvalidArgumentError

ToolFunction: TypeAlias = Callable[..., Awaitable[Any]]

_JSON_TYPES: Final[Mapping[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
}
_TAKEN: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def tool_param(name: str, function: ToolFunction) -> dict[str, Any]:
    """What the API is told of a function: its docstring, and its parameters by their annotations.

    Raises InvalidArgumentError for one that is not asynchronous, or has parameters that cannot be given by name.
    """
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    if not inspect.iscoroutinefunction(called):
        raise InvalidArgumentError(f"tool {name!r} is not asynchronous; define it with 'async def'")
    hints = get_type_hints(called)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for key, parameter in inspect.signature(called).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD or (key == "self" and called is not function):
            continue
        if parameter.kind not in _TAKEN:
            raise InvalidArgumentError(
                f"tool {name!r} has the parameter {key!r}, which cannot be given by name, as models give all of them"
            )
        properties[key] = _schema(hints.get(key, Any))
        if parameter.default is inspect.Parameter.empty:
            required.append(key)
    described = inspect.getdoc(function)
    return {
        "type": "function",
        "function": {
            "name": name,
            **({"description": described} if described else {}),
            "parameters": {"type": "object", "properties": properties, "required": required},
        },
    }


def _schema(annotation: Any) -> dict[str, Any]:
    """The JSON schema of an annotation; an empty one, which takes anything, for what JSON has no word for."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in {Union, types.UnionType}:
        return {"anyOf": [{"type": "null"} if each is type(None) else _schema(each) for each in arguments]}
    name = _JSON_TYPES.get(origin or annotation)
    if name is None:
        return {}
    if name == "array" and arguments:
        return {"type": name, "items": _schema(arguments[0])}
    return {"type": name}
