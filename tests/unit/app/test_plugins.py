import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from millhand_server.app.plugins import PluginError, load_handlers, load_interceptors

_HANDLERS = """
from millhand import Handlers, handler

@handler("greet")
def greet(request):
    return f"hello {request}"

handlers = Handlers(greet)
same_again = Handlers(greet)
nothing = Handlers()
number = 7
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the working directory, as a user's project would be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_handlers_are_found_in_the_working_directory_and_merged_in_order(project: Path) -> None:
    (project / "plugin_found.py").write_text(_HANDLERS)

    loaded = load_handlers(["plugin_found:handlers", "millhand_server.handlers.faults:handlers"])

    assert loaded.names()[0] == "greet"
    assert "stubborn" in loaded


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("plugin_bad.x:handlers", "there is no module plugin_bad.x"),
        ("no_such_module:handlers", "there is no module no_such_module in "),
        ("plugin_bad:nobody", "the module plugin_bad has no nobody"),
        ("plugin_bad:number", "--handlers plugin_bad:number is a int; name a collection"),
        ("plugin_bad:nothing", "there is not one handler"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_in_a_sentence(
    project: Path, reference: str, sentence: str
) -> None:
    (project / "plugin_bad.py").write_text(_HANDLERS)

    with pytest.raises(PluginError) as refusal:
        load_handlers([reference])

    assert sentence in refusal.value.sentence
    assert not refusal.value.details


def test_a_name_that_two_collections_have_is_refused(project: Path) -> None:
    (project / "plugin_twice.py").write_text(_HANDLERS)

    with pytest.raises(PluginError, match="Two handlers are called 'greet'"):
        load_handlers(["plugin_twice:handlers", "plugin_twice:same_again"])


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("import no_such_dependency\n", "ModuleNotFoundError"),
        ("value = 1 / 0\n", "ZeroDivisionError"),
        ("import sys\nsys.no_such_thing\n", "AttributeError"),
        ("def broken(:\n", "SyntaxError"),
    ],
    ids=["dependency", "exception", "attribute", "syntax"],
)
def test_a_module_that_breaks_shows_its_own_traceback_and_not_ours(
    project: Path, source: str, fault: str
) -> None:
    name = f"plugin_breaks_{fault.lower()}"
    (project / f"{name}.py").write_text(source)

    with pytest.raises(PluginError, match=f"{name}:handlers cannot be imported: {fault}") as refusal:
        load_handlers([f"{name}:handlers"])

    assert f"{name}.py" in refusal.value.details
    assert "plugins.py" not in refusal.value.details
    assert "importlib" not in refusal.value.details


@pytest.fixture
def installed(project: Path) -> Callable[..., None]:
    """Installs a package that names collections of handlers in its entry points."""

    def install(package: str, **entry_points: str) -> None:
        about = project / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {reference}\n" for name, reference in entry_points.items())
        (about / "entry_points.txt").write_text(f"[millhand.handlers]\n{lines}")

    return install


def test_handlers_of_an_installed_package_are_loaded_when_their_entry_point_is_named(
    project: Path, installed: Callable[..., None]
) -> None:
    (project / "plugin_installed.py").write_text(_HANDLERS)
    (project / "plugin_bystander.py").write_text("raise SystemExit")
    installed("plugins", greeting="plugin_installed:handlers", bystander="plugin_bystander:handlers")

    loaded = load_handlers(["millhand_server.handlers.faults:handlers"], ["greeting"])

    assert loaded.names()[-1] == "greet"
    assert "plugin_bystander" not in sys.modules


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nobody", "no installed package has an entry point of this name in the group millhand.handlers"),
        ("nobody", "there are: contested, gone, greeting, number"),
        ("contested", "installed packages disagree on it (one:handlers, other:handlers)"),
        ("gone", "--handlers-entry-point gone (plugin_gone:handlers): there is no module plugin_gone in "),
        ("number", "--handlers-entry-point number (plugin_listed:number) is a int; name a collection"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_told_in_a_sentence(
    project: Path, installed: Callable[..., None], name: str, sentence: str
) -> None:
    (project / "plugin_listed.py").write_text(_HANDLERS)
    installed(
        "first", greeting="plugin_listed:handlers", gone="plugin_gone:handlers", contested="one:handlers"
    )
    installed("second", number="plugin_listed:number", contested="other:handlers")

    with pytest.raises(PluginError) as refusal:
        load_handlers([], [name])

    assert sentence in refusal.value.sentence


def test_interceptors_are_loaded_in_the_order_given(project: Path) -> None:
    (project / "plugin_around.py").write_text(
        "async def outer(call_next, request, context): ...\n"
        "async def inner(call_next, request, context): ...\n"
    )

    outer, inner = load_interceptors(["plugin_around:outer", "plugin_around:inner"])

    assert (outer.__name__, inner.__name__) == ("outer", "inner")


@pytest.mark.parametrize("attribute", ["Class", "text"])
def test_what_cannot_intercept_is_refused(project: Path, attribute: str) -> None:
    (project / "plugin_no_interceptor.py").write_text("class Class: ...\ntext = 'x'\n")

    with pytest.raises(PluginError, match="--interceptor"):
        load_interceptors([f"plugin_no_interceptor:{attribute}"])
