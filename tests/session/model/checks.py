"""Every view is compared with the truth: those that were there all along, and those of late readers."""

from __future__ import annotations

from ai_transport_codecs import ClientSession
from ai_transport_codecs.session.view import View
from tests.session.model.truth import Node, Truth
from tests.session.model.world import World
from tests.session.stage import CHANNEL
from tests.session.toy_codec import TOY


async def check(world: World) -> None:
    """Raises AssertionError for the first thing that is not as it should be."""
    page = await world.hub.client("historian").channel(CHANNEL).history(limit=1000)
    assert not page.has_next
    truth = Truth(list(reversed(page.items)), world.author)
    assert not truth.left_open, f"streaming for ever: {truth.left_open}"
    active = [run for run, status in truth.statuses().items() if status == "active"]
    assert not active, f"active for ever: {active}"
    _check_reasons(truth, world)
    for number, device in enumerate(world.devices):
        while device.session.view.has_older():
            await device.session.view.load_older(3)
        _check_view(f"device {number}", device.session.view, truth, _choices_of(device.session.view, truth))
    for page_size, count in ((100, 50), (1, 1), (3, 2)):
        async with late_reader(world, page_size) as session:
            await _read_back(session.view, count, truth)
            _check_view(f"a late reader of pages of {page_size}", session.view, truth, {})
    async with late_reader(world, 5, history=True) as session:
        _check_view("a new device", session.view, truth, {})


async def _read_back(view: View[str], count: int, truth: Truth) -> None:
    """Page back to the beginning: each load returns what it brought into view, in the view's order."""
    before: list[tuple[str, str]] = []
    while view.has_older():
        older = [(each.id, each.message) for each in await view.load_older(count)]
        after = _shown(view)
        known = {message_id for message_id, _ in before}
        what = f"load_older({count}) of {before} to {after} returned {older}"
        assert older == [each for each in after if each[0] not in known], what
        assert len(older) == count or not view.has_older() or (len(older) > count and not _is_chain(truth)), what
        assert [each for each in after if each not in older] == before or not _is_chain(truth), what
        before = after


def late_reader(world: World, page_size: int, *, history: bool = False) -> ClientSession[str]:
    """Somebody who has seen nothing of it."""
    return ClientSession(world.hub.client("late"), CHANNEL, codec=TOY, history=history, history_page_size=page_size)


def _check_view(who: str, view: View[str], truth: Truth, chosen: dict[str, str]) -> None:
    statuses = {run.run_id: str(run.status) for run in view.runs()}
    expected = [node.key for node in truth.visible(chosen) if node.kind == "run"]
    assert list(statuses) == expected, f"{who} sees other runs"
    assert statuses == {key: truth.statuses()[key] for key in expected}, f"{who} sees other statuses"
    assert _shown(view) == truth.shown(chosen), f"{who} sees something else"


def _is_chain(truth: Truth) -> bool:
    """Whether everything follows what was before it, and nothing was said to a run."""
    pairs = zip([None, *truth.nodes], truth.nodes, strict=False)
    return all(truth.owner(node.parent) is before for before, node in pairs) and not any(
        part[:1] in ("u", "=") for run in truth.runs.values() for parts in run.messages.values() for part in parts
    )


def _shown(view: View[str]) -> list[tuple[str, str]]:
    return [(each.id, each.message) for each in view.get_messages()]


def _choices_of(view: View[str], truth: Truth) -> dict[str, str]:
    """Which branch a view is on: of each group the member that it shows, of each regenerated message the version."""
    shown = {run.run_id for run in view.runs()}
    ids = {each.id for each in view.get_messages()}
    chosen: dict[str, str] = {}
    followed = {id(truth.owner(run.parent)) for run in truth.runs.values() if run.key in shown}
    for node in truth.nodes:
        # An input whose message was deleted shows by what follows it.
        if node.key in shown or node.key in ids or id(node) in followed:
            chosen |= {member.key: node.key for member in truth.group(node)}
        if node.kind == "run" and node.key in shown:
            chosen |= _versions_shown(node, truth, ids)
    return chosen


def _versions_shown(node: Node, truth: Truth, ids: set[str]) -> dict[str, str]:
    own = list(node.messages)
    return {f"at {each}": node.key for position, each in enumerate(own) if position and each in ids}


def _check_reasons(truth: Truth, world: World) -> None:
    """Runs end as they have reason to, and those that are complete lack nothing."""
    for run_id, run in truth.runs.items():
        speeches = [speech for speech in world.author.speeches if speech.run_id == run_id]
        parts = [part for message in run.messages.values() for part in message]
        if run.status == "complete":
            spoken = {f"{speech.text}." for speech in speeches if speech.is_whole}
            assert run.is_shortened or any(part in spoken for part in parts), f"{run_id} is complete, without an answer"
        if run.status == "error":
            assert world.author.kinds[run_id] == "raises", f"{run_id} failed for no reason"
        if run.parent is not None and world.author.answered.get(run_id) in truth.inputs:
            assert run.parent == world.author.answered[run_id], f"{run_id} is in another place"
