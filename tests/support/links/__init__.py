"""The tests' own TCP proxy: a link between two processes that a test can cut, clog, slow down and break.

``link.Link`` is what a test holds: plain calls, while the bytes are carried on a loop in a thread of its own
(``thread``). A link has many connections (``connection``), each of two pipes (``pipe``), one for each way; what a way
is like at the moment is in ``weather``. Nothing here knows what the bytes mean.
"""
