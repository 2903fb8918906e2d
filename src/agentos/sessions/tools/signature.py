"""What arguments a tool takes: its JSON schema from type hints, and reading them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agentos.errors import ConfigInvalid
from agentos.sessions.tools.docstring import explained
from agentos.sessions.tools.failures import CallFailed
from agentos.sessions.tools.tool import Tool, ToolContext

if TYPE_CHECKING:
    from pydantic import BaseModel

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Signature:
    """A tool and the arguments that it takes.

    Attributes:
        schema: JSON schema of the arguments.
    """

    name: str
    tool: Tool
    description: str
    schema: Mapping[str, Any]
    _model: type[BaseModel]
    _context: str | None

    @classmethod
    def of(cls, tool: Tool) -> Signature:
        """Read a function's type hints and docstring.

        Raises:
            ConfigInvalid: They do not say what an agent must know.
        """
        name = _name_of(tool)
        parameters = _parameters(tool.function, name)
        context = [p.name for p in parameters if p.annotation is ToolContext]
        if len(context) > 1:
            raise ConfigInvalid(f"the tool {name!r} takes more than one ToolContext")
        about, meanings = explained(tool.function)
        asked = [p for p in parameters if p.name not in context]
        model = _model_of(name, asked, meanings)
        return cls(name, tool, about, _schema_of(name, model), model, next(iter(context), None))

    def read(self, arguments: Mapping[str, Any], context: ToolContext) -> dict[str, Any]:
        """Check the arguments of a call and make of them what the function takes.

        Raises:
            CallFailed: They do not fit.
        """
        from pydantic import ValidationError

        try:
            checked = self._model.model_validate(arguments)
        except ValidationError as error:
            raise CallFailed("tool_arguments_invalid", f"{self.name}: {_words(error)}") from error
        fields = type(checked).model_fields
        values = {
            str(field.alias): getattr(checked, place)
            for place, field in fields.items()
            if place in checked.model_fields_set
        }
        return values | ({self._context: context} if self._context else {})


def signatures_of(tools: Iterable[Tool | Callable[..., Any]]) -> dict[str, Signature]:
    """Read several tools, each by its name.

    Raises:
        ConfigInvalid: One cannot be offered, or two have one name.
    """
    found: dict[str, Signature] = {}
    taken: dict[str, str] = {}
    for entry in tools:
        signature = Signature.of(entry if isinstance(entry, Tool) else Tool(entry))
        same = signature.name.replace("-", "_")  # agents write one for the other
        if same in taken:
            raise ConfigInvalid(
                f"two tools have the name {signature.name!r}",
                hint='name one of them: Tool(function, name="...")',
            )
        taken[same] = signature.name
        found[signature.name] = signature
    return found


def _name_of(tool: Tool) -> str:
    if not callable(tool.function):
        raise ConfigInvalid(f"the tool {tool.function!r} is not a function")
    name = tool.name or str(getattr(tool.function, "__name__", ""))
    if not _NAME.fullmatch(name):
        raise ConfigInvalid(
            f"the tool {tool.function!r} needs a name of letters, digits, _ and -, not {name!r}",
            hint='name it: Tool(function, name="...")',
        )
    if not tool.timeout > 0:
        raise ConfigInvalid(
            f"the tool {name!r} has the timeout {tool.timeout!r}; it must be above 0"
        )
    return name


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except (NameError, TypeError, ValueError, SyntaxError) as error:
        raise ConfigInvalid(
            f"the type hints of the tool {name!r} cannot be read: {error}"
        ) from error
    for parameter in parameters:
        if parameter.kind not in _NAMED:
            raise ConfigInvalid(
                f"the tool {name!r} takes {str(parameter)!r}, which an agent cannot give",
                hint="give each parameter a name of its own",
            )
        if parameter.annotation is parameter.empty:
            raise ConfigInvalid(
                f"the parameter {parameter.name!r} of the tool {name!r} has no type hint",
                hint=f"write {parameter.name}: str, or what it is: the agent is told by it",
            )
    return parameters


def _model_of(
    name: str, parameters: Iterable[inspect.Parameter], meanings: Mapping[str, str]
) -> type[BaseModel]:
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticUserError

    fields: dict[str, Any] = {}
    for place, parameter in enumerate(parameters):
        default = ... if parameter.default is parameter.empty else parameter.default
        field = Field(default, alias=parameter.name, description=meanings.get(parameter.name))
        fields[f"argument_{place}"] = (parameter.annotation, field)
    try:
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    except (PydanticUserError, TypeError) as error:
        raise _untellable(name, error) from error
    return cast("type[BaseModel]", model)


def _schema_of(name: str, model: type[BaseModel]) -> dict[str, Any]:
    from pydantic.errors import PydanticUserError

    try:
        schema = model.model_json_schema()
    except PydanticUserError as error:
        raise _untellable(name, error) from error
    for argument in schema.get("properties", {}).values():
        argument.pop("title", None)
    schema.pop("title", None)
    return schema


def _untellable(name: str, error: Exception) -> ConfigInvalid:
    words = str(error).splitlines()[0]
    return ConfigInvalid(
        f"the type hints of the tool {name!r} cannot be told to an agent: {words}",
        hint="use types that JSON has, dataclasses or Pydantic models",
    )


def _words(error: Any) -> str:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in found)
