"""How one order of keys becomes another, told in few words; knows no tile and no HTML.

`a +3 b -c`: first a, then the next three of those that stand there and are not named, then b; c goes. So forty tiles
of which one has moved are not named all. Who reads it (static/morph.js) can tell whether it fits what stands there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence


def steps(before: Sequence[str], after: Sequence[str]) -> str:
    """Keys are unique in each, and begin with neither + nor -."""
    places = {key: place for place, key in enumerate(before)}
    wanted, staying = set(after), _longest_rise([(places[key], key) for key in after if key in places])
    gone = (f"-{key}" for key in before if key not in wanted)
    return " ".join((*_words(after, staying), *gone))


def _words(keys: Sequence[str], staying: set[str]) -> Iterator[str]:
    run = 0
    for key in keys:
        if key in staying:
            run += 1
            continue
        if run:
            yield f"+{run}"
            run = 0
        yield key
    if run:
        yield f"+{run}"


def _longest_rise(placed: Sequence[tuple[int, str]]) -> set[str]:
    """The most keys that can stay where they are, while the others move around them."""
    ends: list[int] = []  # the least last place of a rise of each length
    last: list[int] = []  # and which of `placed` that is
    previous: list[int] = []
    for index, (place, _) in enumerate(placed):
        length = bisect_left(ends, place)
        previous.append(last[length - 1] if length else -1)
        ends[length : length + 1], last[length : length + 1] = [place], [index]
    rise, index = set(), last[-1] if last else -1
    while index >= 0:
        rise.add(placed[index][1])
        index = previous[index]
    return rise
