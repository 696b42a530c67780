"""The page about the models is true: its tables are the generated ones, and every shipped model is described."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from docs.make_models import PAGE, filled, shipped, undescribed, uses
from docs.model_measurements import read_gpu, read_measurements
from docs.model_pictures import SCALE, picture, synthetic_images
from docs.model_tables import classical_table, gains_table, training_spent, weights_table
from training.evaluation.protocols import bicubic_up, protocol

TEXT = PAGE.read_text()
SYNTHETIC = ("fence", "same_colour", "texture")


def test_generated_tables_are_up_to_date():
    assert filled(TEXT, shipped(), read_measurements(), read_gpu()) == TEXT, "run `python -m docs.make_models`"


def test_every_shipped_model_is_described_by_hand():
    assert undescribed(TEXT, shipped()) == []


def test_linked_pictures_exist_and_are_small():
    links = re.findall(r"\]\((images/[^)]+)\)", TEXT)
    assert links == [f"images/models_{name}.png" for name in SYNTHETIC]
    assert [link for link in links if not 0 < (PAGE.parent / link).stat().st_size < 700_000] == []


def test_only_synthetic_scenes_are_drawn_into_the_documentation():
    images = synthetic_images()
    assert tuple(place.name for image in images for place in image.places) == SYNTHETIC
    assert {image.load().entry.dataset for image in images} == {"procedural"}


def test_words_outside_the_blocks_are_kept():
    words = TEXT.replace("## Weights\n", "## Weights\n\nWritten by hand.\n")
    assert "Written by hand." in filled(words, {}, {"times": {}, "classical": {}}, {})


def test_missing_block_is_an_error():
    with pytest.raises(ValueError, match="gains"):
        filled(TEXT.replace("<!-- gains:", "<!-- other:"), {}, {"times": {}, "classical": {}}, {})


def test_use_is_taken_from_the_section_of_the_artifact_or_of_its_model():
    assert uses("### `fdkn`\n\n**Good for**: a\n\n### fdkn_x8_live\n\n**Good for**: b\n") == {
        "fdkn": "a",
        "fdkn_x8_live": "b",
    }


def test_time_of_other_weights_is_not_shown(artifact):
    times = {"rounds": 1, "engine": "", "machine": "", "date": "", "load": 0}
    times["frames"] = {"fdkn_x8": {"weights_id": artifact.weights_id, "precision": "fp32", "median_ms": 41.6}}
    assert "| 42 (fp32) | not measured |" in weights_table({"fdkn_x8": artifact}, times, {}, {})
    times["frames"]["fdkn_x8"]["weights_id"] = "others"
    assert "| not measured | not measured |" in weights_table({"fdkn_x8": artifact}, times, {}, {})


def test_time_on_a_gpu_is_that_of_the_network(artifact):
    network = {"model": artifact.card.model, "options": dict(artifact.card.options)}
    rows = {"fp16": {"refused": "why"}, "bf16": {"engine_ms": 0.4}, "fp32": {"engine_ms": 1.6}}
    gpu = {"machine": {}, "fdkn_x8": {"network": network, "rows": rows}}
    assert "| not measured | 0.40 (bf16) |" in weights_table({"fdkn_x8_live": artifact}, {}, {}, gpu)
    gpu["fdkn_x8"]["network"] = {**network, "options": {"scale": 4}}
    assert "| not measured | not measured |" in weights_table({"fdkn_x8_live": artifact}, {}, {}, gpu)


def test_variant_without_scores_leaves_cells_empty(artifact):
    bare = replace(artifact, card=replace(artifact.card, evaluation={}))
    assert "| `fdkn_x8_live` | 703,072 |  |  |  | " in weights_table({"fdkn_x8_live": bare}, {}, {}, {})
    assert gains_table({"fdkn_x8_live": bare}, {}).endswith("| `fdkn_x8_live` |  |  |  |  |  |  |  |  |  |")


def test_gain_is_one_minus_the_ratio_and_negative_where_worse():
    images = ("Motorcycle_v0", "Motorcycle_v1", "Recycle_v0", "Recycle_v1", "Shelves_v0", "Shelves_v1")
    plain = dict.fromkeys((*images, "Aloe_v1", "dolls", "laundry", "reindeer"), 2.0)
    worse = {**dict.fromkeys(plain, 1.5), "Motorcycle_v0": 2.5}
    row = gains_table({}, {"bicubic": plain, "filter": worse}).splitlines()[-1]
    assert row == "| filter | −25% | 25% | 25% | 25% | 25% | 25% | 17% | 25% | 25% |"
    assert classical_table({"bicubic": plain, "filter": worse}).endswith("| 1.500 | 1.500 | 1.500 | 1.500 | 0.821 |")


def test_training_counts_all_stages():
    first, last = {"steps": 100, "minutes": 1.0}, {"steps": 1000, "minutes": 2.4, "machine": "M"}
    assert training_spent([first, last]) == "100 steps, 1.0 min, machine unknown; 1,000 steps, 2.4 min, M"
    first |= {"minutes": 10.0, "machine": "M (one core)"}
    mean = {"averaged": 2, "machine": "M"}
    assert training_spent([first, mean, last]) == "1,100 steps, 12 min, M"
    beside = {"steps": 50, "minutes": 20.0, "machine": "G"}
    assert training_spent([first, beside, mean, last]) == "1,100 steps, 12 min, M; 50 steps, 20 min, G"


def test_picture_fits_any_number_of_methods():
    image = synthetic_images()[0]
    case = protocol("dkn-bicubic").pose(image.load(), SCALE)
    plain = case.answer(bicubic_up)[0, 0].numpy()
    few = picture(case, {"bicubic": plain}, image.places[0])
    many = picture(case, {"bicubic": plain, **{f"m{n}": plain for n in range(7)}}, image.places[0])
    assert few.dtype == many.dtype == np.uint8
    assert many.shape[0] > 2.5 * few.shape[0] and many.shape[1] > few.shape[1]


def test_page_is_linked_from_the_readme():
    assert "(docs/models.md)" in (Path(PAGE).parents[1] / "README.md").read_text()
