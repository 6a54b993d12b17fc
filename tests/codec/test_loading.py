"""Loading an installed codec: what is imported, what is checked, and how each failure explains itself."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap

import pytest

from ai_transport_codecs.codec.contract import API_VERSION
from ai_transport_codecs.codec.registry import get_codec, installed_codecs
from ai_transport_codecs.errors import CodecLoadError, CodecVersionError, MissingExtraError
from tests.codec.fake_distributions import Install, codec_source

pytestmark = pytest.mark.usefixtures("clean_registry")


# --- loading one


def test_a_codec_is_loaded_alone_and_only_once(install: Install) -> None:
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC", "other": "other_plugin:CODEC"},
        modules={"acme_plugin": codec_source("acme"), "other_plugin": "raise RuntimeError('never imported')"},
    )
    codec = get_codec("acme")
    assert codec.name == "acme"
    assert get_codec("acme") is codec
    assert "other_plugin" not in sys.modules


def test_a_target_may_be_an_attribute_of_an_attribute_and_carry_old_style_extras(install: Install) -> None:
    source = codec_source("acme") + "\nclass codecs: ACME = CODEC\n"
    install("acme-codecs", codecs={"acme": "acme_plugin : codecs.ACME [acme]"}, modules={"acme_plugin": source})
    assert get_codec("acme").name == "acme"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("acme_plugin", "target 'acme_plugin', which is not of the form 'package.module:OBJECT'"),
        ("acme plugin:CODEC", "not of the form"),
        ("acme_plugin:", "not of the form"),
        ("acme_plugin:MISSING", "target 'acme_plugin:MISSING', but acme_plugin has no MISSING"),
        ("acme_plugin:CODEC.deeper", "acme_plugin has no CODEC.deeper"),
        ("acme_gone:CODEC", "cannot be imported: acme_gone raised ModuleNotFoundError: No module named 'acme_gone'"),
    ],
)
def test_a_target_that_leads_nowhere_is_explained(install: Install, target: str, said: str) -> None:
    install("acme-codecs", "1.2", codecs={"acme": target}, modules={"acme_plugin": codec_source("acme")})
    with pytest.raises(CodecLoadError) as caught:
        get_codec("acme")
    assert str(caught.value).startswith("codec 'acme' of acme-codecs 1.2")
    assert said in str(caught.value)


@pytest.mark.parametrize("raised", ["RuntimeError('boom')", "AttributeError('boom')", "ImportError('boom')"])
def test_a_plugin_that_fails_to_import_keeps_its_own_error_as_cause(install: Install, raised: str) -> None:
    install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"}, modules={"acme_plugin": f"raise {raised}"})
    with pytest.raises(CodecLoadError, match=r"codec 'acme' of acme-codecs 1\.0 cannot be imported.*boom") as caught:
        get_codec("acme")
    assert repr(caught.value.__cause__) == raised
    assert caught.value.cause is caught.value.__cause__


def test_a_failure_is_not_remembered(install: Install) -> None:
    place = install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"}, modules={})
    with pytest.raises(CodecLoadError):
        get_codec("acme")
    (place / "acme_plugin.py").write_text(codec_source("acme"))
    importlib.invalidate_caches()
    assert get_codec("acme").name == "acme"


def test_a_distribution_uninstalled_meanwhile_is_told(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    place = install("acme-codecs", codecs={"acme": "acme_plugin:CODEC"})
    assert [codec for codec in installed_codecs() if codec.name == "acme"]
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(place)])
    with pytest.raises(CodecLoadError, match=r"distribution is gone; call refresh\(\)"):
        get_codec("acme")


# --- the contract


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("CODEC.name = 'acme2'", "calls itself 'acme2'; the name it is registered under must be the same"),
        (f"CODEC.api_version = {API_VERSION + 1}", "upgrade ai-transport-codecs"),
        (f"CODEC.api_version = {API_VERSION - 1}", "upgrade the codec's package"),
        ("del CODEC.api_version", "it has no 'api_version'"),
        ("CODEC.api_version = '1'", "its 'api_version' must be a number, not str"),
        ("CODEC.name = None", "its 'name' must be a text, not NoneType"),
        ("CODEC.adapter_tag = 7", "its 'adapter_tag' must be a text or None, not int"),
        ("CODEC.init = []", "its 'init' must be a method, not list"),
        ("CODEC.create_tool_result = 'x'", "its 'create_tool_result' must be a function or None, not str"),
        ("del PlainCodec.fold_output, PlainCodec.get_messages", "no 'fold_output'; it has no 'get_messages'"),
        ("PlainCodec.init = property(lambda self: 1 / 0)", "its 'init' raises ZeroDivisionError"),
        ("CODEC = PlainCodec", "is the class PlainCodec; point the target to an instance of it"),
        ("CODEC = None", "does not keep the codec contract: it has no 'name'"),
    ],
)
def test_an_object_that_breaks_the_contract_is_refused_by_name(install: Install, change: str, said: str) -> None:
    source = codec_source("acme") + f"\n{change}\n"
    install("acme-codecs", "1.2", codecs={"acme": "acme_plugin:CODEC"}, modules={"acme_plugin": source})
    with pytest.raises(CodecLoadError) as caught:
        get_codec("acme")
    assert str(caught.value).startswith("codec 'acme' of acme-codecs 1.2 ")
    assert said in str(caught.value)


# --- missing frameworks


def test_a_missing_framework_is_told_with_the_command_that_installs_it(install: Install) -> None:
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": "import acme_sdk.chat"},
        requires=['acme-sdk<3,>=2; extra == "acme"'],
        extras=["acme"],
    )
    with pytest.raises(MissingExtraError) as caught:
        get_codec("acme")
    assert str(caught.value) == (
        "codec 'acme' needs acme-sdk, which is not installed; install it with pip install 'acme-codecs[acme]'"
    )
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_our_own_missing_framework_names_our_extra() -> None:
    program = """
        import sys
        sys.modules["langchain_core"] = None  # as good as not installed
        from ai_transport_codecs import MissingExtraError, get_codec
        try:
            get_codec("langchain")
        except MissingExtraError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == (
        "codec 'langchain' needs langchain-core, which is not installed; "
        "install it with pip install 'ai-transport-codecs[langchain]'"
    )


