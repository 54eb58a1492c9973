"""What does not fit into memory is known by arithmetic alone, and so is the key to blame."""

from __future__ import annotations

from typing import Any

import pytest

from rnnlab.config import config_from_mapping
from rnnlab.config.limits import TooLargeError, check_memory, memory_of_machine, memory_problem, needs_of
from rnnlab.words import bytes_text
from tests.config.conftest import Load
from tests.work import calls_of

GB = 10**9


def test_the_estimate_counts_what_the_design_does() -> None:
    data = {"name": "x", "task": {"seq_len": 7}, "model": {"cell": "gru", "hidden_size": 5, "layers": 2}}
    config = config_from_mapping({**data, "training": {"batch_size": 6}, "record": {"sequences": 11}})
    parameters = 3 * (5 + 25 + 5) + 3 * (25 + 25 + 5) + 5 + 1
    sizes = {need.what: need.size for need in needs_of(config)}
    assert sizes["the weights"] == 16 * parameters
    assert sizes["the weights of every record"] == 4 * 51 * parameters
    assert sizes["the losses"] == 12 * 5000  # four bytes a loss, eight a norm
    states = 7 * 2 * 5 * 3  # timesteps, layers, units, gates; three times: forwards, backwards, and what cells keep
    assert sizes["one batch"] == 6 * states * 4 * 3
    assert sizes["the probe"] == 11 * states * 8 * 3


@pytest.mark.parametrize(("batches", "every", "records"), [(0, 100, 1), (100, 100, 2), (250, 100, 4), (3, 100, 2)])
def test_records_are_the_first_the_last_and_each_in_between(batches: int, every: int, records: int) -> None:
    data = {"name": "x", "training": {"batches": batches}, "record": {"every": every}}
    needs = {need.what: need.size for need in needs_of(config_from_mapping(data))}
    assert needs["the weights of every record"] == needs["the weights"] // 4 * records


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"model": {"hidden_size": 1_000_000}}, "model.hidden_size"),
        ({"model": {"layers": 10**9}}, "model.layers"),
        ({"training": {"batches": 10**12}}, "training.batches"),
        ({"training": {"batch_size": 10**12}}, "training.batch_size"),
        ({"record": {"sequences": 10**10}}, "record.sequences"),
        ({"record": {"every": 1}, "training": {"batches": 10_000_000}}, "training.batches"),
        ({"record": {"every": 1}, "training": {"batches": 50_000}, "model": {"hidden_size": 300}}, "record.every"),
        ({"model": {"hidden_size": 10**90, "layers": 10**90}}, "model.hidden_size"),
    ],
)
def test_the_key_to_blame(change: dict[str, Any], key: str) -> None:
    config = config_from_mapping({"name": "x", **change})
    assert memory_problem(config, 10 * GB).startswith(f"{key}: ")
    with pytest.raises(TooLargeError):
        check_memory(config, 10 * GB)


def test_a_size_is_computed_and_never_walked_through() -> None:
    def calls(size: int) -> int:
        config = config_from_mapping({"name": "x", "model": {"hidden_size": size, "layers": size}})
        return calls_of(lambda: memory_problem(config, 10 * GB))

    assert calls(10**90) == calls(10**10)


def test_what_fits_is_no_problem_and_where_the_memory_is_not_known_everything_is_tried() -> None:
    config = config_from_mapping({"name": "x"})
    check_memory(config, GB)
    check_memory(config, None)
    with pytest.raises(TooLargeError):
        check_memory(config, 1000)


def test_the_memory_of_this_machine_is_known_or_none() -> None:
    memory = memory_of_machine()
    assert memory is None or memory > 10**8


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "training: {batches: 0}\nmodel:\n  hidden_size: 1000000",
            "model.hidden_size: 1000000 needs about 20 TB of memory, most of it for the weights, and this machine has "
            "24 GB; choose a smaller value for model.hidden_size",
        ),
        (
            "training: {batches: 1000000000000}",
            "training.batches: 1000000000000 needs about 73 TB of memory, most of it for the weights of "
            "every record, and this machine has 24 GB; choose a smaller value for training.batches",
        ),
        (
            f"training: {{batches: {10**80}}}",
            "training.batches: a number of very many digits needs more than 1000 TB of memory, most of "
            "it for the weights of every record, and this machine has 24 GB; choose a smaller value for "
            "training.batches",
        ),
        (
            "record: {every: 1}\nmodel: {hidden_size: 300}\ntraining: {batches: 100000}",
            "record.every: 1 needs about 37 GB of memory, most of it for the weights of every record, "
            "and this machine has 24 GB; choose a larger value for record.every",
        ),
    ],
)
def test_the_advice_is_a_sentence_for_every_key(load: Load, text: str, sentence: str) -> None:
    with pytest.raises(TooLargeError) as refused:
        check_memory(load(text), 24 * GB)
    assert (str(refused.value), refused.value.exit_code) == (sentence, 2)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (24 * GB, "24 GB"), (10**12, "1.0 TB"), (10**15, "1000 TB")],
)
def test_bytes(count: int, text: str) -> None:
    assert bytes_text(count) == text
