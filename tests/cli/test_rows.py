"""Choosing and ordering rows: every operator, columns by their last name, and what has no value comes last."""

from __future__ import annotations

from typing import Any

import pytest

from rnnlab.cli.rows import ColumnError, find_column, keep, order

HEADER = ["run", "status", "model.weight_scale", "task.last_timestep_only", "seed", "final_loss"]
ROWS: list[list[Any]] = [
    ["a", "completed", 0.5, True, 0, 0.02],
    ["b", "diverged", 1.0, False, 1, None],
    ["c", "completed", None, False, 2, 0.01],
    ["d", "damaged", None, None, None, None],
]


def names(*conditions: str) -> str:
    return "".join(row[0] for row in keep(HEADER, ROWS, conditions))


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("status=diverged", "b"),
        ("status!=diverged", "acd"),
        ("final_loss<0.02", "c"),
        ("final_loss<=0.02", "ac"),
        ("final_loss>0.01", "a"),
        ("final_loss>=1e-2", "ac"),
        ("seed=1", "b"),
        ("seed = 1.0", "b"),
        ("seed!=1", "acd"),
        ("model.weight_scale=0.5", "a"),
        ("weight_scale>0", "ab"),
        ("weight-scale>0", "ab"),
        ("weight_scale=null", "cd"),
        ("last_timestep_only=true", "a"),
        ("last_timestep_only=false", "bc"),
        ("seed==1", "b"),
        ("status == 'diverged'", "b"),
        ("status=unfinished", ""),
        ("seed!=null", "abc"),
        ("run=", ""),
    ],
)
def test_a_condition_keeps_the_rows_that_meet_it(condition: str, kept: str) -> None:
    assert names(condition) == kept


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("seed=one", "got 'one' for seed, which is a number; valid: one number or null"),
        ("seed!=1,2", "got '1,2' for seed, which is a number; valid: one number or null"),
        ("final_loss<0,1", "got '0,1' for final_loss, which is a number; valid: one number or null. Did you mean 0.1?"),
        ("status=Diverged",
         "no run has status=Diverged; valid: completed, damaged, diverged, unfinished. Did you mean 'diverged'?"),
        ("status=failed", "no run has status=failed; valid: completed, damaged, diverged, unfinished"),
        ("status>a", "status is no number, so it has no order; valid: status=... and status!=..."),
        ("last_timestep_only=yes", "no run has last_timestep_only=yes; valid: false, true"),
        ("sead=1", "Did you mean 'seed'?"),
    ],
)  # fmt: skip
def test_what_no_run_can_have_is_a_sentence(condition: str, sentence: str) -> None:
    with pytest.raises(ColumnError) as caught:
        names(condition)
    assert str(caught.value).endswith(sentence)


def test_of_several_words_one_is_enough() -> None:
    rows: list[list[Any]] = [["x", ["good", "paper"]], ["y", ["paper"]], ["z", None]]
    assert [row[0] for row in keep(["run", "tags"], rows, ["tags=good"])] == ["x"]
    assert [row[0] for row in keep(["run", "tags"], rows, ["tags!=good"])] == ["y", "z"]
    assert [row[0] for row in keep(["run", "tags"], rows, ["tags=null"])] == ["z"]


def test_all_conditions_must_hold() -> None:
    assert names("status=completed", "final_loss<0.02") == "c"
    assert names() == "abcd"


@pytest.mark.parametrize("condition", ["final_loss", "=1", "", "final_loss ~ 1", "<0.1"])
def test_what_is_no_condition_is_a_sentence(condition: str) -> None:
    with pytest.raises(ColumnError, match=r"valid: a condition such as status=diverged or final_loss<0\.01") as caught:
        names(condition)
    assert caught.value.exit_code == 2


def test_an_unknown_column_is_named_with_all_that_there_are() -> None:
    with pytest.raises(ColumnError) as caught:
        find_column(HEADER, "loss")
    assert str(caught.value) == (
        "there is no column 'loss' in this study; valid: "
        "run, status, model.weight_scale, task.last_timestep_only, seed, final_loss"
    )


@pytest.mark.parametrize(
    ("by", "reverse", "expected"),
    [
        ("final_loss", False, "cabd"),
        ("final_loss", True, "acbd"),
        ("weight_scale", False, "abcd"),
        ("weight_scale", True, "bacd"),
        ("status", False, "acdb"),
        ("seed", True, "cbad"),
    ],
)
def test_rows_are_sorted_and_those_without_a_value_come_last(by: str, reverse: bool, expected: str) -> None:
    assert "".join(row[0] for row in order(HEADER, ROWS, by, reverse=reverse)) == expected


def test_a_column_of_numbers_and_words_can_be_sorted() -> None:
    rows: list[list[Any]] = [["x", "tanh"], ["y", 2], ["z", 1.5], ["w", None]]
    assert [row[0] for row in order(["run", "value"], rows, "value", reverse=False)] == ["z", "y", "x", "w"]


def test_rows_that_are_equal_keep_their_order() -> None:
    rows: list[list[Any]] = [["x", 1], ["y", 1], ["z", 0]]
    assert [row[0] for row in order(["run", "value"], rows, "value", reverse=False)] == ["z", "x", "y"]
    assert [row[0] for row in order(["run", "value"], rows, "value", reverse=True)] == ["x", "y", "z"]