@pytest.mark.parametrize(
    ("codec", "module", "requires", "extras", "command"),
    [
        ("acme", "acme_sdk", ["acme-sdk"], [], "pip install acme-codecs"),
        ("acme", "Acme_SDK", ["Acme.SDK; extra == 'acme'"], ["acme"], "pip install 'acme-codecs[acme]'"),
        ("acme", "acme.core", ["acme-core; extra == 'acme'"], ["acme"], "pip install 'acme-codecs[acme]'"),
        ("acme-chat", "acme_sdk", ["acme-sdk; extra == 'acme'"], ["acme"], "pip install 'acme-codecs[acme]'"),
        ("acme", "acme_sdk", ["acme-codecs[full]; extra == 'acme'", "acme-sdk; extra == 'full'"], ["acme", "full"],
         "pip install 'acme-codecs[acme]'"),
        ("acme", "acme_sdk", ["acme-sdk; sys_platform != 'none' and (extra == 'acme' or extra == 'all')"],
         ["acme", "all"], "pip install 'acme-codecs[acme]'"),
    ],
)  # fmt: skip
def test_a_framework_is_known_from_the_extra_of_the_codecs_name(
    install: Install, codec: str, module: str, requires: list[str], extras: list[str], command: str
) -> None:
    install(
        "acme-codecs",
        codecs={codec: "acme_plugin:CODEC"},
        modules={"acme_plugin": f"import {module}"},
        requires=requires,
        extras=extras,
    )
    with pytest.raises(MissingExtraError) as caught:
        get_codec(codec)
    assert str(caught.value).endswith(f"install it with {command}")


@pytest.mark.parametrize(
    ("source", "requires"),
    [
        ("import unrelated_module", ["acme-sdk; extra == 'acme'"]),
        ("import acme_sdk", ["acme-sdk; extra == 'other'"]),
        ("import acme_sdk", ["acme-sdk; extra == 'acme' and python_version < '3'"]),
        ("import acme_sdk", []),
        ("import ai_transport_codecs.no_such_module", ["ai-transport-codecs; extra == 'acme'"]),
    ],
)
def test_a_module_that_no_framework_brings_is_the_plugins_own_fault(
    install: Install, source: str, requires: list[str]
) -> None:
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": source},
        requires=requires,
        extras=["acme", "other"],
    )
    with pytest.raises(CodecLoadError, match=r"of acme-codecs 1\.0 cannot be imported") as caught:
        get_codec("acme")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("source", ["import acme", "import acme_core.gone", "from acme_core import gone"])
