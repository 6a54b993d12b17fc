"""Where a conversation branches, each view shows one version, and says which there are."""

from __future__ import annotations

import pytest

from ai_transport_codecs.errors import InvalidArgumentError, SessionClosedError
from tests.session.stage import say, settle, staged
from tests.session.view_stage import Desk, ids, opened, updates_of


async def test_an_edit_shows_in_the_view_that_made_it_and_moves_no_other() -> None:
    """Behaviours 34 and, for the order of things, 3.5: the old version stays until the channel has the new one."""
    async with staged() as stage, stage.device("alice") as alice, stage.device("bob") as bob:
        desk = await opened(stage)
        await desk.turns(2)
        await settle()
        other = alice.create_view()
        shown: list[list[str]] = []
        alice.tree.on("update", lambda: shown.append(alice.view.messages))
        turn = await alice.view.edit("M1", say("other"))
        await settle()
        assert shown[0] == ["q0", "a0", "q1", "a1"], "until the channel has it"
        assert alice.view.messages == ["q0", "a0", "other"]
        assert other.messages == bob.view.messages == ["q0", "a0", "q1", "a1"]
        sent = stage.headers("ai-input")[-1]
        assert (sent["parent"], sent["fork-of"]) == ("A0", "M1")
        for view in (alice.view, other):
            choice = view.branch_selection("M1")
            assert [sibling.id for sibling in choice.siblings] == ["M1", turn.input_message_id]
        assert alice.view.branch_selection("M1").index == 1
        assert other.branch_selection("M1").index == 0
        late = alice.create_view()
        assert late.messages == ["q0", "a0", "other"], "a view that saw neither shows the newest"


async def test_selecting_a_version_moves_one_view_and_everything_below_it() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(2)
        await desk.ask("M1b", "other", "A0", fork_of="M1")
        await desk.answer("R1b", "M1b", ("A1b", "else"))
        await settle()
        view, other = alice.view, alice.create_view()
        assert ids(view) == ["M0", "A0", "M1", "A1"], "others' edits move no view"
        updates = await updates_of(view)
        view.select_sibling("M1", 1)
        assert ids(view) == ["M0", "A0", "M1b", "A1b"]
        assert ids(other) == ["M0", "A0", "M1b", "A1b"], "made after the edit"
        other.select_sibling("M1b", 0)
        assert (ids(view)[2], ids(other)[2]) == ("M1b", "M1")
        view.branch_selection("M1b").select(-5)
        assert view.branch_selection("M1").index == 0, "clamped"
        view.branch_selection("M1b").select(99)
        assert view.branch_selection("M1").index == 1
        assert len(updates) == 3


async def test_a_message_without_versions_is_its_own_only_one() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        updates = await updates_of(alice.view)
        own = alice.view.branch_selection("A0")
        assert (ids(own.siblings), own.index, own.has_siblings) == (["A0"], 0, False)
        unknown = alice.view.branch_selection("nobody")
        assert (unknown.siblings, unknown.index, unknown.selected) == ((), 0, None)
        own.select(1)
        unknown.select(0)
        assert updates == []


