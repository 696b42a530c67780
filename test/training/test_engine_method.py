"""Evaluating what an engine makes of an artifact."""

import pytest
import torch

from training.__main__ import main
from training.comparison import network_contestant
from training.datasets.pairs import load_pair, read_manifest
from training.protocols import protocol


def test_an_engine_gives_what_training_takes_the_node_to_give(data_folder):
    """Under `live`, with holes, cases are normalised, filled and clamped as the frame graph does it."""
    case = protocol("live").pose(load_pair(read_manifest(data_folder, "test")[0]), 8)
    assert case.clamped and (case.seen.valid == 0).any()
    engine, network = (network_contestant(words) for words in ("fdkn_x8_live@onnxruntime:fp32", "fdkn_x8_live"))
    assert (engine.name, engine.key, engine.scale) == ("fdkn_x8_live@onnxruntime:fp32", "fdkn", 8)
    assert engine.trained_on == network.trained_on
    torch.testing.assert_close(case.answer(engine.method), case.answer(network.method), atol=2e-4 * case.span, rtol=0)


def test_command_takes_engines_beside_weights_and_images_of_any_size(data_folder, capsys):
    arguments = ["--data", str(data_folder), "--splits", "train", "test", "--classical"]
    assert main(["evaluate", "fdkn_x8", "fdkn_x8@openvino:fp32", *arguments]) == 0
    said = capsys.readouterr().out
    rows = {line.split(" |")[0]: line.split("|")[-2] for line in said.splitlines() if line.startswith("| fdkn_x8")}
    assert set(rows) == {"| fdkn_x8", "| fdkn_x8@openvino:fp32"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fdkn_x8@openvino:fp3", "fdkn_x8@openvino:fp3: precision: expected one of ('auto', "),
        ("fdkn_x8@nowhere", "fdkn_x8@nowhere"),
        ("fdkn_x8@onnxruntime:fp32+", "fp32+"),
    ],
)
def test_what_is_no_engine_is_said(words, expected, data_folder, capsys):
    assert main(["evaluate", words, "--data", str(data_folder)]) == 2
    assert expected in capsys.readouterr().err
