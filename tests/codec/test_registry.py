"""Finding codecs by name: what is announced, what a program registers, and what to do when a name leads nowhere."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from ai_transport_codecs.codec import registry
from ai_transport_codecs.codec.plugins import GROUP, InstalledCodec
from ai_transport_codecs.codec.registry import (
    get_codec,
    installed_codecs,
    refresh,
    register_codec,
    unregister_codec,
)
from ai_transport_codecs.errors import (
    AITransportError,
    CodecConflictError,
    CodecLoadError,
    CodecVersionError,
    InvalidArgumentError,
    MissingExtraError,
    UnknownCodecError,
)
from tests.codec.fake_distributions import Install, codec_source

pytestmark = pytest.mark.usefixtures("clean_registry")


def names() -> list[str]:
    return [codec.name for codec in installed_codecs()]


# --- what is installed


def test_a_distributions_codec_is_listed_from_its_metadata_without_being_imported(install: Install) -> None:
    install("acme-codecs", "1.2", codecs={"acme": "acme_plugin:CODEC"}, modules={"acme_plugin": "raise SystemExit"})
    listed = next(codec for codec in installed_codecs() if codec.name == "acme")
    assert listed == ("acme", "acme-codecs", "1.2", "acme_plugin:CODEC")
    assert "acme_plugin" not in sys.modules


def test_our_own_codecs_come_through_the_same_door() -> None:
    own = {codec.name: codec for codec in installed_codecs() if codec.is_own}
    assert own["langchain"].distribution == "ai-transport-codecs"
    assert own["langchain"].target == "ai_transport_codecs.codecs.langchain:CODEC"


def test_metadata_that_cannot_be_read_is_logged_and_hides_nothing(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"})
    install("broken-lines", entry_points=f"[{GROUP}]\nno equals sign here\n")
    nameless = install("nameless", codecs={"lost": "lost:CODEC"})
    next(nameless.glob("*.dist-info/METADATA")).write_bytes(b"\xff\xfe not a header")
    binary = install("binary", codecs={"lost": "lost:CODEC"})
    next(binary.glob("*.dist-info/entry_points.txt")).write_bytes(b"\xff\xfe\x00")
    refresh()
    assert "acme" in names()
    assert "lost" not in names()
    assert "metadata cannot be read" in caplog.text


def test_an_older_copy_further_down_the_path_does_not_count(install: Install) -> None:
    install("acme-codecs", "1.0", codecs={"acme": "old:CODEC", "dropped": "old:CODEC"})
    install("acme-codecs", "2.0", codecs={"acme": "new:CODEC"})
    assert [codec for codec in installed_codecs() if not codec.is_own] == [("acme", "acme-codecs", "2.0", "new:CODEC")]


def test_the_installed_distributions_are_read_once_until_refresh(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = installed_codecs()
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.distributions", lambda: pytest.fail("read again"))
        assert installed_codecs() == first
    install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"})  # refreshes
    assert "acme" in names()


def test_importing_the_registry_reads_no_metadata() -> None:
    program = """
        import importlib.metadata
        def refuse(*args, **kwargs): raise AssertionError("metadata was read")
        importlib.metadata.distributions = importlib.metadata.Distribution.discover = refuse
        import ai_transport_codecs.codec.registry
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


# --- unknown names


def test_an_unknown_name_lists_what_there_is_and_suggests_what_was_meant(install: Install) -> None:
    install("acme-codecs", "1.2", codecs={"acme-chat": "acme_plugin:CODEC"})
    with pytest.raises(UnknownCodecError) as caught:
        get_codec("Acme_Chta")
    text = str(caught.value)
    assert text.startswith(
        "no codec is named 'Acme_Chta'. Did you mean 'acme-chat'? Available: acme-chat (acme-codecs 1.2)"
    )
    assert "langchain (ai-transport-codecs" in text
    assert isinstance(caught.value, LookupError)


def test_a_name_unlike_any_other_gets_no_suggestion() -> None:
    with pytest.raises(UnknownCodecError) as caught:
        get_codec("zzz")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("near", ["langchian", "lang-chain", "LangChain", "langchain "])
