from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sitewire.broker_config.errors import ConfigInvalid, NotThere
from sitewire.broker_config.load import load_config
from sitewire.broker_config.problem import Problem
from sitewire.broker_config.sink_types import load_sink_type
from support.config import config_of, write_config

GOOD = """\
broker:
  embedded: {port: 4333, store: state/jetstream}
collect: {spool: spool}
routes:
  hq:
    subjects: ["metrics.*.*.>"]
    sink: {type: jsonl, dir: out}
  site-a:
    subjects: [metrics.hospital-a.*.scalars.>, metrics.hospital-a.*.media.>]
    start: 2026-01-31T10:00:00+01:00
    sink: {type: null}
"""


class FakeSink:
    """A third party's sink."""

    class Options(BaseModel):
        place: Path
        depth: int = 1

    def __init__(self, identity: str) -> None:
        self.identity = identity

    @classmethod
    def from_options(cls, options: Options, base: Path) -> FakeSink:
        if options.depth < 0:
            msg = "the place is too shallow"
            raise ValueError(msg)
        return cls(f"fake:{base / options.place}")


@pytest.fixture
def _fake_sinks(monkeypatch: pytest.MonkeyPatch) -> None:
    def sink_types() -> Mapping[str, EntryPoint]:
        group = "sitewire.sinks"
        return {
            "fake": EntryPoint("fake", f"{__name__}:FakeSink", group),
            "broken": EntryPoint("broken", "no.such.module:Sink", group),
            "empty": EntryPoint("empty", "collections:OrderedDict", group),
        }

    monkeypatch.setattr("sitewire.broker_config.load.sink_types", sink_types)
    monkeypatch.setattr(
        "sitewire.broker_config.load.load_sink_type",
        lambda point: FakeSink if point.name == "fake" else load_sink_type(point),
    )


def problems_of(folder: Path, text: str) -> list[Problem]:
    file = write_config(folder, text)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(file)
    assert all(problem.file == file for problem in caught.value.problems)
    assert str(caught.value).count("\n") >= len(caught.value.problems) - 1
    return list(caught.value.problems)


def test_a_good_file_becomes_a_config_with_absolute_paths(tmp_path: Path) -> None:
    config = config_of(tmp_path, GOOD)
    assert config.broker.embedded is not None
    assert config.broker.embedded.store == tmp_path / "state" / "jetstream"
    assert config.broker.endpoint.url == "nats://127.0.0.1:4333"
    assert config.collect.spool == tmp_path / "spool"
    hq, site = config.routes
    assert (hq.name, hq.subjects, hq.start) == ("hq", ("metrics.*.*.>",), "beginning")
    assert hq.sink.type == "jsonl"
    assert str(tmp_path / "out") in hq.sink.identity
    assert site.sink.type == "null"
    assert site.start == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert config.route("hq") is hq
    with pytest.raises(NotThere, match="did you mean `site-a`"):
        config.route("site-b")


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, "broker: {embedded: {}}")
    assert config.broker.embedded is not None
    assert (config.broker.embedded.port, config.broker.embedded.host) == (4222, "127.0.0.1")
    assert config.broker.embedded.store == tmp_path / ".sitewire" / "jetstream"
    assert config.collect.spool == Path.home() / ".sitewire" / "spool"
    assert config.routes == ()
    assert (config.keep.share, config.keep.hours) == (0.5, None)
    monkeypatch.setenv("SITEWIRE_SPOOL", str(tmp_path / "elsewhere"))
    assert config_of(tmp_path, "broker: {embedded: {}}").collect.spool == tmp_path / "elsewhere"


def test_what_is_to_be_kept(tmp_path: Path) -> None:
    config = config_of(tmp_path, "broker: {embedded: {}}\nkeep: {share: 1, hours: 0.5}")
    assert (config.keep.share, config.keep.hours) == (1.0, 0.5)


