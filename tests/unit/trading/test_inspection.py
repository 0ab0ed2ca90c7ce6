"""The journal read natively: the same state as the desk's, and the way back from a fill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.trading.canonical import state_hash
from app.trading.inspection import main
from tests.unit.trading.kit import Rig

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def exported(tmp_path) -> tuple[Rig, Path]:
    rig = Rig()
    rig.book({"99.90": 50}, {"100.10": 50})
    rig.take(rig.engine.risk.limit("desk", "order_notional", "9000", rig.time.now_ns()))
    rig.submit("buy", "market", "2", take_profit="101", stop_loss="98")
    rig.trade("101.50", 9, "buy")
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\n".join(rig.records) + b"\n")
    return rig, path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main([*arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_the_summary_is_the_state_of_the_desk(exported, capsys):
    rig, path = exported
    code, out, err = run(capsys, str(path))
    assert code == 0 and err == ""
    assert f"hash       {state_hash(rig.engine)}" in out
    assert "orders     3: 1 cancelled, 2 filled" in out and "position   0 TOY" in out


def test_from_a_fill_back_to_its_entry_and_the_limits_in_force(exported, capsys):
    rig, path = exported
    fill = rig.engine.fills[-1]
    _, out, _ = run(capsys, str(path), "--fill", fill.fill_id)
    entry = rig.engine.fills[0].client_order_id
    assert out.startswith("fill       sell 2 TOY at 101") and f"because of {entry}" in out
    assert "in force " in out and " set to 9,000\n" in out and " UTC  Bought 2 TOY at " in out and "=" not in out, "words, not fields"
    _, out, _ = run(capsys, str(path), "--order", entry)
    assert out.count("linked") == 2 and "OrderFilled" in out
    assert "no fill" in run(capsys, str(path), "--fill", "x")[1] and "no order" in run(capsys, str(path), "--order", "x")[1]


def test_a_line_that_cannot_be_read_is_named_and_the_rest_is_read(exported, capsys):
    rig, path = exported
    path.write_bytes(path.read_bytes() + b'{"v":9}\n')
    code, out, err = run(capsys, str(path), "--events")
    assert code == 1 and f"line {len(rig.records) + 1} is left out" in err
    assert len(out.splitlines()) == rig.engine.last_seq


def test_it_runs_as_a_command(exported):
    _, path = exported
    done = subprocess.run([sys.executable, "-m", "app.trading.journal", str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "account    paper-test" in done.stdout, done.stderr
    missing = subprocess.run([sys.executable, "-m", "app.trading.journal", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert missing.returncode == 2 and "cannot be read" in missing.stderr
