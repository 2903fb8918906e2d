"""Reading scenarios from YAML and Python files; errors name the file and the line."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from agentos.config import expanded
from agentos.errors import ConfigInvalid
from agentos.models.rehearsal.scenario import McpCall, Scenario, Step, Usage, When

_SHIPPED = Path(__file__).parent / "scenarios"
_FILE = "scenario.yaml"
_T = TypeVar("_T")


def shipped_scenarios() -> list[str]:
    """List the names of the scenarios that come with AgentOS."""
    return sorted(file.parent.name for file in _SHIPPED.glob(f"*/{_FILE}"))


def load_scenario(source: str | Path) -> Scenario:
    """Read a scenario.

    Args:
        source: The name of a shipped scenario; or the path of a YAML file, of a Python file
            that defines `scenario`, or of a directory that holds a `scenario.yaml`.

    Returns:
        The scenario.

    Raises:
        ConfigInvalid: There is no such scenario, or it is not well formed.
    """
    if str(source) in shipped_scenarios():
        path = _SHIPPED / str(source) / _FILE
    else:
        path = expanded(source)
        path = path / _FILE if path.is_dir() else path
    if not path.is_file():
        raise ConfigInvalid(
            f"there is no scenario `{source}`",
            hint=f"give a file's path or one of: {', '.join(shipped_scenarios())}",
        )
    return _from_python(path) if path.suffix == ".py" else _YamlScenario(path).read()


def _from_python(path: Path) -> Scenario:
    try:
        scenario = runpy.run_path(str(path)).get("scenario")
    except SyntaxError as error:
        raise ConfigInvalid(f"{path}:{error.lineno}: {error.msg}") from error
    if not isinstance(scenario, Scenario):
        raise ConfigInvalid(
            f"{path} defines no scenario", hint="add `scenario = Scenario(steps=[...])`"
        )
    return scenario


class _YamlScenario:
    """Turns the nodes of one file into dataclasses, checking keys and types by their line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Scenario:
        try:
            root = yaml.compose(self._path.read_text("utf-8"), yaml.SafeLoader)
        except UnicodeDecodeError as error:
            raise ConfigInvalid(f"{self._path} is not UTF-8 text: {error}") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise ConfigInvalid(f"{self._path}:{line}: {error.problem}") from error
        except yaml.YAMLError as error:
            raise ConfigInvalid(f"{self._path}: {error}") from error
        if root is None:
            raise ConfigInvalid(f"{self._path} is empty", hint="write steps: and at least one step")
        readers = {
            **dict.fromkeys(("name", "description", "model", "prompt", "title"), self._text),
            "project": self._directory,
            "steps": self._steps,
        }
        return self._build(Scenario, root, readers)

    def _steps(self, node: yaml.Node) -> list[Step]:
        if not isinstance(node, yaml.SequenceNode):
            self._fail(node, "steps: is not a list", "begin each step with `- `")
        return [self._step(step) for step in node.value]

    def _step(self, node: yaml.Node) -> Step:
        readers = {
            **dict.fromkeys(("think", "say", "run", "patch"), self._text),
            **dict.fromkeys(("status", "times"), self._integer),
            **dict.fromkeys(("wait", "retry_after"), self._seconds),
            **dict.fromkeys(("break_off", "hang"), self._switch),
            "when": self._when,
            "call": self._call,
            "usage": self._usage,
        }
        return self._build(Step, node, readers)

    def _when(self, node: yaml.Node) -> When:
        readers = dict.fromkeys(("user", "output", "request"), self._text)
        return self._build(When, node, {**readers, "exit_code": self._integer})

    def _call(self, node: yaml.Node) -> McpCall:
        readers = dict.fromkeys(("server", "tool"), self._text)
        return self._build(McpCall, node, {**readers, "arguments": self._mapping})

    def _usage(self, node: yaml.Node) -> Usage:
        keys = ("input", "output", "cached", "reasoning")
        return self._build(Usage, node, dict.fromkeys(keys, self._integer))

    def _build(
        self, made: type[_T], node: yaml.Node, readers: Mapping[str, Callable[[yaml.Node], Any]]
    ) -> _T:
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, "this is not a mapping", f"its keys can be: {', '.join(readers)}")
        values: dict[str, Any] = {}
        for key_node, value in node.value:
            key = str(key_node.value)
            if key not in readers:
                self._fail(key_node, f"unknown key `{key}`", f"use one of: {', '.join(readers)}")
            if key in values:
                self._fail(key_node, f"`{key}` is given twice", "keep one of them")
            values[key] = readers[key](value)
        for field in fields(made):  # type: ignore[arg-type]
            required = field.default is MISSING and field.default_factory is MISSING
            if required and field.name not in values:
                self._fail(node, f"`{field.name}` is missing", f"add {field.name}:")
        try:
            return made(**values)
        except ConfigInvalid as error:
            self._fail(node, error.message, error.hint)

    def _text(self, node: yaml.Node) -> str:
        return self._scalar(node, str, "a text")

    def _integer(self, node: yaml.Node) -> int:
        return self._scalar(node, int, "a whole number")

    def _switch(self, node: yaml.Node) -> bool:
        return self._scalar(node, bool, "true or false")

    def _seconds(self, node: yaml.Node) -> float:
        value = self._value(node)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(node, f"`{value}` is not a number of seconds", "give one, such as 0.5")
        return float(value)

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        return self._scalar(node, dict, "a mapping")

    def _directory(self, node: yaml.Node) -> Path:
        path = self._path.parent / self._text(node)
        if not path.is_dir():
            self._fail(node, f"there is no directory {path}", "give it relative to this file")
        return path

    def _scalar(self, node: yaml.Node, kind: type[_T], wanted: str) -> _T:
        value = self._value(node)
        if type(value) is not kind:
            self._fail(node, f"`{value}` is not {wanted}", f"write {wanted} here")
        return value

    def _value(self, node: yaml.Node) -> object:
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_object(node, deep=True)
        except yaml.MarkedYAMLError as error:
            self._fail(node, f"{error.problem}", "quote the value")
        except ValueError as error:
            self._fail(node, f"{error}", "quote the value")
        finally:
            loader.dispose()

    def _fail(self, node: yaml.Node, complaint: str, hint: str | None) -> NoReturn:
        line = node.start_mark.line + 1
        raise ConfigInvalid(f"{self._path}:{line}: {complaint}", hint=hint)