def test_a_broker_elsewhere(tmp_path: Path) -> None:
    config = config_of(tmp_path, "broker: {url: 'tls://ann:s3cret@hub:4222', creds: a.creds, ca: ~/ca.pem}")
    assert config.broker.endpoint.url == "tls://ann:s3cret@hub:4222"
    assert config.broker.endpoint.creds == tmp_path / "a.creds"
    assert config.broker.endpoint.ca == Path.home() / "ca.pem"
    assert "s3cret" not in repr(config)


def test_all_problems_are_said_at_once_each_in_its_line(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        """\
        broker:
          embeded: {port: 4222}
          url: nats://ann:s3cret@hub:99999
        routes:
          hq:
            subjects:
              - "metrics.*.*.>"
              - metrics.klinik süd.>
              - metrics.*.*.scalar.>
            start: begining
            sink: {type: tensorbord}
          Other_One:
            subject: ["metrics.>"]
            sink: {type: jsonl, dri: out}
          none: 3
        rotes: {}
        """,
    )
    said = {(problem.line, problem.key): f"{problem.message}; {problem.suggestion}" for problem in found}
    expected = {
        (2, "broker.embeded"): "did you mean `embedded`?",
        (3, "broker.url"): "not the URL of a broker",
        (8, "routes.hq.subjects[1]"): "write `klinik=20s=C3=BCd`",
        (9, "routes.hq.subjects[2]"): "did you mean `scalars`?",
        (10, "routes.hq.start"): "`beginning`, `new` or a time",
        (11, "routes.hq.sink.type"): "did you mean `tensorboard`?",
        (12, "routes.Other_One"): "write `other-one`",
        (12, "routes.Other_One.subjects"): "is missing",
        (13, "routes.Other_One.subject"): "did you mean `subjects`?",
        (14, "routes.Other_One.sink.dri"): "did you mean `dir`?",
        (14, "routes.Other_One.sink.dir"): "is missing",
        (15, "routes.none"): "must be a mapping",
        (16, "rotes"): "did you mean `routes`?",
    }
    assert said.keys() == expected.keys()
    for place, words in expected.items():
        assert words in said[place]
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("routes: {}", "broker", "is missing"),
        ("broker: {}", "broker", "either `embedded` or `url`"),
        ("broker: {embedded: {}, url: 'nats://hub'}", "broker", "either `embedded` or `url`"),
        ("broker: {embedded: {}, creds: x}", "broker", "belong to a `url`"),
        ("broker: {embedded: {port: '4222'}}", "broker.embedded.port", "must be a whole number"),
        ("broker: {embedded: {port: 0}}", "broker.embedded.port", "greater than or equal to 1"),
        ("broker: {embedded: {port: true}}", "broker.embedded.port", "must be a whole number"),
        ("broker: {embedded: {store: ''}}", "broker.embedded.store", "a path"),
        ("broker: {embedded: {store: 3}}", "broker.embedded.store", "a path"),
        ("broker: {embedded: {host: 'a b'}}", "broker.embedded.host", "match"),
        ("broker: {embedded: {max_bytes: 10}}", "broker.embedded.max_bytes", "greater"),
        ("broker: {embedded: {max_bytes: 10MiB}}", "broker.embedded.max_bytes", "number, in bytes; write `10485760`"),
        ("broker: {embedded: {max_bytes: 2 gb}}", "broker.embedded.max_bytes", "number, in bytes; write `2000000000`"),
        ("broker: {embedded: {max_bytes: much}}", "broker.embedded.max_bytes", "must be a whole number, in bytes"),
        ("broker: {embedded: {}}\nkeep: {hours: 2d}", "keep.hours", "in hours"),
        ("broker: {embedded: 3}", "broker.embedded", "must be a mapping"),
        ("broker: {embedded: {}}\nkeep: {share: 0}", "keep.share", "greater than 0"),
        ("broker: {embedded: {}}\nkeep: {share: 1.1}", "keep.share", "less than or equal to 1"),
        ("broker: {embedded: {}}\nkeep: {share: .nan}", "keep.share", "finite"),
        ("broker: {embedded: {}}\nkeep: {share: '0.5'}", "keep.share", "must be a number"),
        ("broker: {embedded: {}}\nkeep: {hours: 0}", "keep.hours", "greater than 0"),
        ("broker: {embedded: {}}\nkeep: {hours: true}", "keep.hours", "must be a number"),
        ("broker: {embedded: {}}\nkeep: {hour: 3}", "keep.hour", "did you mean `hours`"),
        ("broker: {embedded: {}}\nkeep: 0.5", "keep", "must be a mapping"),
        ("broker: {url: http://hub}", "broker.url", "nats://host:port"),
        ("broker: {embedded: {}}\nroutes: [a]", "routes", "must be a mapping"),
        ("broker: {embedded: {}}\nroutes: {a: {subjects: x, sink: {type: null}}}", "routes.a.subjects", "a list"),
        ("broker: {embedded: {}}\nroutes: {a: {subjects: [], sink: {type: null}}}", "routes.a.subjects", "empty"),
        ("broker: {embedded: {}}\nroutes: {a: {subjects: [3], sink: {type: null}}}", "routes.a.subjects[0]", "text"),
        ("broker: {embedded: {}}\nroutes: {a: {subjects: [metrics.>]}}", "routes.a.sink", "is missing"),
        ("broker: {embedded: {}}\nroutes: {a: {subjects: [metrics.>], sink: {}}}", "routes.a.sink.type", "missing"),
        ("broker: {embedded: {}}\nroutes: {a: {subjects: [metrics.>], sink: null}}", "routes.a.sink", "mapping"),
    ],
)
def test_each_problem_names_its_key(tmp_path: Path, text: str, key: str, words: str) -> None:
    problem = next(problem for problem in problems_of(tmp_path, text) if problem.key == key)
    assert words in f"{problem.message}; {problem.suggestion}"
    assert problem.line > 0 or key == "broker"