async def test_regenerating_a_whole_answer_makes_siblings_of_one_group() -> None:
    """Behaviours 32 and 48: versions of versions are anchored at the original message."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        await alice.view.regenerate("A0")
        sent = stage.headers("ai-input")[-1]
        assert (sent["parent"], sent["msg-regenerate"]) == ("M0", "A0")
        assert "fork-of" not in sent
        await desk.answer("Rb", "M0", ("Ab", "again"), msg_regenerate="A0")
        await settle()
        assert ids(alice.view) == ["M0", "Ab"]
        await alice.view.regenerate("Ab")
        assert stage.headers("ai-input")[-1]["msg-regenerate"] == "A0"
        await desk.answer("Rc", "M0", ("Ac", "once more"), msg_regenerate="A0")
        await settle()
        choice = alice.view.branch_selection("A0")
        assert (ids(choice.siblings), choice.index) == (["A0", "Ab", "Ac"], 2)
        assert alice.view.messages == ["q0", "once more"]


async def test_others_regenerations_move_every_view_whose_user_did_not_choose() -> None:
    """Behaviour 34, the other half; one's own regenerate takes back one's choice."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await desk.answer("Rb", "M0", ("Ab", "b"), msg_regenerate="A0")
        await settle()
        free, chosen = alice.view, alice.create_view()
        chosen.select_sibling("A0", 0)
        await desk.answer("Rc", "M0", ("Ac", "c"), msg_regenerate="A0")
        await settle()
        assert (ids(free), ids(chosen)) == (["M0", "Ac"], ["M0", "A0"])
        await chosen.regenerate("A0")
        await desk.answer("Rd", "M0", ("Ad", "d"), msg_regenerate="A0")
        await settle()
        assert ids(free) == ids(chosen) == ["M0", "Ad"]


async def test_regenerating_a_later_message_replaces_what_follows_it() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.ask("M", "q")
        await desk.answer("R", "M", ("A", "one"), ("B", "two"), ("C", "three"))
        await settle()
        await alice.view.regenerate("B")
        sent = stage.headers("ai-input")[-1]
        assert (sent["parent"], sent["msg-regenerate"]) == ("A", "B")
        await desk.answer("R2", "A", ("B2", "zwei"), msg_regenerate="B")
        await settle()
        assert alice.view.messages == ["q", "one", "zwei"]
        assert [run.run_id for run in alice.view.runs()] == ["R", "R2"]
        for message_id in ("B", "B2"):
            choice = alice.view.branch_selection(message_id)
            assert (ids(choice.siblings), choice.index) == (["B", "B2"], 1)
        alice.view.select_sibling("B2", 0)
        assert alice.view.messages == ["q", "one", "two", "three"]
        assert alice.view.branch_selection("B2").index == 0
        await alice.view.regenerate("B2")
        assert stage.headers("ai-input")[-1]["msg-regenerate"] == "B", "the first message of a version: the original"
        assert alice.view.messages == ["q", "one", "zwei"], "one's own regenerate takes back one's choice"


async def test_a_view_may_be_edited_before_its_history_is_loaded() -> None:
    """The reference takes the parent from what is visible: then this edit would be a conversation of its own."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(2)
        async with stage.device("alice", history=False) as alice, stage.device("bob") as bob:
            await alice.view.load_older(2)
            assert ids(alice.view) == ["M1", "A1"]
            turn = await alice.view.edit("M1", say("other"))
            await settle()
            assert stage.headers("ai-input")[-1]["parent"] == "A0"
            assert ids(bob.view.branch_selection("M1").siblings) == ["M1", turn.input_message_id]
            await bob.view.edit("M0", say("from the beginning"))
            assert "parent" not in stage.headers("ai-input")[-1]
            assert bob.view.messages == ["from the beginning"]


async def test_misuse_of_edit_and_regenerate_is_refused_before_anything_is_published() -> None:
    """Behaviours 8 and 49."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await desk.start("root", None)
        await desk.note("root", "orphan", "no question")
        await settle()
        before = len(stage.seen)
        view = alice.view
        with pytest.raises(InvalidArgumentError, match="unable to edit; message not found in tree: 'nobody'"):
            await view.edit("nobody", say("x"))
        with pytest.raises(InvalidArgumentError, match="unable to edit; 2 new messages at once"):
            await view.edit("M0", [say("a"), say("b")])
        with pytest.raises(InvalidArgumentError, match="unable to edit; there is nothing to send"):
            await view.edit("M0", [])
        for message_id in ("M0", "nobody"):
            with pytest.raises(InvalidArgumentError, match=f"message not found in tree: '{message_id}'") as caught:
                await view.regenerate(message_id)
            assert (caught.value.code, caught.value.status_code) == (40003, 400)
        with pytest.raises(InvalidArgumentError, match="parent user message not found"):
            await view.regenerate("orphan")
        other = alice.create_view()
        other.close()
        for write in (other.send(say("x")), other.edit("M0", say("x")), other.regenerate("A0")):
            with pytest.raises(SessionClosedError, match="view is closed, use another view"):
                await write
        assert len(stage.seen) == before
        assert view.messages[:2] == ["q0", "a0"]


