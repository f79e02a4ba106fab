"""Slots, state, cursor, identity, file systems, headers: what lies beside the frames."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors.spool import filesystem, segment
from sitewire.collectors.spool.cursor import Cursor, CursorFile
from sitewire.collectors.spool.identity import WriterIdentity, load_identity, save_identity
from sitewire.collectors.spool.moment import Moment
from sitewire.collectors.spool.slots import PAGE_BYTES, Slots
from sitewire.collectors.spool.state import State, StatePage, read_state
from sitewire.schemas.errors import SubjectError

COUNTS = (5, 0, 3, 0, 0, 2**40)


def write_slots(slots: Slots, *versions: int) -> bytearray:
    page = bytearray(PAGE_BYTES)
    for sequence in versions:
        start, data = slots.encode(sequence, (sequence * 10,))
        page[start : start + len(data)] = data
    return page


def test_the_newest_version_is_read() -> None:
    slots = Slots(b"TESTING1", "Q")
    assert slots.newest(bytes(PAGE_BYTES)) is None
    assert slots.newest(b"") is None
    assert slots.newest(bytes(write_slots(slots, 1))) == (1, (10,))
    assert slots.newest(bytes(write_slots(slots, 1, 2, 3, 4))) == (4, (40,))


@given(st.integers(0, PAGE_BYTES - 1), st.integers(1, 255))
def test_a_flipped_byte_costs_at_most_one_version(position: int, bits: int) -> None:
    slots = Slots(b"TESTING1", "Q")
    page = write_slots(slots, 1, 2)
    page[position] ^= bits
    assert slots.newest(bytes(page)) in {(1, (10,)), (2, (20,))}


def test_another_version_of_the_page_is_not_read() -> None:
    page = bytes(write_slots(Slots(b"TESTING1", "Q"), 1))
    assert Slots(b"TESTING2", "Q").newest(page) is None


@pytest.mark.parametrize("mapped", [True, False])
def test_the_state_is_read_as_written(tmp_path: Path, mapped: bool) -> None:
    page = StatePage(tmp_path / "state", mapped=mapped)
    assert read_state(tmp_path / "state") == State()
    page.write(COUNTS, ended=False)
    assert read_state(tmp_path / "state") == State(COUNTS)
    page.write(COUNTS, ended=True, failed=True)
    assert read_state(tmp_path / "state") == State(COUNTS, ended=True, failed=True)
    page.write(COUNTS, ended=True)
    page.sync()
    page.close()
    assert read_state(tmp_path / "state") == State(COUNTS, ended=True)


def test_a_state_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert read_state(tmp_path / "state") == State()


def test_the_cursor_is_read_as_saved(tmp_path: Path) -> None:
    file = CursorFile(tmp_path / "cursor")
    assert file.load() == Cursor()
    for published in range(5):
        cursor = Cursor([published, *COUNTS[1:]], 2**64 - 1, published, Moment(1.5, 7, 2.5))
        file.save(cursor)
        assert CursorFile(tmp_path / "cursor").load() == cursor
        assert file.load() == cursor


def test_an_identity_is_read_as_saved(tmp_path: Path) -> None:
    identity = WriterIdentity("Köln", "a.b", "0" * 32, "é", None, 1.25, forked=True)
    save_identity(tmp_path / "writer.json", identity)
    assert load_identity(tmp_path / "writer.json") == identity


def test_an_identity_that_names_every_server_of_a_large_cluster_is_read_as_saved(tmp_path: Path) -> None:
    url = ",".join(f"nats://***@server-{number:03d}.cluster.example.org:4222" for number in range(200))
    saved = WriterIdentity("site", "run", "0" * 32, experiment="trial", url=url, started=1.0)
    save_identity(tmp_path / "writer.json", saved)
    assert load_identity(tmp_path / "writer.json") == saved


def test_an_identity_without_a_word_about_forks_is_read(tmp_path: Path) -> None:
    identity = WriterIdentity("Köln", "a.b", "0" * 32, "é", None, 1.25)
    body = json.dumps({name: value for name, value in asdict(identity).items() if name != "forked"})
    (tmp_path / "writer.json").write_text(json.dumps({"identity": body, "crc": zlib.crc32(body.encode())}))
    assert load_identity(tmp_path / "writer.json") == identity


def test_a_damaged_identity_still_says_where_the_records_belong(tmp_path: Path) -> None:
    identity = WriterIdentity("Köln", "a.b", "ab" * 16, "exp", "nats://x", 1.25)
    path = identity.place(tmp_path) / "writer.json"
    path.parent.mkdir(parents=True)
    save_identity(path, identity)
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        found = load_identity(path)
        assert (found.site, found.run, found.writer) == ("Köln", "a.b", "ab" * 16)
        assert found.experiment in {"exp", "default"}
    path.write_bytes(b"")
    assert load_identity(path) == WriterIdentity("Köln", "a.b", "ab" * 16)


@pytest.mark.parametrize(
    "lie",
    [
        *({"started": None}, {"started": -1.0}, {"site": 5}, {"site": ""}, {"writer": "x"}, {"experiment": ""}),
        *({"experiment": "\ud800"}, {"url": [1]}, {"forked": "yes"}, {"run": "x" * 65}),
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_an_identity_that_no_writer_has_is_not_believed_though_its_checksum_is_right(
    tmp_path: Path, lie: dict[str, object]
) -> None:
    identity = WriterIdentity("clinic", "job", "ab" * 16, "exp", "nats://x", 1.25)
    path = identity.place(tmp_path) / "writer.json"
    path.parent.mkdir(parents=True)
    body = json.dumps(asdict(identity) | lie)
    path.write_text(json.dumps({"identity": body, "crc": zlib.crc32(body.encode())}))
    assert load_identity(path) == WriterIdentity("clinic", "job", "ab" * 16)


def test_a_damaged_identity_outside_of_a_spool_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "writer.json").write_text("{}")
    with pytest.raises(SubjectError):
        load_identity(tmp_path / "writer.json")


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    (tmp_path / "in side").mkdir()
    table = tmp_path / "mountinfo"
    inside = str(tmp_path / "in side").replace(" ", "\\040")
    table.write_text(
        f"1 0 8:1 / / rw shared:1 - ext4 /dev/a rw\n"
        f"2 1 0:2 / {tmp_path} rw - tmpfs t rw\n"
        f"3 1 0:3 / {inside} rw - xfs x rw\n"
        f"4 3 0:4 / {inside} rw master:1 - nfs4 server:/ rw\n"
    )
    assert filesystem.type_of(tmp_path, table) == "tmpfs"
    assert filesystem.type_of(tmp_path / "in side", table) == "nfs4"
    assert filesystem.type_of(Path("/"), table) == "ext4"
    assert filesystem.allocates(tmp_path, table)
    assert not filesystem.allocates(tmp_path / "in side", table)
    assert not filesystem.allocates(tmp_path, tmp_path / "missing")


def test_headers_say_whether_a_segment_has_begun(tmp_path: Path) -> None:
    assert segment.read_header(tmp_path, 0) == (False, None)
    made = segment.prepare(tmp_path, "0" * 32, 0, 1 << 19, mapped=True)
    assert segment.read_header(tmp_path, 0) == (False, None)
    made.begin(COUNTS)
    assert segment.read_header(tmp_path, 0) == (True, COUNTS)
    made.storage.close()
    segment.path_of(tmp_path, 0).rename(segment.path_of(tmp_path, 1))
    assert segment.read_header(tmp_path, 1) == (True, None)
    (tmp_path / "x.seg").touch()
    assert segment.numbers(tmp_path) == [1]
    assert segment.numbers(tmp_path / "gone") == []


def test_segments_double_up_to_eight_mebibytes_or_a_quarter_of_the_limit() -> None:
    assert [segment.size_of(number, 1 << 30) >> 20 for number in (0, 1, 2, 3, 4, 1000)] == [1, 2, 4, 8, 8, 8]
    assert [segment.size_of(number, 8 << 20) >> 20 for number in (0, 1, 2, 3)] == [1, 2, 2, 2]
    assert segment.size_of(5, 0) == segment.LEAST_BYTES
