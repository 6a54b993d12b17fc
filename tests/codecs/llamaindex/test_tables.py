"""The tables know what the installed LlamaIndex has: each event is carried or dropped, and each block is known."""

from __future__ import annotations

import typing
from types import ModuleType

import llama_index.core.agent.workflow
import llama_index.core.agent.workflow.workflow_events
import llama_index.core.chat_ui.events
import llama_index.core.workflow
import pytest
import workflows
import workflows.events
from llama_index.core.base.llms.types import ContentBlock, MessageRole
from llama_index.core.workflow import Event

from ai_transport_codecs.codec.contract import API_VERSION
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.codecs.llamaindex import CODEC
from ai_transport_codecs.codecs.llamaindex.blocks import BLOCKS
from ai_transport_codecs.codecs.llamaindex.events import CARRIED, DROPPED, REFUSED
from ai_transport_codecs.codecs.llamaindex.tables import ROLES
from ai_transport_codecs.codecs.llamaindex.translator import LlamaIndexTranslator

MODULES = [
    llama_index.core.agent.workflow,
    llama_index.core.agent.workflow.workflow_events,
    llama_index.core.chat_ui.events,
    llama_index.core.workflow,
    workflows,
    workflows.events,
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_event_class_that_the_framework_has_is_listed(module: ModuleType) -> None:
    classes = {each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Event)}
    assert classes <= CARRIED.keys() | DROPPED.keys()
    assert not CARRIED.keys() & DROPPED.keys()


def test_what_is_dropped_or_refused_says_why_and_what_is_carried_has_its_method() -> None:
    assert all(reason for reason in (*DROPPED.values(), *REFUSED.values()))
    assert all(hasattr(LlamaIndexTranslator, method) for method in CARRIED.values())


def test_every_block_and_role_is_known() -> None:
    union, _ = typing.get_args(ContentBlock)
    assert set(typing.get_args(union)) == set(BLOCKS.values())
    assert {role.value for role in MessageRole} == set(ROLES)


def test_the_codec_is_found_by_its_name() -> None:
    codec = get_codec("llamaindex")
    assert codec is CODEC
    assert (codec.name, codec.api_version, codec.adapter_tag) == ("llamaindex", API_VERSION, "llamaindex")
