"""Who works on the simulated floor and what rings there: queues, skills, names; knows no time and no bodies."""

from __future__ import annotations

from random import Random

import msgspec

from wallboard.simulator_bodies import Party, Place

FEWEST, MOST = 3, 300
ALL_ROUNDERS_BELOW = 8
FIRST_EXTENSION = 1001
SECOND_SKILL_CHANCE = 0.9


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """A queue or ring group: its share of the calls, its callers' patience and how it rings.

    `talk_seconds` is the median; `overflow_to` takes a caller over who has waited `overflow_after_seconds`.
    """

    place: Place
    number: str
    share: float
    patience_seconds: float
    talk_seconds: float
    ring_all: bool = False
    ring_seconds: float = 18.0
    overflow_to: str | None = None
    overflow_after_seconds: float = 45.0


DESKS = (
    Desk(
        place=Place("Sales"),
        number="+61370100001",
        share=0.34,
        patience_seconds=160,
        talk_seconds=64,
        overflow_to="Accounts",
    ),
    Desk(place=Place("Support"), number="+61370100002", share=0.30, patience_seconds=260, talk_seconds=80),
    Desk(place=Place("Accounts"), number="+61370100003", share=0.14, patience_seconds=210, talk_seconds=70),
    Desk(
        place=Place("Returns"),
        number="+61370100004",
        share=0.12,
        patience_seconds=190,
        talk_seconds=56,
        ring_all=True,
        overflow_to="Support",
    ),
    Desk(
        place=Place("Reception", "ring_group"),
        number="+61370100000",
        share=0.10,
        patience_seconds=100,
        talk_seconds=40,
        ring_all=True,
        ring_seconds=24,
    ),
)


class Agent(msgspec.Struct, frozen=True):
    """An agent: `pace` and `reflex` multiply talk and ring times, 1.0 being everybody's median."""

    party: Party
    skills: frozenset[str]
    pace: float
    reflex: float


def staff(size: int, rng: Random) -> tuple[Agent, ...]:
    """`size` agents with extensions from 1001; every desk has somebody. ValueError outside 3 to 300."""
    if not FEWEST <= size <= MOST:
        raise ValueError(f"a floor has {FEWEST} to {MOST} agents, not {size}")
    firsts, lasts = FIRST_NAMES.split(), LAST_NAMES.split()
    rng.shuffle(firsts)
    rng.shuffle(lasts)
    return tuple(
        Agent(
            party=Party(_name(firsts, lasts, place), str(FIRST_EXTENSION + place)),
            skills=_skills(place, size, rng),
            pace=rng.uniform(0.8, 1.25),
            reflex=rng.uniform(0.7, 1.4),
        )
        for place in range(size)
    )


def _name(firsts: list[str], lasts: list[str], place: int) -> str:
    lap, step = divmod(place, len(firsts))
    return f"{firsts[step]} {lasts[(step + lap) % len(lasts)]}"


def _skills(place: int, size: int, rng: Random) -> frozenset[str]:
    names = [desk.place.name for desk in DESKS]
    if size < ALL_ROUNDERS_BELOW:
        return frozenset(names)
    first = names[place] if place < len(names) else _spread(place, size, names)
    second = rng.choice(names) if rng.random() < SECOND_SKILL_CHANCE else first
    return frozenset({first, second})


def _spread(place: int, size: int, names: list[str]) -> str:
    """The desk at this agent's height, were the desks stacked by their shares."""
    height, total = (place - len(names) + 0.5) / (size - len(names)), 0.0
    for desk in DESKS:
        total += desk.share
        if height < total:
            return desk.place.name
    return names[-1]


FIRST_NAMES = (
    "Priya Tom Lee Amelia Noah Zoë Hamish Mei Oliver Siobhán Arjun Isla Mateo Grace Yusuf Charlotte Dimitri Ruby"
    " Kofi Hannah Liam Fatima Jack Ingrid Samuel Leilani Omar Freya Daniel Thuy Marcus Nadia Ethan Chiara Björn"
    " Aroha Callum Sunita Patrick Elena"
)

LAST_NAMES = (
    "Shah Reid Wong Harper Nguyen O'Connor Patel Taylor Okafor Rossi Campbell Haddad Murphy Tanaka Fraser Silva"
    " Novak Walker Singh Martin Kowalski Chen Edwards Papadopoulos Mitchell Larsen Ibrahim Kelly Moreau Brown"
    " Tuilagi Hughes Das Stewart Fischer Robinson Castillo McKenzie Lim Evans"
)

CALLER_NAMES = (
    "ACME Pty Ltd",
    "Bell & Co",
    "Harbour Dental",
    "Nguyễn Thị Lan",
    "O'Brien Plumbing",
    "Zoë Fitzgerald",
    "Blue Gum Nursery",
    "J MARTIN",
    "Southern Freight",
    "Café Lumière",
    "R. Okonkwo",
    "Kingfisher Books",
    "WIRELESS CALLER",
    "Dr A. Rahman",
    "Tas Timber Supplies",
    "Müller Optik",
)
