"""Two devices and an agent in any weather: after quiet, every view of a branch is what the sources said.

Each scenario comes from its seed alone: what devices do, what the agent says, and which faults happen when. A failing
seed is told, and replays alone::

    AI_TRANSPORT_CODECS_SEED=17 pytest -q -s tests/session/test_model.py -k replays

``AI_TRANSPORT_CODECS_SCENARIOS`` is the number of scenarios, 2,000 unless told otherwise.
"""

from __future__ import annotations

import asyncio
import os
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.session.model.checks import check
from tests.session.model.clock import VirtualLoop
from tests.session.model.scenario import Scenario

SCENARIOS: Final = int(os.environ.get("AI_TRANSPORT_CODECS_SCENARIOS", "2000"))
BLOCKS: Final = 16


def play(number: int) -> Scenario:
    """Play one scenario and compare; a failure names the seed, and says what happened."""
    scenario = Scenario(number)

    async def story() -> None:
        await scenario.play()
        await check(scenario.world)
        await scenario.world.close()

    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(asyncio.wait_for(story(), 100_000))
    except BaseException as error:
        error.add_note(f"AI_TRANSPORT_CODECS_SEED={number} replays this scenario:\n" + "\n".join(scenario.log))
        raise
    return scenario


@pytest.mark.parametrize("block", range(BLOCKS))
def test_after_quiet_every_view_of_a_branch_is_what_the_sources_said(block: int) -> None:
    @seed(block)
    @settings(
        max_examples=-(-SCENARIOS // BLOCKS),
        deadline=None,
        database=None,
        phases=[Phase.generate],  # a smaller seed is no simpler scenario
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(number=st.integers(0, 2**32))
    def scenarios(number: int) -> None:
        play(number)

    scenarios()


@pytest.mark.skipif("AI_TRANSPORT_CODECS_SEED" not in os.environ, reason="replays one seed, when it is given")
def test_a_seed_replays_alone() -> None:
    scenario = play(int(os.environ["AI_TRANSPORT_CODECS_SEED"]))
    print("\n".join(scenario.log))
