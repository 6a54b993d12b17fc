"""What a view tells its listeners, and what reading it costs."""

from __future__ import annotations

from ai_transport_codecs import ClientSession
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.codec.define import define_codec
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.stage import say, settle, staged
from tests.session.toy_codec import INPUTS, OUTPUTS, ToyReducer
from tests.session.view_stage import cost_of_connecting, cost_of_paging, ids, opened, updates_of


async def test_updates_are_told_for_what_is_visible() -> None:
    """Behaviour 38: also for a version of a visible input's answer that is not selected; not for a status."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        alice.view.select_sibling("A0", 0)
        await desk.start("Rb", "M0", msg_regenerate="A0")
        await settle()
        alice.view.select_sibling("A0", 0)
        updates = await updates_of(alice.view)
        await desk.note("Rb", "Ab", "unseen?", "M0")
        await settle()
        assert len(updates) >= 1
        alice.view.select_sibling("A0", 0)
        count = len(updates)
        await desk.lifecycle("run-end", "R0", run_reason="complete")
        await desk.lifecycle("run-suspend", "Rb")
        await settle()
        assert len(updates) == count
        await desk.note("Rb", "Ab", "again", "M0")
        await settle()
        assert len(updates) == count + 1
        assert ids(alice.view) == ["M0", "A0"]


async def test_what_is_not_visible_is_not_told() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await desk.ask("M0b", "other", None, fork_of="M0")
        await settle()
        updates = await updates_of(alice.view)
        runs: list[str] = []
        alice.view.on("run", lambda event: runs.append(event.run_id))
        await desk.answer("Rb", "M0b", ("Ab", "b"))
        await settle()
        assert (updates, runs) == ([], []), "the edit is not selected here, and so is its answer not"
        alice.view.select_sibling("M0", 1)
        await desk.lifecycle("run-end", "Rb", run_reason="complete")
        await settle()
        assert runs == ["Rb"]


async def test_a_runs_start_is_told_where_the_run_belongs() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        heard: list[tuple[str, str]] = []
        alice.view.on("run", lambda event: heard.append((event.type, event.run_id)))
        await desk.ask("M", "q")
        await desk.start("R", "M")
        await desk.start("elsewhere", None)
        await desk.lifecycle("run-end", "R")
        await settle()
        assert heard == [("start", "R"), ("start", "elsewhere"), ("end", "R")]


async def test_channel_messages_of_a_view() -> None:
    """Behaviour 39: never fresh inputs; foreign messages always; others when their run is visible."""
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        heard: list[InboundMessage] = []
        unsubscribe = alice.view.on("message", heard.append)
        await desk.publish("weather", "sunny")
        await desk.ask("M1", "q1", "A0")
        await desk.start("R1", "M1")
        await desk.note("R1", "A1", "a1", "M1")
        await desk.lifecycle("run-end", "hidden")
        await settle()
        assert [message.name for message in heard] == ["weather", "ai-run-start", "ai-output"]
        unsubscribe()
        await desk.publish("weather", "rain")
        await settle()
        assert len(heard) == 3


async def test_a_listener_that_raises_stops_nobody() -> None:
    async with staged() as stage, stage.device() as alice:

        def fail() -> None:
            raise RuntimeError("listener")

        alice.view.on("update", fail)
        updates = await updates_of(alice.view)
        await alice.view.send(say("hi"))
        assert updates
        assert alice.view.messages == ["hi"]


async def test_a_closed_view_keeps_its_last_state_and_others_go_on() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(1)
        await settle()
        view = alice.create_view()
        updates = await updates_of(view)
        view.close()
        view.close()
        view.select_sibling("M0", 1)
        await desk.turns(1, begin=1)
        await settle()
        assert ids(view) == ["M0", "A0"]
        assert view.messages == ["q0", "a0"]
        assert updates == []
        assert ids(alice.view) == ["M0", "A0", "M1", "A1"]


async def test_a_view_that_is_read_at_every_update_never_shows_an_old_state() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.turns(2)
        states: list[list[str]] = []
        alice.view.on("update", lambda: states.append(alice.view.messages))
        await desk.ask("M2", "q2", "A1")
        await desk.start("R2", "M2")
        await desk.stream("R2", "A2", "a", "b", "c")
        await settle()
        assert states[-4:] == [["q0", "a0", "q1", "a1", "q2", text] for text in ("a", "ab", "abc", "abc.")]
        fresh = alice.create_view()
        assert fresh.get_messages() == alice.view.get_messages()


async def test_streams_side_by_side_read_in_order_once_the_run_stops() -> None:
    async with staged() as stage, stage.device() as alice:
        desk = await opened(stage)
        await desk.ask("M", "q")
        await desk.start("R", "M")
        first = await desk.stream("R", "A", "one", ends=False)
        await desk.note("R", "A", "two", "M")
        await desk.append(first, " more")
        await settle()
        states: list[list[str]] = []
        alice.view.on("update", lambda: states.append(alice.view.messages))
        assert alice.view.messages == ["q", "one more|two"]
        await desk.lifecycle("run-end", "R", run_reason="complete")
        await settle()
        assert states == [], "nothing reads differently, and a status is no update"
        assert alice.view.get_messages() == alice.create_view().get_messages()


# --- cost


class Counting(ToyReducer):
    """Counts how often a projection's messages are made."""

    def __init__(self) -> None:
        self.reads = 0

    def get_messages(self, projection: dict[str, dict[str, list[str]]]) -> list[CodecMessage[str]]:
        self.reads += 1
        return super().get_messages(projection)


async def test_a_delta_costs_one_node_however_long_the_conversation() -> None:
    """Reading the view after each delta makes the messages of the node that grew, and of no other."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(60)
        reducer = Counting()
        codec = define_codec(name="toy", outputs=OUTPUTS, inputs=INPUTS, reducer=reducer)
        session: ClientSession[str] = ClientSession(stage.hub.client("alice"), "conversation", codec=codec)
        async with session as alice:
            await desk.ask("M", "q", "A59")
            await desk.start("R", "M")
            stream = await desk.stream("R", "A", "a", ends=False)
            await settle()
            lengths: list[int] = []
            alice.view.on("update", lambda: lengths.append(len(alice.view.get_messages())))
            alice.view.get_messages()
            reducer.reads = 0
            for _ in range(50):
                await desk.append(stream, "b")
            await settle()
            assert alice.view.messages[-1] == "a" + "b" * 50
            assert reducer.reads == 50
            assert lengths == [122] * 50


async def test_loading_on_connect_costs_the_same_for_each_message() -> None:
    small, large = await cost_of_connecting(50), await cost_of_connecting(500)
    assert large < 1.2 * small


async def test_paging_back_through_everything_costs_the_same_for_each_message() -> None:
    small, large = await cost_of_paging(50), await cost_of_paging(500)
    assert large < 1.2 * small
