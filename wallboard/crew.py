"""The agents of a board as tiles, each kept until the agent is touched; knows no queue, no wait and no HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from wallboard import views
from wallboard.agents import Agent
from wallboard.rows import Calls
from wallboard.scene import Scene, key_of, milliseconds
from wallboard.totals import AgentSums

_STATES: tuple[views.AgentState, ...] = ("ringing", "talking", "dialling", "idle")


class Crew:
    """Those whom the board shows, by name. Another name or another agent makes another crew."""

    def __init__(self, scene: Scene, calls: Calls) -> None:
        self._tiles = {agent.key: _tile(scene, agent, calls) for agent in _shown(scene)}
        self._panel = views.Panel(
            key="agents",
            kind="agents",
            title=views.Title(key="agents-title", text="Agents", total=len(self._tiles), hidden=0),
            empty="No agent has been heard of yet",
            tiles=(),
        )

    def follow(self, scene: Scene, calls: Calls, keys: Iterable[str]) -> bool:
        """Whether any of these is shown."""
        shown = [key for key in keys if key in self._tiles]
        for key in shown:
            self._tiles[key] = _tile(scene, scene.board.agents[key], calls)
        return bool(shown)

    @property
    def tiles(self) -> Iterable[views.AgentTile]:
        return self._tiles.values()

    def panel(self) -> views.Panel:
        tiles = tuple(self.tiles)
        if tiles != self._panel.tiles:
            self._panel = replace(self._panel, tiles=tiles, title=replace(self._panel.title, tally=_tally(tiles)))
        return self._panel


def _shown(scene: Scene) -> list[Agent]:
    shown = [agent for agent in scene.board.agents.values() if scene.look.shows_agent(agent.key, agent.name)]
    return sorted(shown, key=lambda agent: ((agent.name or agent.key).casefold(), agent.key))


def _tally(agents: Iterable[views.AgentTile]) -> str:
    states = Counter([agent.state for agent in agents])
    return " · ".join(f"{states[state]} {state}" for state in _STATES if states[state])


def _tile(scene: Scene, agent: Agent, calls: Calls) -> views.AgentTile:
    sums = scene.day.agents.get(agent.key) or AgentSums()
    return views.AgentTile(
        key=key_of("agent", agent.key),
        number=agent.key,
        name=agent.name or agent.key,
        state=agent.state,  # type: ignore[arg-type]
        since_ms=milliseconds(agent.since),
        with_whom=next(filter(None, map(calls.caller, reversed(agent.calls))), ""),
        answered=sums.answered,
        missed=sums.missed,
        outbound=sums.outbound,
    )