async def test_a_tool_result_that_is_answered_by_a_run_of_its_own_hides_the_suspended_one() -> None:
    """Behaviours 35 and 36, and spec 3.7: whichever arrives first, the fork and its run are one."""
    async with staged() as stage, stage.device() as alice, stage.device("bob") as bob:
        desk = await opened(stage)
        await desk.ask("M", "q")
        await desk.start("R", "M")
        await desk.note("R", "A", "call?", "M")
        await desk.lifecycle("run-suspend", "R")
        await settle()
        result = {"kind": "tool-result", "codecMessageId": "F", "payload": {"output": "42"}}
        turn = await alice.view.send(result, role="assistant", parent="M", supersedes="R")
        await settle()
        sent = stage.headers("ai-input")[-1]
        assert sent == {
            "role": "assistant",
            "codec-message-id": "F",
            "run-client-id": "alice",
            "parent": "M",
            "supersedes": "R",
            "event-id": turn.input_event_id,
            "stream": "false",
        }
        assert alice.view.messages == bob.view.messages == ["q", "=42"]
        assert [run.run_id for run in bob.view.runs()] == ["F"]
        await desk.answer("R2", "M", ("B", "done"), input_codec_message_id="F")
        await settle()
        assert alice.view.messages == bob.view.messages == ["q", "=42", "done"]
        assert turn.run_id == "R2"
        superseded = alice.view.run("R")
        assert superseded is not None
        assert superseded.status == "suspended"
        assert alice.view.branch_selection("B").has_siblings is False


async def test_which_run_answers_a_message() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await desk.answer("Rb", "M0", ("Ab", "b"), msg_regenerate="A0")
        await desk.ask("M1", "unanswered", "Ab")
        await settle()

        def run_of(message_id: str) -> str | None:
            run = alice.view.run_of(message_id)
            return None if run is None else run.run_id

        assert [run_of(each) for each in ("M0", "A0", "Ab", "M1", "nobody")] == ["Rb", "R0", "Rb", None, None]
        alice.view.select_sibling("A0", 0)
        assert run_of("M0") == "R0"
        assert alice.view.run("nobody") is None


async def test_a_failed_edit_leaves_everything_as_it_was() -> None:
    async with staged(max_message_size=600) as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        with pytest.raises(Exception, match="unable to edit; "):
            await alice.view.edit("M0", say("x" * 1_000))
        assert alice.view.messages == ["q0", "a0"]
        assert alice.view.branch_selection("M0").has_siblings is False
        assert stage.errors == []


async def test_parentless_runs_are_versions_of_one_another() -> None:
    """Behaviour 32."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        for name in "xyz":
            await desk.start(f"R{name}", None)
            await desk.note(f"R{name}", name, name)
        await settle()
        assert alice.view.messages == ["z"]
        assert ids(alice.view.branch_selection("z").siblings) == ["x", "y", "z"]


async def test_edits_that_older_history_joins_show_the_newest_of_them() -> None:
    async with staged() as stage:
        desk = Desk(stage)
        await desk.ask("M1", "one")
        await desk.ask("M2", "two", fork_of="M1")
        await desk.ask("M3", "three", fork_of="M1")
        await desk.ask("M4", "four", fork_of="M2")
        async with stage.device(history=False, history_page_size=1) as alice:
            while alice.view.has_older():
                await alice.view.load_older(1)
            assert alice.view.messages == ["four"]
