"""From an announced codec to a checked one: versions, then the import, then the contract; each failure explained."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from types import FunctionType
from typing import Any, Final

from ai_transport_codecs.errors import CodecLoadError, CodecVersionError, MissingExtraError

from .contract import API_VERSION, Codec
from .plugins import InstalledCodec
from .requirements import OWN_DISTRIBUTION, Needs, Requirement, normalize
from .versions import satisfies

logger = logging.getLogger(__name__)

# The brackets are the extras that an entry point may still carry; installers no longer read them.
_TARGET: Final = re.compile(r"\s*(?P<module>\w+(?:\.\w+)*)\s*:\s*(?P<path>\w+(?:\.\w+)*)\s*(?:\[[^\]]*\])?\s*")


def load_installed(codec: InstalledCodec) -> Codec[Any, Any, Any, Any]:
    """Import and check an announced codec.

    Raises CodecVersionError, before anything is imported, when a framework is installed in a version out of range;
    MissingExtraError when a framework is not installed; CodecLoadError for everything else that is wrong with it.
    """
    label = f"codec {codec.name!r} of {codec.source}"
    needs = _needs(codec)
    _check_versions(codec, needs)
    try:
        found = resolve(codec.target, label)
    except CodecLoadError as error:
        raise _missing_extra(codec, needs, error.__cause__) or error from error.__cause__
    return check_codec(found, codec.name, label)


def resolve(target: str, label: str) -> object:
    """The object that ``package.module:OBJECT`` names.

    Raises CodecLoadError, with what the import raised as its cause; ``label`` says whose target it is.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        raise CodecLoadError(f"{label} has the target {target!r}, which is not of the form 'package.module:OBJECT'")
    module, path = match["module"], match["path"]
    try:
        found: object = importlib.import_module(module)
        for name in path.split("."):
            found = _attribute(found, name)
    except MissingExtraError:
        raise
    except _NoAttributeError as error:
        raise CodecLoadError(f"{label} has the target {target!r}, but {module} has no {path}") from error
    except Exception as error:
        raise CodecLoadError(
            f"{label} cannot be imported: {module} raised {type(error).__name__}: {error}", cause=error
        ) from error
    return found


class _NoAttributeError(Exception):
    """Told apart from an AttributeError that the plugin's module raises while it is imported."""


def _attribute(owner: object, name: str) -> object:
    try:
        return getattr(owner, name)
    except AttributeError as error:
        raise _NoAttributeError(name) from error


def check_codec(found: object, name: str, label: str) -> Codec[Any, Any, Any, Any]:
    """``found``, once it is seen to keep the contract's form under the public id ``name``.

    Raises CodecLoadError naming what is wrong; ``label`` says whose codec it is.
    """
    if isinstance(found, type):
        raise CodecLoadError(f"{label} is the class {found.__qualname__}; point the target to an instance of it")
    _check_api_version(found, label)
    _check_members(found, label)
    own_name = found.name  # type: ignore[attr-defined]  # just checked
    if own_name != name:
        raise CodecLoadError(f"{label} calls itself {own_name!r}; the name it is registered under must be the same")
    return found  # type: ignore[return-value]  # just checked


def _needs(codec: InstalledCodec) -> Needs:
    try:
        return codec.needs()
    except PackageNotFoundError as error:
        raise CodecLoadError(
            f"codec {codec.name!r} of {codec.source}: the distribution is gone; call refresh() and look again",
            cause=error,
        ) from error


def _check_versions(codec: InstalledCodec, needs: Needs) -> None:
    for framework in needs.frameworks:
        installed = framework.installed_version
        if installed is None or _in_range(framework, installed):
            continue
        raise CodecVersionError(
            f"codec {codec.name!r} of {codec.source} supports {framework}, but {framework.name} {installed} is "
            f"installed; install a version it supports: {_install_command(codec, needs)}"
        )


def _in_range(framework: Requirement, installed: str) -> bool:
    try:
        return satisfies(installed, framework.specifiers)
    except ValueError as error:
        logger.warning("the version of %s is not checked: %s", framework.name, error)
        return True


def _missing_extra(codec: InstalledCodec, needs: Needs, cause: BaseException | None) -> MissingExtraError | None:
    """The error to raise when what the import lacked is a framework; None when the fault is the plugin's own."""
    if not isinstance(cause, ModuleNotFoundError) or not cause.name:
        return None
    framework = next((each for each in needs.frameworks if _is_missing(each, cause.name)), None)
    if framework is None:
        return None
    return MissingExtraError(
        f"codec {codec.name!r} needs {framework.name}, which is not installed; "
        f"install it with {_install_command(codec, needs)}",
        cause=cause,
    )


def _is_missing(framework: Requirement, module: str) -> bool:
    """Whether ``module`` could not be imported because ``framework`` is not there.

    A framework that is not installed is known by its name only: ``llama_index.core`` is in ``llama-index-core``. One
    that is installed may still lack the module, which is not a missing framework but a plugin for another version.
    """
    root = module.partition(".")[0]
    if framework.installed_version is not None:
        return framework.provides(root) and not _can_be_found(root)
    return framework.key == normalize(root) or framework.key.startswith(normalize(root) + "-")


def _can_be_found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
    except ValueError:  # loaded, by somebody who gave it no spec
        return True


def _install_command(codec: InstalledCodec, needs: Needs) -> str:
    distribution = OWN_DISTRIBUTION if codec.is_own else codec.distribution
    return f"pip install '{distribution}[{needs.extra}]'" if needs.extra else f"pip install {distribution}"


def _check_api_version(found: object, label: str) -> None:
    declared = getattr(found, "api_version", None)
    if not isinstance(declared, int) or declared == API_VERSION:
        return  # what is not a number, the members' check tells
    advice = f"upgrade {OWN_DISTRIBUTION}" if declared > API_VERSION else "upgrade the codec's package"
    raise CodecLoadError(
        f"{label} is written for version {declared} of the codec contract and this package reads version "
        f"{API_VERSION}: {advice}"
    )


def _check_members(found: object, label: str) -> None:
    problems = [problem for member in _MEMBERS if (problem := _problem(found, member)) is not None]
    if problems:
        raise CodecLoadError(f"{label} does not keep the codec contract: {'; '.join(problems)}")


def _problem(found: object, member: str) -> str | None:
    expected, accepts = _MEMBERS[member]
    try:
        value = getattr(found, member)
    except AttributeError:
        return f"it has no {member!r}"
    except Exception as error:
        return f"its {member!r} raises {error!r}"
    return None if accepts(value) else f"its {member!r} must be {expected}, not {type(value).__name__}"


_Check = tuple[str, Callable[[object], bool]]
_METHOD: Final[_Check] = ("a method", callable)
_FACTORY: Final[_Check] = ("a function or None", lambda value: value is None or callable(value))
_PROPERTIES: Final[dict[str, _Check]] = {
    "name": ("a text", lambda value: isinstance(value, str)),
    "api_version": ("a number", lambda value: isinstance(value, int)),
    "adapter_tag": ("a text or None", lambda value: value is None or isinstance(value, str)),
}
# Read off the contract, so that a member added there is asked for here.
_MEMBERS: Final[dict[str, _Check]] = {
    member: _METHOD if isinstance(definition, FunctionType) else _PROPERTIES.get(member, _FACTORY)
    for member, definition in vars(Codec).items()
    if not member.startswith("_")
}