def test_near_misses_of_our_own_names_are_recognised(near: str) -> None:
    with pytest.raises(UnknownCodecError, match="Did you mean 'langchain'"):
        get_codec(near)


@pytest.fixture
def first_release(clean_registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version of this package that contains the LangChain codec only, whatever this one contains."""
    own = InstalledCodec("langchain", "ai-transport-codecs", "0.1.0", "somewhere:CODEC")
    monkeypatch.setattr(registry, "_registry", registry.CodecRegistry(lambda: (own,)))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("llamaindex", "ai-transport-codecs 0.1.0 does not contain 'llamaindex'; a later version may"),
        ("llama-index", "ai-transport-codecs 0.1.0 does not contain 'llamaindex'; a later version may"),
        ("llamaindex", "pip install --upgrade 'ai-transport-codecs[llamaindex]'"),
        ("openai", "does not contain 'openai-chat' and 'openai-responses'"),
        ("openai-responses", "pip install --upgrade 'ai-transport-codecs[openai]'"),
    ],
)
@pytest.mark.usefixtures("first_release")
def test_a_codec_of_ours_that_this_version_lacks_is_told_apart_from_a_typing_error(asked: str, said: str) -> None:
    with pytest.raises(UnknownCodecError) as caught:
        get_codec(asked)
    assert said in str(caught.value)


def test_without_its_own_metadata_the_package_says_that_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registry", registry.CodecRegistry(tuple))
    with pytest.raises(UnknownCodecError, match=r"itself is not installed here.*Available: none"):
        get_codec("langchain")


@pytest.mark.parametrize("name", [None, 7, b"langchain"])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="a codec's name is a str"):
        get_codec(name)


# --- conflicts


def test_two_distributions_with_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("acme-codecs", "1.2", codecs={"chat": "acme_plugin:CODEC"}, modules={"acme_plugin": codec_source("chat")})
    install("Other_Codecs", "3", codecs={"chat": "other_plugin:CODEC"}, modules={"other_plugin": codec_source("chat")})
    assert names().count("chat") == 2
    with pytest.raises(CodecConflictError) as caught:
        get_codec("chat")
    text = str(caught.value)
    assert "codec 'chat' is claimed by Other_Codecs 3 and acme-codecs 1.2" in text
    assert "get_codec('Other_Codecs:chat') or get_codec('acme-codecs:chat')" in text
    ours, theirs = get_codec("acme-codecs:chat"), get_codec("other.codecs:chat")
    assert (type(ours).__module__, type(theirs).__module__) == ("acme_plugin", "other_plugin")


def test_a_qualified_name_of_the_wrong_distribution_is_unknown(install: Install) -> None:
    install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"})
    with pytest.raises(
        UnknownCodecError, match=r"no codec is named 'acme' in distribution 'elsewhere'\. .*acme \(acme-"
    ):
        get_codec("elsewhere:acme")


def test_one_distribution_that_announces_a_name_twice_is_told_so(install: Install) -> None:
    install("acme-codecs", "1.2", entry_points=f"[{GROUP}]\nacme = a:CODEC\nacme = b:CODEC\n")
    with pytest.raises(
        CodecConflictError, match=r"acme-codecs 1\.2 announces codec 'acme' twice, as a:CODEC and b:CODEC"
    ):
        get_codec("acme")


# --- registering in code


@pytest.fixture
def mine(install: Install) -> Any:
    install("nothing-announced", codecs={}, modules={"my_codecs": codec_source("mine")})
    return importlib.import_module("my_codecs").CODEC


def test_a_registered_object_is_found(mine: Any) -> None:
    register_codec("mine", mine)
    assert get_codec("mine") is mine


def test_a_registered_target_is_imported_when_asked_for(install: Install) -> None:
    install("nothing-announced", codecs={}, modules={"my_codecs": codec_source("mine")})
    register_codec("mine", "my_codecs:CODEC")
    assert "my_codecs" not in sys.modules
    assert get_codec("mine") is get_codec("mine")
    register_codec("mine", "my_codecs:CODEC", replace=True)


def test_a_registered_target_that_cannot_load_says_who_registered_it() -> None:
    register_codec("mine", "nowhere_at_all:CODEC")
    with pytest.raises(CodecLoadError, match="codec 'mine' that this program registered cannot be imported"):
        get_codec("mine")


def test_registering_the_same_again_does_nothing(mine: Any) -> None:
    register_codec("mine", mine)
    register_codec("mine", mine)
    register_codec("lazy", "somewhere:CODEC")
    register_codec("lazy", "somewhere:CODEC")
    assert get_codec("mine") is mine


def test_a_second_codec_of_a_name_needs_replace(mine: Any) -> None:
    register_codec("mine", "elsewhere:CODEC")
    with pytest.raises(CodecConflictError, match=r"codec 'mine' is already registered by this program; .*replace=True"):
        register_codec("mine", mine)
    register_codec("mine", mine, replace=True)
    assert get_codec("mine") is mine


def test_taking_an_installed_name_needs_replace_and_can_be_taken_back(install: Install, mine: Any) -> None:
    install("acme-codecs", "1.2", codecs={"mine": "acme_plugin:CODEC"}, modules={"acme_plugin": codec_source("mine")})
    with pytest.raises(CodecConflictError, match=r"codec 'mine' is already registered by acme-codecs 1\.2"):
        register_codec("mine", mine)
    register_codec("mine", mine, replace=True)
    assert get_codec("mine") is mine
    assert get_codec("acme-codecs:mine") is not mine
    unregister_codec("mine")
    assert type(get_codec("mine")).__module__ == "acme_plugin"


def test_replace_settles_a_conflict_between_distributions(install: Install, mine: Any) -> None:
    install("acme-codecs", codecs={"mine": "acme_plugin:CODEC"})
    install("other-codecs", codecs={"mine": "other_plugin:CODEC"})
    register_codec("mine", mine, replace=True)
    assert get_codec("mine") is mine


def test_an_object_is_checked_when_it_is_registered(mine: Any) -> None:
    with pytest.raises(CodecLoadError, match="codec 'yours' that this program registered calls itself 'mine'"):
        register_codec("yours", mine)
    with pytest.raises(CodecLoadError, match="does not keep the codec contract"):
        register_codec("mine", object())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Mine", "my_codec", "my codec", "-mine", "mine-", "a:b", "ä", None])
def test_a_registered_name_is_kebab_case(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="use lower-case words joined by hyphens"):
        register_codec(name, "somewhere:CODEC")


def test_unregistering_what_was_not_registered_is_an_error() -> None:
    with pytest.raises(UnknownCodecError, match="no codec 'langchain' was registered by this program"):
        unregister_codec("langchain")


def test_refresh_keeps_what_the_program_registered(mine: Any) -> None:
    register_codec("mine", mine)
    refresh()
    assert get_codec("mine") is mine


# --- the off switch


def test_the_off_switch_leaves_our_own_and_what_the_program_registered(
    install: Install, mine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-codecs", codecs={"acme": "acme_plugin:CODEC", "langchain": "acme_plugin:CODEC"})
    monkeypatch.setenv("AI_TRANSPORT_CODECS_DISABLE_PLUGINS", "1")
    assert {codec.distribution for codec in installed_codecs()} == {"ai-transport-codecs"}
    with pytest.raises(UnknownCodecError, match="AI_TRANSPORT_CODECS_DISABLE_PLUGINS is set"):
        get_codec("acme")
    register_codec("mine", mine)
    assert get_codec("mine") is mine


@pytest.mark.parametrize("off", ["", "0", "false", "No", " off "])
def test_a_switch_that_says_no_changes_nothing(install: Install, monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"})
    monkeypatch.setenv("AI_TRANSPORT_CODECS_DISABLE_PLUGINS", off)
    assert "acme" in names()


def test_each_error_of_the_registry_is_the_callers_to_mend() -> None:
    for error in (UnknownCodecError, CodecConflictError, CodecLoadError, CodecVersionError, MissingExtraError):
        assert error("text").code == 40003
        assert issubclass(error, AITransportError)
