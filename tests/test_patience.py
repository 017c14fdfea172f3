"""One timer for all who wait for the journal."""

from __future__ import annotations

import asyncio
from typing import Any

from wallboard.journal.patience import Patience


def test_each_is_given_up_when_its_own_time_is_over() -> None:
    assert asyncio.run(_given_up(answered=())) == [0, 1, 2]


def test_who_was_answered_is_not_given_up_and_does_not_stand_in_the_way_of_the_next() -> None:
    assert asyncio.run(_given_up(answered=(0, 1))) == [2]


async def _given_up(answered: tuple[int, ...]) -> list[int]:
    """Three begin one after the other; some are answered at once. Who was given up, in order, none before its time."""
    loop, seconds = asyncio.get_running_loop(), 0.05
    numbers: dict[asyncio.Future[Any], int] = {}
    given_up: list[int] = []
    began: list[float] = []

    def give_up(future: asyncio.Future[Any]) -> None:
        assert loop.time() - began[numbers[future]] >= seconds
        given_up.append(numbers[future])
        future.set_result(None)

    patience = Patience(loop, seconds, give_up)
    for number in range(3):
        future: asyncio.Future[Any] = loop.create_future()
        numbers[future] = number
        began.append(loop.time())
        patience.begin(future)
        if number in answered:
            future.set_result(None)
            patience.forget()
        await asyncio.sleep(seconds / 5)
    await asyncio.wait_for(asyncio.gather(*numbers), 10)
    return given_up
