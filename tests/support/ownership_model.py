"""Owners of one partition as the code has them, small enough that every order of their steps can be tried.

The broker holds a few messages of one writer, each with one index. A place holds what was written, the first
``durable`` of it for certain. Owners look, take the unit's key, open the sink, recover, fetch, write, commit,
acknowledge, and hand over. Any of them can be killed, stopped, continued, or taken for dead, at any moment: also
while it runs well, which is more than the leases allow. A dead owner's lock is free; what it had not committed is there
or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

NOBODY: Final = -1

Stage = Literal["idle", "looked", "taken", "open", "ready", "writing", "written", "settling", "closed"]


class Rules(NamedTuple):
    """What the code does; each can be taken out.

    Attributes:
        lease: a unit's key is taken by compare-and-set, by one at a time.
        lock: the place has a lock, held from the opening of the sink to its closing.
        receipt: in its place, the positions are a receipt that is replaced by compare-and-set; None for neither.
        commit_first: what is acknowledged is committed.
        recover_last: positions are read when the lock is held.
        owners: how many there are.
        messages: how many there are.
    """

    lease: bool = True
    lock: bool = True
    receipt: Literal["by compare-and-set", "blindly"] | None = None
    commit_first: bool = True
    recover_last: bool = True
    owners: int = 2
    messages: int = 3


class Owner(NamedTuple):
    """One process.

    Attributes:
        life: it runs, is stopped, or dead.
        member: nobody has taken it for dead.
        stage: how far it has come.
        next: the next index, as it knows.
        version: the place's, as it knows it from the last recovery or commit; of a receipt only.
        batch: the messages that it has.
    """

    life: Literal["runs", "stopped", "dead"] = "runs"
    member: bool = True
    stage: Stage = "idle"
    next: int = 0
    version: int = 0
    batch: tuple[int, ...] = ()


class World(NamedTuple):
    """All of it.

    Attributes:
        owners: by number.
        unit: whose the unit is, by its key.
        lock: who holds the place's lock.
        place: the indexes written, in their order.
        durable: how many of them are so for certain.
        version: how often the place was committed; of a receipt only.
        acknowledged: the messages that the broker gives to nobody any more.
    """

    owners: tuple[Owner, ...]
    unit: int = NOBODY
    lock: int = NOBODY
    place: tuple[int, ...] = ()
    durable: int = 0
    version: int = 0
    acknowledged: frozenset[int] = frozenset()


def begin(rules: Rules) -> World:
    """Return the world before anything has happened."""
    return World((Owner(),) * rules.owners)


def wrong(world: World) -> str:
    """Say what must never be."""
    if len(set(world.place)) < len(world.place):
        return "double"
    if world.acknowledged - set(world.place[: world.durable]):
        return "lost"
    return "" if world.place == tuple(sorted(world.place)) else "out of order"


def over(rules: Rules, world: World) -> bool:
    """Whether everything is delivered, or nobody is left to do it."""
    return len(world.acknowledged) == rules.messages or all(owner.life == "dead" for owner in world.owners)


def steps(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """Yield what can happen next."""
    for who, owner in enumerate(world.owners):
        for word, following in (*_events(rules, world, who, owner), *_work(rules, world, who, owner)):
            yield f"{who} {word}", following


def _events(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    if owner.life != "dead":
        killed = _with(world, who, Owner("dead", member=owner.member), lock=NOBODY if world.lock == who else world.lock)
        yield "is killed", killed
        if rules.receipt is None and owner.stage in {"writing", "written", "settling"}:
            yield "is killed, and what was not committed is gone", killed._replace(place=world.place[: world.durable])
    if owner.life == "runs":
        yield "is stopped", _with(world, who, owner._replace(life="stopped"))
    if owner.life == "stopped":
        yield "is continued", _with(world, who, owner._replace(life="runs"))
    if owner.member:
        unit = NOBODY if world.unit == who else world.unit
        yield "is taken for dead", _moved(_with(world, who, owner._replace(member=False)), unit)


def _work(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    if owner.life != "runs":
        return
    if not owner.member:
        yield "finds that it was evicted", _with(world, who, Owner(), lock=NOBODY if world.lock == who else world.lock)
    if owner.stage in {"idle", "looked", "closed"}:
        yield from _owning(rules, world, who, owner)
    elif owner.stage in {"taken", "open"}:
        yield from _opening(rules, world, who, owner)
    elif owner.stage == "ready":
        yield from _fetching(rules, world, who, owner)
        yield "closes", _with(world, who, Owner(member=owner.member, stage="closed"), lock=_left(world, who))
    else:
        yield from _delivering(rules, world, who, owner)


def _owning(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    if owner.stage == "closed":
        unit = NOBODY if world.unit == who else world.unit
        yield "hands over", _moved(_with(world, who, owner._replace(stage="idle")), unit)
    elif owner.stage == "idle":
        if world.unit == NOBODY or not rules.lease:
            yield "looks", _with(world, who, owner._replace(stage="looked"))
    elif owner.member:  # whoever moves the key sends the others back to look
        yield "takes", _moved(_with(world, who, owner._replace(stage="taken")), who, rules.lease)


def _opening(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    can_lock = not rules.lock or world.lock == NOBODY
    locked = who if rules.lock else NOBODY
    known = owner._replace(next=len(world.place), version=world.version)
    last = owner.stage == "open"
    if last == rules.recover_last:
        stage: Stage = "ready" if last else "open"
        yield "recovers", _with(world, who, known._replace(stage=stage), durable=len(world.place))
    elif can_lock:
        stage = "ready" if last else "open"
        yield "opens", _with(world, who, owner._replace(stage=stage), lock=locked)


def _fetching(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    there = [index for index in range(rules.messages) if index not in world.acknowledged]
    for count in {1, len(there)} if there else ():
        yield f"fetches {count}", _with(world, who, owner._replace(stage="writing", batch=tuple(there[:count])))


def _delivering(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    if owner.stage == "writing":
        index = owner.next
        if index not in owner.batch:
            yield "has written all", _with(world, who, owner._replace(stage="written"))
        elif rules.receipt is not None:
            yield f"counts {index}", _with(world, who, owner._replace(next=index + 1))
        else:
            yield f"writes {index}", _with(world, who, owner._replace(next=index + 1), place=(*world.place, index))
    elif (owner.stage == "written") == rules.commit_first:
        yield from _committing(rules, world, who, owner)
    else:
        done = frozenset(index for index in owner.batch if index < owner.next)
        yield "acknowledges", _with(world, who, _on(rules, owner), acknowledged=world.acknowledged | done)


def _committing(rules: Rules, world: World, who: int, owner: Owner) -> Iterator[tuple[str, World]]:
    if rules.receipt is None:
        yield "commits", _with(world, who, _on(rules, owner), durable=len(world.place))
    elif rules.receipt == "by compare-and-set" and owner.version != world.version:
        yield "has lost the unit", _with(world, who, Owner(member=owner.member, stage="taken"))
    elif owner.next == len(world.place):
        yield "has nothing to tell", _with(world, who, _on(rules, owner))
    else:
        told = _on(rules, owner)._replace(version=world.version + 1)
        place = tuple(range(owner.next))
        yield "tells", _with(world, who, told, place=place, durable=owner.next, version=world.version + 1)


def _on(rules: Rules, owner: Owner) -> Owner:
    """Return an owner after the first, or the second, of commit and acknowledgement."""
    if owner.stage == "written":
        return owner._replace(stage="settling")
    return owner._replace(stage="ready", batch=())


def _left(world: World, who: int) -> int:
    return NOBODY if world.lock == who else world.lock


def _moved(world: World, unit: int, compared: bool = True) -> World:
    """Return the world with the unit's key written: who has looked before cannot take it any more."""
    if unit == world.unit or not compared:
        return world._replace(unit=unit)
    owners = tuple(owner._replace(stage="idle") if owner.stage == "looked" else owner for owner in world.owners)
    return world._replace(owners=owners, unit=unit)


def _with(world: World, who: int, owner: Owner, **changes: object) -> World:
    owners = (*world.owners[:who], owner, *world.owners[who + 1 :])
    return world._replace(owners=owners, **changes)  # type: ignore[arg-type]  # mypy does not know the names
