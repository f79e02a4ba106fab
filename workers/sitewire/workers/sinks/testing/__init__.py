"""The contract of sinks as tests: what a third party's sink has to pass, and each of ours does.

Needs pytest and pytest-asyncio, which sinks themselves never import. In a test module of the sink::

    from sitewire.workers.sinks.testing import SinkContract

    class TestMySink(SinkContract):
        sink_type = MySink

        def options(self, place):                 # keys as in the config file, JSON only
            return {"dir": str(place)}

        def read_back(self, place, key):          # all that the tracker holds of a run: (line, point), in order
            return [((row.series, row.name), (row.value, row.step)) for row in my_rows(place, key)]

        def expected(self, records):              # what it should hold of these records, by the same measure
            return [((r.series, r.name), (str(r.value), r.step)) for r in records if r.kind is Kind.SCALAR]

Lives here: ``contract`` (all tests), ``hooks`` (what differs from sink to sink), ``positions``, ``forms``, ``endings``
and ``interruptions`` (the tests), ``runner`` (what a caller of sinks does), ``claims`` (in files), ``samples``
(records) and ``child`` (a process that is made to be killed). May import: the sinks' contract, pytest.
"""

from __future__ import annotations

import pytest

# A failure shows both sides, as one in a test's own module does.
_TESTS = ("hooks", "positions", "forms", "endings", "interruptions")
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _TESTS))

from sitewire.workers.sinks.testing.contract import SinkContract  # noqa: E402  it has to be imported afterwards

__all__ = ["SinkContract"]
