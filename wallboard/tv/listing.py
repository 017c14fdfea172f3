"""The desk's list of televisions: the paired ones, heard or not, and what else reports; knows no page."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wallboard.tv.paired import PairedTv, PairedTvs
from wallboard.tv.televisions import RANK, Alarm, Standing, Televisions

UNHEARD = "Not heard since the start"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One television. `paired` is None for one that has only reported, `standing` for one that has not."""

    id: str
    name: str
    alarm: Alarm
    word: str
    paired: PairedTv | None
    standing: Standing | None

    @property
    def is_silent(self) -> bool:
        """Nothing can be asked of it now."""
        one = self.standing
        return one is None or one.is_lost or one.tv.report.link == "closed"


def lines(paired: PairedTvs, televisions: Televisions, build: str) -> tuple[Line, ...]:
    """All of them, those that need somebody first."""
    reporting = {one.tv.id: one for one in televisions.standings(build)}
    ids: Iterable[str] = dict.fromkeys([*(tv.id for tv in paired.all()), *reporting])
    found = [_line(id, paired.get(id), reporting.get(id)) for id in ids]
    return tuple(sorted(found, key=lambda line: (RANK[line.alarm], line.name.casefold(), line.id)))


def line(id: str, paired: PairedTvs, televisions: Televisions, build: str) -> Line | None:
    tv, standing = paired.get(id), televisions.standing(id, build)
    return None if tv is None and standing is None else _line(id, tv, standing)


def _line(id: str, paired: PairedTv | None, standing: Standing | None) -> Line:
    name = paired.name if paired is not None else standing.tv.shown_name if standing is not None else id
    if standing is None:
        return Line(id=id, name=name, alarm="warn", word=UNHEARD, paired=paired, standing=None)
    return Line(id=id, name=name, alarm=standing.alarm, word=standing.word, paired=paired, standing=standing)
