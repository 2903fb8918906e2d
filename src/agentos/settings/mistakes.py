"""Turn what pydantic says of a document into one mistake, with the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from agentos.settings.places import Path


@dataclass(frozen=True)
class Mistake:
    """What is wrong, where, and what to do."""

    path: Path
    message: str
    hint: str | None


def first_mistake(
    error: ValidationError, whole: type[BaseModel], line: Callable[[Path], int]
) -> Mistake:
    """Return the mistake that stands first in the document."""
    details = min(
        error.errors(include_url=False, include_input=False), key=lambda each: line(each["loc"])
    )
    path, kind = details["loc"], details["type"]
    if kind == "extra_forbidden":
        known = declared(whole, path[:-1])
        what = "table" if len(path) == 1 else "setting"
        return Mistake(path, f"there is no such {what}", nearest(str(path[-1]), known))
    if kind == "missing":
        return Mistake(path[:-1], f"{path[-1]} is missing", f"add {path[-1]} = ...")
    if path[:1] == ("providers",) and path[2:] == ("key",):
        # A key in a file is a key in backups and repositories.
        return Mistake(
            path,
            "this is not where the key is",
            'a key itself has no place here: write key = { env = "NAME" }',
        )
    message = details["msg"].removeprefix("Value error, ")
    hint = None
    if kind == "literal_error":
        hint = f"one of {details['ctx']['expected']}"
        message = "it cannot be this"
    return Mistake(path, message[:1].lower() + message[1:], hint)


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which name was probably meant, or which there are."""
    names = sorted(known)
    alike = difflib.get_close_matches(name, names, n=1)
    if alike:
        return f"did you mean {alike[0]}?"
    return f"there are {', '.join(names)}" if names else "there is none"


def declared(whole: type[BaseModel], path: Path) -> list[str]:
    """Return the names of the settings that the table at a path declares."""
    annotation: Any = whole
    for part in path:
        annotation = _inside(annotation, part)
    model = _model(annotation)
    return sorted(model.model_fields) if model else []


def _inside(annotation: Any, part: str | int) -> Any:
    model = _model(annotation)
    if model and part in model.model_fields:
        return model.model_fields[str(part)].annotation
    for option in _options(annotation):
        if get_origin(option) is dict:
            return get_args(option)[1]
        if get_origin(option) is list:
            return get_args(option)[0]
    return None


def _model(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _options(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union: `X | None` is X and None."""
    if get_origin(annotation) in (dict, list) or isinstance(annotation, type):
        return (annotation,)
    return get_args(annotation) or (annotation,)
