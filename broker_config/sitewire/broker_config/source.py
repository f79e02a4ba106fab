"""A YAML file as plain values, with the line of every key.

The nodes are walked here, not by ruamel.yaml's constructor, to have all duplicate keys with their
lines, and times as the text that was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sitewire.broker_config.problem import Problem

KeyPath: TypeAlias = tuple[str | int, ...]

MAX_FILE_BYTES: Final = 512 * 1024
"""Over a thousand routes. YAML is read at some 20 kB a second and more slowly where it is nested (measured)."""

MAX_DEPTH: Final = 32
"""Levels; a config file has six. The time to read a flow of brackets grows with the square of its depth."""

_HALF: Final = "an escape stands for half a character"
_PLAIN_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))


@dataclass(slots=True)
class Source:
    """What a file says.

    Attributes:
        file: where it was read.
        values: its top mapping; empty when there is none.
        lines: the line of each key path, counted from 1.
        texts: each single value as it is written: YAML reads `null` as nothing, and a sink is called so.
        problems: why values may be missing: unreadable, not YAML, duplicate keys.
    """

    file: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: KeyPath, message: str, suggestion: str = "") -> Problem:
        """Return a problem at a key, or at the nearest key above it that the file has."""
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.lines), ())
        return Problem(self.file, self.lines.get(known, 0), key_text(path), message, suggestion)

    def add(self, path: KeyPath, message: str, suggestion: str = "") -> None:
        """Note a problem."""
        self.problems.append(self.problem(path, message, suggestion))


def key_text(path: KeyPath) -> str:
    """Return a key path as people write it: ``routes.hq.subjects[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def read_source(file: Path) -> Source:
    """Read a file; what is wrong with it is in ``problems``, nothing is raised."""
    source = Source(file)
    text = _read_text(source)
    if text is None:
        return source
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        _read_top(source, yaml.compose(StringIO(text)), yaml.constructor)
    except (MaxDepthExceededError, RecursionError):
        source.add((), "not a config file: nested too deeply")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        reason = " ".join(part for part in (error.context, error.problem) if part)
        source.problems.append(Problem(file, line, "", f"not YAML: {reason}"))
    except YAMLError as error:
        source.problems.append(Problem(file, 0, "", f"not YAML: {str(error).splitlines()[0]}"))
    return source


def _read_text(source: Source) -> str | None:
    advice = "name the config file with -c FILE"
    try:
        with source.file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            source.add((), f"larger than {MAX_FILE_BYTES} bytes, so no config file", advice)
            return None
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        source.add((), "there is no such file", advice)
    except IsADirectoryError:
        source.add((), "this is a directory", advice)
    except UnicodeDecodeError as error:
        source.add((), f"not UTF-8 text (byte {error.start})", advice)
    except OSError as error:
        source.add((), f"cannot be read: {error.strerror}", "check the rights of the file and its folders")
    return None


def _read_top(source: Source, node: Node | None, scalars: SafeConstructor) -> None:
    if node is None or (isinstance(node, ScalarNode) and not node.value):
        source.add((), "the file is empty", "it needs `broker:` and `routes:`")
    elif not isinstance(node, MappingNode):
        source.add((), "the file is not a mapping of keys", "it needs `broker:` and `routes:`")
    else:
        source.values = _Walk(source, scalars).mapping(node, ())


class _Walk:
    def __init__(self, source: Source, scalars: SafeConstructor) -> None:
        self._source = source
        self._seen: set[int] = set()
        self._scalars = scalars

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if reason := _no_key(key_node):
                line = key_node.start_mark.line + 1
                self._source.problems.append(Problem(self._source.file, line, key_text(path), reason, "write a name"))
                continue
            key = str(key_node.value)
            here = (*path, key)
            line = key_node.start_mark.line + 1
            if key in found:
                first = self._source.lines[here]
                message = f"the key is there twice, first in line {first}"
                self._source.problems.append(Problem(self._source.file, line, key_text(here), message, "keep one"))
                continue
            self._source.lines[here] = line
            found[key] = self._value(value_node, here)
        return found

    def _value(self, node: Node, path: KeyPath) -> Any:  # noqa: ANN401  whatever the file holds
        if not isinstance(node, ScalarNode):
            if id(node) in self._seen:
                self._source.add(path, "a YAML alias (`*name`) of a mapping or list", "write the value out")
                return None
            self._seen.add(id(node))
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, number)) for number, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: Node, path: KeyPath) -> Any:  # noqa: ANN401  whatever the file holds
        self._source.lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _scalar(self, node: Node, path: KeyPath) -> Any:  # noqa: ANN401  whatever the file holds
        if not _is_unicode(str(node.value)):
            self._source.add(path, _HALF, "write the character itself")
            return None
        self._source.texts[path] = str(node.value)
        if str(node.tag) not in _PLAIN_TAGS:
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (ValueError, LookupError, OverflowError):  # an explicit tag that its value contradicts: `!!int x`
            self._source.add(path, f"not a value of its tag: {node.value!r}", "leave the tag out")
            return None


def _no_key(node: Node) -> str:
    """Return why a node is the key of nothing; empty if it may be one."""
    if not isinstance(node, ScalarNode):  # its text would be that of all its aliases, written out
        return "a key is a mapping or a list"
    return "" if _is_unicode(str(node.value)) else _HALF


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it: YAML lets one half of a surrogate pair be written as an escape."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
