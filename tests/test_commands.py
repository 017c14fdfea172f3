"""The commands as a person types them: the demo moves, the simulator and the replay fill a board."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.canary import watch
from tests.conftest import ROOT, TOKEN, Server, wait_until

WEEK = """call_uid,service_type,arrived_at,answered_at,ended_at,wait_s,talk_s,outcome,agent
a,Sales,1999-01-03T09:00:00,1999-01-03T09:00:20,1999-01-03T09:02:00,20,100,answered,IDIT
b,Sales,1999-01-03T09:01:00,1999-01-03T09:01:30,1999-01-03T09:02:10,30,40,answered,NO_SERVER
c,Help,1999-01-03T09:02:00,,1999-01-03T09:02:03,3,0,abandoned,
"""


def test_the_demo_moves_by_itself_and_leaves_nothing_behind(idle_server: Server) -> None:
    command = [sys.executable, "-u", "-m", "wallboard", "demo"]
    with watch(idle_server.folder / "log").open("w") as log:
        demo = subprocess.Popen(
            command, cwd=ROOT, env=idle_server.environment(), text=True, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert demo.stdout is not None
        said = ""
        while "/api/v1/state" not in said:
            said += demo.stdout.readline()
        assert f"{idle_server.url}/boards/main" in said
        token = re.search(r"Bearer (\S+)'", said)
        assert token is not None
        headers = {"Authorization": f"Bearer {token[1]}"}

        def talking() -> bool:
            state = httpx.get(f"{idle_server.url}/api/v1/state", headers=headers).json()
            return any(agent["state"] == "talking" for agent in state["agents"]) and len(state["queues"]) > 1

        wait_until(talking, "phones talk", within=30)
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(10)
        demo.communicate()
    left = subprocess.run(["pgrep", "-f", f"simulate --url {idle_server.url}"], capture_output=True, check=False)
    assert left.stdout == b""


def test_a_call_list_gives_its_own_figures(server: Server) -> None:
    path = server.folder / "week.csv"
    path.write_text(WEEK)
    ended = server.run("replay", str(path), "--url", server.url, "--token", TOKEN, "--speed", "0")
    assert ended.returncode == 0, ended.stderr
    state = server.state()
    queues = {queue["name"]: queue["today"] for queue in state["queues"]}
    assert state["day"] == datetime.now(UTC).date().isoformat()
    assert (queues["Sales"]["offered"], queues["Sales"]["answered"], queues["Help"]["abandoned"]) == (2, 2, 1)
    assert (queues["Sales"]["average_speed_of_answer"], queues["Sales"]["average_handle_time"]) == (25.0, 70.0)
    assert queues["Sales"]["service_level"] == 0.5
    assert [agent["number"] for agent in state["agents"]] == ["IDIT"]


@pytest.mark.parametrize("faults", [[], ["--faults"]])
def test_a_simulated_floor_keeps_the_sums(server: Server, faults: list[str]) -> None:
    options = ["--history", "60", "--seconds", "2", "--speed", "20", *faults]
    ended = server.run("simulate", "--url", server.url, "--token", TOKEN, *options, timeout=60)
    assert ended.returncode == 0, ended.stderr
    state = server.state()
    inbound = state["totals"]["inbound"]
    assert inbound["offered"] == inbound["answered"] + inbound["missed"] + inbound["open"] > 0
    for queue in state["queues"]:
        today = queue["today"]
        assert today["offered"] == sum(today[name] for name in ("answered", "abandoned", "unanswered", "open"))
    assert state["webhooks"]["set_aside"] == state["webhooks"]["quarantined"] == 0


def test_a_wrong_token_is_one_message_and_status_2(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "week.csv"
    path.write_text(WEEK)
    for command in (["simulate"], ["replay", str(path)]):
        ended = server.run(*command, "--url", server.url, "--token", "wrong")
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr
