"""The house rules that a machine can watch: purity, layers, sizes, names, docstrings, and that tests reach all code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from domain import catalog
from infra.settings import Resolved, Settings
from infra.settings_doc import DOCUMENTATION
from tests.tidy.sources import ROOMS, ROOT, Source, called, sources

PURE = ("domain", "projections")
LAYERS = {
    "domain": {"domain"},
    "projections": {"domain", "projections"},
    "actors": {"domain", "actors"},
    "infra": set(ROOMS),
}
FORBIDDEN_IMPORTS = {
    "time", "random", "secrets", "uuid", "asyncio", "threading", "concurrent", "multiprocessing", "subprocess", "os",
    "sys", "io", "pathlib", "socket", "logging", "psycopg", "aiohttp", "websockets", "structlog", "pykka",
    "eventsourcing",
}  # fmt: skip
FORBIDDEN_CALLS = re.compile(r"(^|\.)(now|utcnow|today|time_ns|monotonic|perf_counter|uuid4|getrandbits|urandom)$")
FORBIDDEN_BUILT_INS = {"open", "print", "input", "exec", "eval", "id", "hash", "globals", "__import__"}
LINES_MAX, FUNCTION_LINES_MAX = 400, 60
SMELLS = re.compile(r"(^|_)(utils?|manager|engine|enhanced|helpers?|v\d+)($|_)")


def words(name: str) -> str:
    """`OrderManager` and `order_manager` are the same smell."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def complaints(found: Iterator[str]) -> None:
    listed = list(found)
    assert not listed, "\n".join(listed)


# ── purity and layers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_inside_imports_nothing_that_looks_outside() -> None:
    complaints(
        f"{source.at(node)} imports {name}"
        for source in sources(*PURE)
        for node, name in source.imports()
        if name.partition(".")[0] in FORBIDDEN_IMPORTS
    )


def test_the_inside_asks_no_clock_no_dice_no_file_and_no_address() -> None:
    complaints(
        f"{source.at(node)} calls {called(node)}"
        for source in sources(*PURE)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and (FORBIDDEN_CALLS.search(called(node)) or called(node) in FORBIDDEN_BUILT_INS)
    )


def is_set(node: ast.AST, known: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name):
            return name in known
        case ast.BinOp(left=left, right=right, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
            return is_set(left, known) or is_set(right, known)
        case _:
            return False


def set_names(tree: ast.AST) -> set[str]:
    """Give the names that are assigned or annotated as sets."""
    known: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_set(value, set()):
                known.add(name)
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation)
                | ast.arg(arg=name, annotation=ast.expr() as annotation)
            ) if re.match(r"(frozen)?set\b|Set\b|AbstractSet\b", ast.unparse(annotation)):
                known.add(name)
            case _:
                pass
    return known


def iterated(tree: ast.AST) -> Iterator[ast.expr]:
    """Give what is gone through in an order: loops, comprehensions of ordered things, tuple(), list(), join()."""
    for node in ast.walk(tree):
        match node:
            case ast.For(iter=what):
                yield what
            case ast.ListComp(generators=generators) | ast.DictComp(generators=generators):
                yield from (generator.iter for generator in generators)
            case ast.Call(func=ast.Name(id="tuple" | "list" | "iter" | "enumerate" | "next"), args=[what, *_]):
                yield what
            case ast.Call(func=ast.Attribute(attr="join"), args=[what]):
                yield what
            case ast.Starred(value=what):
                yield what
            case _:
                pass


def test_the_inside_never_goes_through_a_set_in_an_order_that_nobody_knows() -> None:
    complaints(
        f"{source.at(what)} iterates over {ast.unparse(what)}"
        for source in sources(*PURE, "actors")
        for function in source.functions()
        for what in iterated(function)
        if is_set(what, set_names(function))
    )


def test_the_search_for_sets_finds_them() -> None:
    tree = ast.parse("def f(a: set[int]):\n for x in a: pass\n b = {1}\n return [y for y in b], tuple({1} | a)")
    assert [is_set(what, set_names(tree)) for what in iterated(tree)] == [True, True, True]


def test_arrows_run_downward_only() -> None:
    complaints(
        f"{source.at(node)} imports {name}"
        for room, allowed in LAYERS.items()
        for source in sources(room)
        for node, name in source.imports()
        if name.partition(".")[0] in set(ROOMS) - allowed
    )


# ── sizes and names ───────────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_is_longer_than_400_lines() -> None:
    complaints(
        f"{source.name} has {len(source.text.splitlines())} lines"
        for source in sources(*ROOMS, "tests")
        if len(source.text.splitlines()) > LINES_MAX
    )


def test_no_function_is_longer_than_60_lines() -> None:
    complaints(
        f"{source.at(node)} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for source in sources(*ROOMS, "tests")
        for node in source.functions()
        if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    )


def named(source: Source) -> Iterator[tuple[str, str]]:
    yield source.name, source.path.stem
    for node in (*source.functions(), *source.classes()):
        yield source.at(node), node.name


def test_nothing_is_named_after_what_it_is_not() -> None:
    complaints(
        f"{where} is named {name}"
        for source in sources(*ROOMS, "tests")
        for where, name in named(source)
        if SMELLS.search(words(name)) and not name.startswith("test_")
    )


def test_test_files_have_names_of_their_own() -> None:
    names = [source.path.name for source in sources("tests") if source.path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


def test_the_tree_holds_no_reports() -> None:
    """`FIX_SUMMARY.md` and its like: what changed stands in CHANGELOG.md, why in DECISIONS.md."""
    found = [*ROOT.glob("*.md"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.md"))]
    assert {path.name for path in found} <= {"README.md", "DECISIONS.md", "CHANGELOG.md"}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile("#.*(" + "TO" + "DO|FIX" + "ME|X" + "XX)")
    complaints(
        f"{source.name}:{number} {line.strip()}"
        for source in sources(*ROOMS, "tests")
        for number, line in enumerate(source.text.splitlines(), 1)
        if marks.search(line)
    )


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [*catalog.EVENTS, *catalog.INPUTS, *catalog.EFFECTS], ids=lambda kind: kind.__name__)
def test_every_event_input_and_effect_says_what_it_means(kind: type) -> None:
    assert "__doc__" in vars(kind)
    assert kind.__doc__
    assert kind.__doc__.strip().endswith((".", ")"))


def test_every_setting_is_documented() -> None:
    assert {key for key, _, _ in Resolved(Settings(), {}).table()} <= set(DOCUMENTATION)


def test_every_module_says_what_it_is_for() -> None:
    complaints(
        f"{source.name} has no docstring"
        for source in sources(*ROOMS)
        if source.text.strip() and not ast.get_docstring(source.tree)
    )


# ── tests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_test_sleeps() -> None:
    complaints(
        f"{source.at(node)} sleeps"
        for source in sources("tests")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and called(node) in {"time.sleep", "sleep", "asyncio.sleep"}
    )


def test_every_module_is_reached_by_a_test() -> None:
    """Itself, by what a test imports, or by the command line, which tests run as a process of its own."""
    modules = {source.module: source for source in sources(*ROOMS)}
    open_ = [name for source in sources("tests") for _, name in source.imports()]
    open_ += [name for _, name in Source(ROOT / "run.py").imports()]
    reached: set[str] = set()
    while open_:
        name = open_.pop()
        if name in modules and name not in reached:
            reached.add(name)
            open_ += [imported for _, imported in modules[name].imports()]
            open_.append(name.rpartition(".")[0])
    complaints(f"no test reaches {name}" for name in sorted(set(modules) - reached) if modules[name].text.strip())