def test_what_an_installed_framework_lacks_is_not_a_missing_framework(install: Install, source: str) -> None:
    install("acme-core", "2.0", codecs={}, modules={"acme_core": ""})
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": source},
        requires=["acme-core; extra == 'acme'"],
        extras=["acme"],
    )
    with pytest.raises(CodecLoadError, match="cannot be imported"):
        get_codec("acme")


def test_a_framework_whose_metadata_is_there_but_not_its_module_is_missing(install: Install) -> None:
    place = install("acme-core", "2.0", codecs={})
    record = "acme_runtime/__init__.py,,\nacme_core-2.0.dist-info/METADATA,,\n"
    next(place.glob("*.dist-info")).joinpath("RECORD").write_text(record)
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": "import acme_runtime"},
        requires=["acme-core; extra == 'acme'"],
        extras=["acme"],
    )
    with pytest.raises(MissingExtraError, match="needs acme-core"):
        get_codec("acme")


def test_a_framework_imported_when_the_codec_is_looked_up_counts_too(install: Install) -> None:
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": "def __getattr__(name):\n    import acme_sdk"},
        requires=["acme-sdk; extra == 'acme'"],
        extras=["acme"],
    )
    with pytest.raises(MissingExtraError, match="needs acme-sdk"):
        get_codec("acme")


# --- versions


def test_a_framework_out_of_range_is_refused_before_anything_is_imported(install: Install) -> None:
    install("acme-sdk", "3.0.1", codecs={}, modules={"acme_sdk": "raise SystemExit"})
    install(
        "acme-codecs",
        "1.2",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": "raise SystemExit"},
        requires=['acme-sdk<3,>=2; extra == "acme"'],
        extras=["acme"],
    )
    with pytest.raises(CodecVersionError) as caught:
        get_codec("acme")
    assert str(caught.value) == (
        "codec 'acme' of acme-codecs 1.2 supports acme-sdk >=2,<3, but acme-sdk 3.0.1 is installed; "
        "install a version it supports: pip install 'acme-codecs[acme]'"
    )
    assert "acme_plugin" not in sys.modules


@pytest.mark.parametrize(
    "requirement",
    [
        "acme-sdk>=2,<4; extra == 'acme'",
        "acme-sdk (>=2,<4); extra == 'acme'",
        "acme-sdk @ https://example.com/acme_sdk.whl ; extra == 'acme'",
        "acme-sdk<3; extra == 'other'",
        "acme-sdk<3; extra == 'acme' and python_version < '3.8'",
    ],
)
def test_a_framework_in_range_or_without_one_loads(install: Install, requirement: str) -> None:
    install("acme-sdk", "3.0.1", codecs={}, modules={"acme_sdk": ""})
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": "import acme_sdk\n" + codec_source("acme")},
        requires=[requirement],
        extras=["acme", "other"],
    )
    assert get_codec("acme").name == "acme"


@pytest.mark.parametrize(
    ("installed", "requirement", "said"),
    [
        ("3.0.1", "acme-sdk>=2.x; extra == 'acme'", "the version of acme-sdk is not checked: '2.x' is not a version"),
        ("3.0-custom-build", "acme-sdk>=2; extra == 'acme'", "'3.0-custom-build' is not a version"),
        ("3.0.1", "!?; extra == 'acme'", "a requirement of acme-codecs is not checked"),
        ("3.0.1", "acme-sdk<3; extra ~= 'acme'", "is not an environment marker"),
        ("3.0.1", "acme-sdk<3; __import__('os') == 'acme'", "is no value of an environment marker"),
        ("3.0.1", "acme-sdk<3; sys_platform < 'linux'", "have no order in an environment marker"),
    ],
)
def test_metadata_that_cannot_be_compared_is_logged_and_does_not_stand_in_the_way(
    install: Install, caplog: pytest.LogCaptureFixture, installed: str, requirement: str, said: str
) -> None:
    install("acme-sdk", installed, codecs={}, modules={"acme_sdk": ""})
    install(
        "acme-codecs",
        codecs={"acme": "acme_plugin:CODEC"},
        modules={"acme_plugin": codec_source("acme")},
        requires=[requirement],
        extras=["acme"],
    )
    assert get_codec("acme").name == "acme"
    assert said in caplog.text
