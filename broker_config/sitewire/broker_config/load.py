"""Reads the config file: either all of it is right, or all that is wrong is said at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sitewire.broker_config.errors import ConfigInvalid
from sitewire.broker_config.model import Config, FileSection, Route, SinkConfig
from sitewire.broker_config.names import ROUTE_NAME
from sitewire.broker_config.patterns import PatternRefused, contains, expand, overlap
from sitewire.broker_config.problem import Problem
from sitewire.broker_config.sink_types import SinkType, load_sink_type, sink_types
from sitewire.broker_config.source import KeyPath, Source, read_source
from sitewire.broker_config.suggest import did_you_mean

_MEANINGS: Final = {
    "missing": "is missing",
    "model_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "too_short": "must not be empty",
}

_UNITS: Final = {"max_bytes": "bytes", "hours": "hours"}
"""Of keys that are numbers: who writes ``10GiB`` is told what the number counts."""

_Model = TypeVar("_Model", bound=BaseModel)


def load_config(path: Path | str) -> Config:
    """Read, validate and resolve a config file.

    Raises:
        ConfigInvalid: with every problem that was found, each with its line and what to do.
    """
    file = Path(path)
    source = read_source(file)
    base = file.absolute().parent
    config = _Reader(source, base).config() if source.values else None
    if source.problems or config is None:
        raise ConfigInvalid(_in_order(source))
    return config


def _in_order(source: Source) -> list[Problem]:
    # A value that could not be read is a problem for the model too: the first one says it.
    first: dict[tuple[int, str], Problem] = {}
    for problem in source.problems:
        first.setdefault((problem.line, problem.key), problem)
    return sorted(first.values(), key=lambda problem: problem.line)


class _Reader:
    """Goes over all sections, so that one that is wrong hides no problem of another."""

    def __init__(self, source: Source, base: Path) -> None:
        self._source = source
        self._base = base

    def config(self) -> Config | None:
        parsed = self._validated(FileSection, self._source.values, ())
        sinks = {name: self._route(name, section) for name, section in self._raw_routes().items()}
        self._check_places({name: sink for name, sink in sinks.items() if sink is not None})
        if parsed is None or self._source.problems:
            return None
        routes = tuple(
            Route(name, section.subjects, section.start, sink)
            for name, section in parsed.routes.items()
            if (sink := sinks[name]) is not None
        )
        return Config(self._source.file, parsed.broker, parsed.collect, routes, parsed.keep)

    def _raw_routes(self) -> dict[str, Mapping[str, Any]]:
        raw = self._source.values.get("routes")
        items = raw.items() if isinstance(raw, Mapping) else ()
        return {name: section for name, section in items if isinstance(section, Mapping)}

    def _route(self, name: str, section: Mapping[str, Any]) -> SinkConfig | None:
        path: KeyPath = ("routes", name)
        if not ROUTE_NAME.fullmatch(name):
            self._source.add(path, "a route's name is 1 to 32 characters of a-z, 0-9 and -", _name_like(name))
        if isinstance(subjects := section.get("subjects"), list):
            self._check_subjects(subjects, (*path, "subjects"))
        if isinstance(sink := section.get("sink"), Mapping):
            return self._sink(sink, (*path, "sink"))
        return None

    def _check_subjects(self, subjects: Sequence[object], path: KeyPath) -> None:
        patterns: dict[int, str] = {}
        for number, subject in enumerate(subjects):
            try:
                if isinstance(subject, str):
                    patterns[number] = expand(subject)
            except PatternRefused as error:
                self._source.add((*path, number), f"`{subject}`: {error}", error.suggestion)
        for first, second in combinations(patterns, 2):
            if overlap(patterns[first], patterns[second]):
                message = f"`{subjects[first]}` and `{subjects[second]}` match the same subjects"
                self._source.add((*path, second), message, _overlap_advice(patterns[first], patterns[second]))

    def _sink(self, raw: Mapping[str, Any], path: KeyPath) -> SinkConfig | None:
        types = sink_types()
        kind = self._source.texts.get((*path, "type"), "")
        if kind not in types:
            message = f"there is no sink type `{kind}`" if kind else "is missing: what kind of sink this is"
            self._source.add((*path, "type"), message, did_you_mean(kind, types))
            return None
        try:
            sink_type = load_sink_type(types[kind])
        except ImportError as error:
            advice = f'pip install "sitewire[{kind}]"'
            self._source.add((*path, "type"), f"`{kind}` cannot be loaded: {error}", advice)
            return None
        except Exception as error:  # noqa: BLE001  the import of somebody's sink may raise anything
            self._source.add((*path, "type"), f"`{kind}` cannot be loaded: {type(error).__name__}: {error}")
            return None
        return self._make(kind, sink_type, {key: value for key, value in raw.items() if key != "type"}, path)

    def _make(self, kind: str, sink_type: SinkType, keys: Mapping[str, Any], path: KeyPath) -> SinkConfig | None:
        options = self._validated(sink_type.Options, keys, path)
        known = set(_keys_at(sink_type.Options, ()))
        for key in keys.keys() - known:  # somebody's model may ignore what it does not know
            self._source.add((*path, key), f"there is no key `{key}`", did_you_mean(key, {*known, "type"}))
        if options is None:
            return None
        try:
            identity = sink_type.from_options(options, self._base).identity
        except Exception as error:  # noqa: BLE001  a sink may be anybody's: what it raises is a problem of the file
            self._source.add(path, f"`{kind}` refuses these keys: {error}")
            return None
        return SinkConfig(kind, options, self._base, identity)

    def _check_places(self, sinks: Mapping[str, SinkConfig]) -> None:
        for (first, one), (second, other) in combinations(sinks.items(), 2):
            if one.identity == other.identity:
                message = f"two routes write to one place: `{first}` and `{second}` to {other.identity}"
                advice = "give each a place of its own, or make them one route with the subjects of both"
                self._source.add(("routes", second, "sink"), message, advice)

    def _validated(self, model: type[_Model], values: object, path: KeyPath) -> _Model | None:
        try:
            found = model.model_validate(values, context={"base": self._base})
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False):
                self._add(model, error, path)
            return None
        return found

    def _add(self, model: type[BaseModel], error: ErrorDetails, path: KeyPath) -> None:
        here = (*path, *error["loc"])
        if error["type"] == "extra_forbidden":
            known = {*_keys_at(model, error["loc"][:-1]), *(("type",) if path else ())}
            self._source.add(here, f"there is no key `{here[-1]}`", did_you_mean(str(here[-1]), known))
        else:
            message = _MEANINGS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
            unit = _UNITS.get(str(here[-1]), "") if here[0] in ("broker", "keep") else ""
            advice = _in_bytes(self._source.texts.get(here, "")) if unit == "bytes" else ""
            self._source.add(here, f"{message}, in {unit}" if unit else message, advice)


def _keys_at(model: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """Return the keys that exist at a path below a model."""
    found: object = model
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            field = found.model_fields.get(str(part))
            found = _bare(field.annotation) if field else None
        else:  # a mapping of names, or a list: the part is a name or a number
            found = _bare(get_args(found)[-1]) if get_args(found) else None
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        return ()
    return [field.alias or name for name, field in found.model_fields.items()]


def _bare(annotation: object) -> object:
    """Return the type without ``Annotated`` and ``| None``."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = next(item for item in get_args(annotation) if item is not type(None))
    return annotation


def _name_like(name: str) -> str:
    close = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:32]
    return f"write `{close}`" if close else "choose another name"


def _in_bytes(text: str) -> str:
    """Say what a size with a unit is as a number."""
    found = re.fullmatch(r"(\d+) ?([KMGT])(i?)B?", text, re.IGNORECASE)
    if found is None:
        return ""
    base = 1024 if found[3] else 1000
    return f"write `{int(found[1]) * base ** ('KMGT'.index(found[2].upper()) + 1)}`"


def _overlap_advice(first: str, second: str) -> str:
    if contains(first, second):
        return "leave out the second"
    return "leave out the first" if contains(second, first) else "write patterns that do not overlap"
