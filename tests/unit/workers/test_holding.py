"""What a run holds is counted along: by a state machine of messages that come, are taken, given up and committed."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sitewire.schemas.envelope import Envelope
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import RETRY, Subject
from sitewire.workers.arrival import Arrival
from sitewire.workers.holding import AT_A_TIME, Holding
from support.stream import RUN, SCALARS, WRITER, scalar


class Held(RuleBasedStateMachine):
    """Messages of one record each."""

    @initialize()
    def begin(self) -> None:
        self.holding = Holding()
        self.sent = 0

    @rule(size=st.sampled_from([1, 1000, AT_A_TIME // 2, AT_A_TIME]), again=st.booleans())
    def put(self, size: int, again: bool) -> None:
        envelope = Envelope(WRITER, SCALARS, self.sent, (scalar(self.sent),))
        subject = f"{RETRY}.x" if again else str(Subject(RUN, SCALARS, WRITER))
        self.sent += 1
        self.holding.put(Arrival(subject, self.sent, RUN, envelope, size, None))

    @rule()
    def take(self) -> None:
        self.holding.take()

    @rule()
    def take_back(self) -> None:
        self.holding.take_back()

    @rule(share=st.floats(0, 1))
    def give_up(self, share: float) -> None:
        self.holding.give_up(int(self.sent * share))

    @rule()
    def give_up_again(self) -> None:
        self.holding.give_up_again()

    @rule(share=st.floats(0, 1))
    def settle(self, share: float) -> None:
        self.holding.settle({StreamKey(WRITER, SCALARS): int(self.sent * share)})

    @invariant()
    def what_is_counted_is_what_is_there(self) -> None:
        assert self.holding.size == sum(arrival.size for arrival in self.holding.here)
        assert self.holding.count == len(self.holding.here)
        unread = self.holding.size - self.holding.held_size
        held_again = sum(arrival.size for arrival in self.holding.held if arrival.again)
        assert self.holding.unread_size == unread + self.holding.again_size - held_again


TestHeld = Held.TestCase