@pytest.mark.parametrize(
    ("start", "good"),
    [
        ("beginning", True),
        ("new", True),
        ("2026-01-31T09:00:00Z", True),
        ("2026-01-31T09:00:00.123456+05:30", True),
        ("2026-01-31 09:00:00z", True),
        ("2026-01-31T09:00:00", False),
        ("2026-01-31", False),
        ("2026-02-30T09:00:00Z", False),
        ("1769850000", False),
        ("New", False),
        ("''", False),
        ("", False),
    ],
)
def test_starts(tmp_path: Path, start: str, good: bool) -> None:
    text = f"broker: {{embedded: {{}}}}\nroutes: {{a: {{subjects: [metrics.>], start: {start}, sink: {{type: null}}}}}}"
    if good:
        assert config_of(tmp_path, text).routes[0].start
    else:
        assert [problem.key for problem in problems_of(tmp_path, text)] == ["routes.a.start"]


@pytest.mark.parametrize(
    ("subjects", "advice"),
    [
        (["metrics.>", "metrics.a.>"], "leave out the second"),
        (["metrics.a.>", "metrics.>"], "leave out the first"),
        (["metrics.a.>", "metrics.a.*.*.*"], "leave out the second"),
        (["metrics.a.*.scalars.>", "metrics.*.b.scalars.>"], "do not overlap"),
    ],
)
def test_patterns_of_a_route_that_overlap_are_refused(tmp_path: Path, subjects: list[str], advice: str) -> None:
    text = f"broker: {{embedded: {{}}}}\nroutes:\n  a:\n    subjects: {subjects}\n    sink: {{type: null}}"
    (problem,) = problems_of(tmp_path, text)
    assert problem.key == "routes.a.subjects[1]"
    assert advice in problem.suggestion


@pytest.mark.parametrize("place", ["out", "./out", "x/../out", "OUT/../out"])
def test_two_routes_that_write_to_one_place_are_refused(tmp_path: Path, place: str) -> None:
    (problem,) = problems_of(
        tmp_path,
        f"""\
        broker: {{embedded: {{}}}}
        routes:
          a: {{subjects: [metrics.a.>], sink: {{type: jsonl, dir: out}}}}
          b: {{subjects: [metrics.b.>], sink: {{type: jsonl, dir: {place}}}}}
        """,
    )
    assert (problem.line, problem.key) == (4, "routes.b.sink")
    assert "two routes write to one place" in problem.message


