"""A simulated hour, shuffled and with repetitions, ends in the same numbers as in its own order."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

import pytest

from tests.samples import START
from tests.test_board import Floor, decided
from wallboard.bodies import decode
from wallboard.parse import Unrecognised
from wallboard.sender import Webhook
from wallboard.settings import parse_meaning
from wallboard.simulator import history


def after(webhooks: Iterable[Webhook]) -> Floor:
    floor = Floor()
    for webhook in webhooks:
        floor.now += timedelta(milliseconds=1)
        meaning = dict(webhook.headers).get("X-Wallboard-Meaning")
        event = floor.reader.read(decode(webhook.body)[0], floor.now, parse_meaning(meaning) if meaning else None)
        assert not isinstance(event, Unrecognised)
        floor.board.apply(event)
    return floor


@pytest.mark.parametrize("seed", range(3))
def test_a_simulated_hour_gives_the_same_numbers_in_any_order(seed: int) -> None:
    webhooks = history(START + timedelta(hours=1), minutes=60, agents=12, seed=seed)
    assert len(webhooks) > 500
    rng = random.Random(seed)
    shuffled = [*webhooks, *rng.choices(webhooks, k=len(webhooks) // 2)]
    rng.shuffle(shuffled)
    assert decided(after(shuffled)) == decided(after(webhooks))
