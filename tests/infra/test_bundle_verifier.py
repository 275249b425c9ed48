"""What an auditor finds in a bundle that somebody touched, with the verifier in it, in a Python without packages."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bundles import Desk, contents, findings, history, places, retold, verifier_run
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.proof.chain import leaf_hash
from domain.proof.merkle import GrownTree
from infra.export import verifier
from infra.export.signing import SigningKey, signing_key
from infra.export.verifier import CannotRun, check, read_tree_head

EVENTS = "events.jsonl"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def whole(desk: Desk) -> Path:
    """A bundle that nobody touched."""
    return desk.make("whole", csv=True)


@pytest.fixture(scope="module")
def older(desk: Desk) -> Path:
    """A bundle of the beginning of the same history."""
    return desk.make("older", until="seq:77")


@pytest.fixture(scope="module")
def forgeable(desk: Desk, older: Path) -> Path:
    """A bundle with everything that a bundle can have."""
    return desk.make("forgeable", older=older)


@pytest.fixture
def spoilt(whole: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(whole, tmp_path / "spoilt"))


def change_lines(bundle: Path, change: Callable[[list[bytes]], None]) -> None:
    path = bundle / EVENTS
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def seal_again(bundle: Path, key: SigningKey, **facts: object) -> None:
    """Do what an attacker with a key of his own does: make manifest and tree head fit, and sign them."""
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    for file in manifest["files"]:
        data = (bundle / file["name"]).read_bytes()
        file["bytes"], file["sha256"] = len(data), verifier.sha256_of(bundle / file["name"])
    (bundle / "public_key.pem").write_bytes(key.public_pem)
    for file in manifest["files"]:
        if file["name"] == "public_key.pem":
            file["bytes"], file["sha256"] = len(key.public_pem), verifier.sha256_of(bundle / "public_key.pem")
    lines = (bundle / EVENTS).read_bytes().splitlines(keepends=True)
    tree = GrownTree(len(lines))
    tree.extend([leaf_hash(line) for line in lines])
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    head = json.loads((bundle / "tree_head.json").read_bytes())
    head |= {"merkle_root": tree.root().hex(), "tree_size": len(lines), **facts}
    head["manifest_sha256"] = verifier.sha256_of(bundle / "manifest.json")
    text = json.dumps(head).encode()
    (bundle / "tree_head.json").write_bytes(text)
    (bundle / "tree_head.sig").write_bytes(key.sign(text))


# ── whole ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_untouched_bundle_is_ok_in_a_python_without_packages(whole: Path, desk: Desk) -> None:
    found = verifier_run(whole / "verify.py", "--key", desk.key.fingerprint)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.endswith(f"OK: {len(history())} events checked\n")


def test_verify_py_is_the_verifier_to_the_byte_and_imports_the_standard_library_only(whole: Path) -> None:
    source = (whole / "verify.py").read_bytes()
    assert source == Path(verifier.__file__).read_bytes()
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert {str(name).partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_checking_a_bundle_leaves_nothing_in_it(whole: Path) -> None:
    before = contents(whole)
    verifier_run(whole / "verify.py")
    assert contents(whole) == before


def test_without_the_fingerprint_it_says_that_the_signer_is_not_known(whole: Path, desk: Desk) -> None:
    assert "whose key is that?" in verifier_run(whole / "verify.py").stdout
    assert "whose key is that?" not in verifier_run(whole / "verify.py", "--key", desk.key.fingerprint).stdout


def test_a_fingerprint_may_be_written_with_colons_and_in_capitals(whole: Path, desk: Desk) -> None:
    fingerprint = desk.key.fingerprint.upper()
    assert not findings(whole, key=":".join(fingerprint[n : n + 2] for n in range(0, 64, 2)))


# ── a changed byte, a cut, a swap, an insertion ───────────────────────────────────────────────────────────────────


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0), bits=st.integers(1, 255))
def test_any_changed_byte_of_the_events_is_found(whole: Path, desk: Desk, at: int, bits: int) -> None:
    copy = desk.copy(whole)
    text = bytearray((copy / EVENTS).read_bytes())
    text[at % len(text)] ^= bits
    (copy / EVENTS).write_bytes(text)
    assert EVENTS in places(copy)


def test_a_changed_byte_is_found_in_every_file(whole: Path, tmp_path: Path) -> None:
    for number, (name, data) in enumerate(sorted(contents(whole).items())):
        copy = Path(shutil.copytree(whole, tmp_path / str(number)))
        middle = len(data) // 2
        (copy / name).write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        assert findings(copy), name


def test_a_changed_event_makes_the_verifier_exit_with_1(spoilt: Path) -> None:
    change_lines(spoilt, lambda lines: lines.__setitem__(7, lines[7].replace(b'"version":', b'"version":1')))
    found = verifier_run(spoilt / "verify.py")
    assert found.returncode == 1
    assert "PROBLEM    events.jsonl: an event was changed" in found.stdout
    assert "NOT OK" in found.stdout


@pytest.mark.parametrize("cut", [slice(-1, None), slice(0, 1), slice(40, 50)], ids=["end", "start", "middle"])
def test_cut_events_are_found(spoilt: Path, cut: slice) -> None:
    change_lines(spoilt, lambda lines: lines.__delitem__(cut))
    assert any("signed are" in finding.what for finding in findings(spoilt))


def test_an_event_without_its_last_newline_is_found(spoilt: Path) -> None:
    change_lines(spoilt, lambda lines: lines.__setitem__(-1, lines[-1].rstrip(b"\n")))
    assert EVENTS in places(spoilt)


def test_swapped_events_are_found_and_named(spoilt: Path) -> None:
    change_lines(spoilt, lambda lines: lines.__setitem__(slice(10, 12), lines[11:9:-1]))
    assert any("where seq 11 should be" in finding.what for finding in findings(spoilt))


def test_an_inserted_event_is_found(spoilt: Path) -> None:
    change_lines(spoilt, lambda lines: lines.insert(10, lines[10]))
    assert any("where seq 12 should be" in finding.what for finding in findings(spoilt))


def test_a_missing_file_is_found(spoilt: Path) -> None:
    (spoilt / "orders.parquet").unlink()
    assert places(spoilt) == {"orders.parquet"}


def test_missing_events_are_found(spoilt: Path) -> None:
    (spoilt / EVENTS).unlink()
    assert places(spoilt) == {EVENTS}


def test_a_file_that_was_slipped_in_is_found(spoilt: Path) -> None:
    (spoilt / "events" / "Extra.parquet").write_bytes(b"")
    assert places(spoilt) == {"events/Extra.parquet"}


def test_a_file_that_is_a_link_to_elsewhere_is_not_followed(spoilt: Path, whole: Path) -> None:
    (spoilt / "orders.parquet").unlink()
    (spoilt / "orders.parquet").symlink_to(whole / "orders.parquet")
    assert places(spoilt) == {"orders.parquet"}


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "events/../../outside", "..\\outside"])
def test_a_manifest_that_leads_out_of_the_bundle_is_not_followed(spoilt: Path, tmp_path: Path, name: str) -> None:
    (spoilt.parent / "outside").write_bytes(b"")
    manifest = json.loads((spoilt / "manifest.json").read_bytes())
    manifest["files"].append({"name": name, "bytes": 0, "sha256": "00"})
    (spoilt / "manifest.json").write_text(json.dumps(manifest))
    assert any(finding.where == name and "leads out" in finding.what for finding in findings(spoilt))


# ── what is signed, and by whom ───────────────────────────────────────────────────────────────────────────────────


def test_a_key_that_is_not_the_remembered_one_is_found(whole: Path) -> None:
    assert places(whole, key="00" * 32) == {"public_key.pem"}


def test_a_bundle_signed_anew_with_another_key_looks_whole_and_is_found_by_the_remembered_key(
    spoilt: Path, desk: Desk, tmp_path: Path
) -> None:
    change_lines(spoilt, lambda lines: lines.__setitem__(20, lines[20].replace(b'"version":', b'"version": ')))
    seal_again(spoilt, signing_key(tmp_path))
    assert not findings(spoilt)
    assert places(spoilt, key=desk.key.fingerprint) == {"public_key.pem"}
    assert verifier_run(spoilt / "verify.py", "--key", desk.key.fingerprint).returncode == 1


def test_another_public_key_without_its_signature_is_found(spoilt: Path, tmp_path: Path) -> None:
    (spoilt / "public_key.pem").write_bytes(signing_key(tmp_path).public_pem)
    assert places(spoilt) == {"tree_head.sig", "public_key.pem"}


def test_a_replaced_manifest_is_found(spoilt: Path) -> None:
    manifest = json.loads((spoilt / "manifest.json").read_bytes())
    manifest["gap_statement"] = {}
    (spoilt / "manifest.json").write_text(json.dumps(manifest))
    assert places(spoilt) == {"manifest.json"}


def test_a_replaced_tree_head_is_found(spoilt: Path) -> None:
    head = json.loads((spoilt / "tree_head.json").read_bytes())
    head["chain_head"] = "00" * 32
    (spoilt / "tree_head.json").write_text(json.dumps(head))
    assert places(spoilt) == {"tree_head.sig"}


def test_the_signature_of_another_bundle_does_not_fit(spoilt: Path, older: Path) -> None:
    shutil.copy(older / "tree_head.sig", spoilt)
    assert places(spoilt) == {"tree_head.sig"}


def test_a_replaced_verifier_that_finds_nothing_is_found_by_ours(spoilt: Path) -> None:
    (spoilt / "verify.py").write_text("print('OK')")
    assert verifier_run(spoilt / "verify.py").returncode == 0
    assert places(spoilt) == {"verify.py"}


def test_counts_that_are_not_those_of_the_lines_are_found(spoilt: Path, desk: Desk) -> None:
    manifest = json.loads((spoilt / "manifest.json").read_bytes())
    manifest["counts"]["CandleClosed"] += 1
    (spoilt / "manifest.json").write_text(json.dumps(manifest))
    seal_again(spoilt, desk.key)
    assert [finding.what for finding in findings(spoilt)] == [
        "the number of events of each type is not that of the manifest"
    ]


# ── rollback and fork ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_grown_history_holds_its_earlier_bundle(whole: Path, older: Path) -> None:
    assert not findings(whole, older=older)
    assert verifier_run(whole / "verify.py", "--since", older).returncode == 0


def test_a_rollback_to_an_older_bundle_is_found(whole: Path, older: Path) -> None:
    found = findings(older, older=whole)
    assert [finding.what for finding in found] == [f"rolled back: {len(history())} events are remembered, here are 77"]


def test_a_rollback_is_found_by_a_tree_head_on_paper(whole: Path, older: Path) -> None:
    head = read_tree_head(whole)
    found = verifier_run(older / "verify.py", "--head", f"{head.size}:{head.root}")
    assert found.returncode == 1
    assert "rolled back" in found.stdout


def test_a_fork_signed_by_the_same_key_is_found_by_the_earlier_bundle(desk: Desk, older: Path, tmp_path: Path) -> None:
    forked = Desk(tmp_path).make("forked", retold(lambda told: told.start("999")), key=desk.key)
    assert not findings(forked, key=desk.key.fingerprint)
    assert [finding.what for finding in findings(forked, older=older)] == [
        "forked: the first 77 events are not the remembered ones"
    ]
    head = read_tree_head(older)
    assert places(forked, remembered=f"{head.size}:{head.root}") == {"--head"}


def test_an_earlier_bundle_of_another_history_or_another_key_is_no_comparison(
    whole: Path, desk: Desk, tmp_path: Path
) -> None:
    later = desk.make("later", since="seq:5")
    assert "another history" in findings(whole, older=later)[0].what
    strange = Desk(tmp_path).make("strange", until="seq:77")
    assert "not signed by the same key" in findings(whole, older=strange)[0].what


# ── consistency proofs ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def proven(desk: Desk, older: Path, tmp_path: Path) -> Path:
    """A bundle with the proof that the older one is its beginning."""
    return Desk(tmp_path).make("proven", key=desk.key, older=older)


def test_a_consistency_proof_is_checked(proven: Path) -> None:
    assert verifier_run(proven / "verify.py").returncode == 0


@pytest.mark.parametrize(
    "change",
    [
        {"old_merkle_root": "00" * 32},
        {"old_tree_size": 76},
        {"old_tree_size": 0},
        {"old_tree_size": -1},
        {"path": []},
        {"path": ["zz"]},
        {"path": None},
    ],
    ids=str,
)
def test_a_proof_that_proves_something_else_is_found_although_it_is_signed(
    proven: Path, desk: Desk, change: dict[str, object]
) -> None:
    proof = json.loads((proven / "consistency.json").read_bytes())
    (proven / "consistency.json").write_text(json.dumps({**proof, **change}))
    seal_again(proven, desk.key)
    assert places(proven) == {"consistency.json"}


# ── what can't be checked ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_directory_that_is_no_bundle_can_not_be_checked(tmp_path: Path, whole: Path) -> None:
    found = verifier_run(whole / "verify.py", tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("Can't do that: expected the directory of a bundle")


@pytest.mark.parametrize("arguments", [["--head", "7"], ["--head", "0:" + "00" * 32], ["--since", "/nowhere"], ["--x"]])
def test_arguments_that_mean_nothing_end_with_2(whole: Path, arguments: list[str]) -> None:
    assert verifier_run(whole / "verify.py", *arguments).returncode == 2


@pytest.mark.parametrize("name", ["tree_head.json", "tree_head.sig", "public_key.pem"])
def test_without_what_was_signed_it_is_no_whole_bundle(spoilt: Path, name: str) -> None:
    (spoilt / name).unlink()
    assert places(spoilt) == {name}


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"tree_size": "x"}', b"\xff"], ids=repr)
@pytest.mark.parametrize("name", ["tree_head.json", "manifest.json", "public_key.pem", "tree_head.sig"])
def test_nonsense_in_the_seals_is_a_finding_and_never_a_crash(spoilt: Path, name: str, text: bytes) -> None:
    (spoilt / name).write_bytes(text)
    assert findings(spoilt)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", ["manifest.json", "tree_head.json", "consistency.json"])
def test_forged_facts_of_any_kind_are_findings_and_never_a_crash(
    forgeable: Path, desk: Desk, name: str, data: st.DataObject
) -> None:
    bundle = desk.copy(forgeable, "forged")
    facts = json.loads((bundle / name).read_bytes())
    facts[data.draw(st.sampled_from(sorted(facts)))] = data.draw(ANYTHING)
    text = json.dumps(facts).encode()
    (bundle / name).write_bytes(text)
    if text != (forgeable / name).read_bytes():
        assert findings(bundle)


@pytest.mark.parametrize("name", ["events.jsonl\0", "", "."])
@pytest.mark.parametrize("size", [float("inf"), -1, "many", None])
def test_forged_files_of_any_kind_are_findings_and_never_a_crash(spoilt: Path, name: str, size: object) -> None:
    manifest = json.loads((spoilt / "manifest.json").read_bytes())
    manifest["files"] = [{"name": name, "bytes": size, "sha256": ""}]
    (spoilt / "manifest.json").write_text(json.dumps(manifest))
    assert findings(spoilt)


def test_an_older_bundle_that_is_not_whole_can_not_be_compared(whole: Path, older: Path, tmp_path: Path) -> None:
    part = Path(shutil.copytree(older, tmp_path / "part"))
    (part / "tree_head.sig").unlink()
    with pytest.raises(CannotRun, match=r"tree_head\.sig: it is missing"):
        check(whole, older=part)


def test_without_a_directory_it_checks_the_one_that_it_lies_in(whole: Path) -> None:
    assert verifier_run(whole / "verify.py").returncode == 0
    assert verifier_run(whole / "verify.py", os.curdir).returncode == 2  # it runs in the root directory