@pytest.mark.usefixtures("_fake_sinks")
def test_a_third_party_s_sink_has_its_own_keys(tmp_path: Path) -> None:
    text = "broker: {{embedded: {{}}}}\nroutes:\n  a:\n    subjects: [metrics.>]\n    sink: {{type: {}}}"
    config = config_of(tmp_path, text.format("fake, place: here"))
    assert config.routes[0].sink.identity == f"fake:{tmp_path / 'here'}"
    assert isinstance(config.routes[0].sink.options, FakeSink.Options)
    for keys, key, words in [
        ("fake", "routes.a.sink.place", "is missing"),
        ("fake, place: x, depth: y", "routes.a.sink.depth", "integer"),
        ("fake, place: x, dept: 2", "routes.a.sink.dept", "did you mean `depth`?"),
        ("fake, place: x, depth: -1", "routes.a.sink", "too shallow"),
        ("broken", "routes.a.sink.type", 'pip install "sitewire[broken]"'),
        ("empty", "routes.a.sink.type", "is no sink"),
        ("fak", "routes.a.sink.type", "did you mean `fake`?"),
    ]:
        found = problems_of(tmp_path, text.format(keys))
        assert (found[0].key, found[0].line) == (key, 5)
        assert words in f"{found[0].message}; {found[0].suggestion}"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 0, "empty"),
        (b"# only a comment\n", 0, "empty"),
        (b"- a\n- b\n", 0, "not a mapping"),
        (b"hello", 0, "not a mapping"),
        (b"broker: {\n  a: [\n", 3, "not YAML"),
        (b"broker: 1\n\tx: 2\n", 2, "not YAML"),
        (b"a: 1\n---\nb: 2\n", 2, "another document"),
        (b"a: \xff\xfe\n", 0, "not UTF-8"),
        (b"a: \x00\n", 0, "not YAML"),
        (b"[" * 5000, 0, "nested too deeply"),
        (b"#" * (512 * 1024 + 1), 0, "larger than"),
        (b"? [a]\n: 1\n", 1, "a key is a mapping or a list"),
        (b'"\\ud800": 1\n', 1, "half a character"),
        (b'broker: "\\ud800"\n', 1, "half a character"),
        (b"broker: !!float ''\n", 1, "not a value of its tag"),
        (b"%YAML 1.1\n---\nbroker: " + b"1:" * 300 + b"1.5\n", 3, "not a value of its tag"),
    ],
)
def test_a_file_that_is_no_config(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    file = tmp_path / "sitewire.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(file)
    assert words in caught.value.problems[0].message
    assert caught.value.problems[0].line == line


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for place, words in ((tmp_path / "missing.yaml", "no such file"), (tmp_path, "a directory")):
        with pytest.raises(ConfigInvalid, match=words):
            load_config(place)
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(ConfigInvalid, match=r"cannot be read: Too many levels"):
        load_config(tmp_path / "loop.yaml")


def test_duplicate_keys_are_refused_with_both_lines(tmp_path: Path) -> None:
    found = problems_of(tmp_path, GOOD + "  hq:\n    subjects: [metrics.>]\nbroker: {}\n")
    assert [(problem.line, problem.key) for problem in found] == [(12, "routes.hq"), (14, "broker")]
    assert "first in line 5" in found[0].message


def test_aliases_are_refused(tmp_path: Path) -> None:
    found = problems_of(tmp_path, "broker: &b {embedded: {}}\nroutes: *b\n")
    assert (found[0].line, found[0].key) == (2, "routes")
    assert "alias" in found[0].message


@given(st.text(alphabet="abrokeutsl:>*{}[]&!-.,#'\"\n 01~|%@`\t", max_size=200))
def test_any_text_is_read_or_refused_with_words(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        with pytest.raises(ConfigInvalid) as caught:
            load_config(file.name)
    assert all(problem.message for problem in caught.value.problems)
