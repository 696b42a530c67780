"""Ordinary images through the networks: 8-bit values of which 0 is one, channel by channel, again and again."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from depth_sr_ros.commands.main import main
from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.offline.image_filter import ImageError, Task, filter_image, is_image, read_task
from depth_sr_ros.upsampler import Upsampler

HEIGHT, WIDTH = 50, 61


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Untrained weights of scale 1; without the residual connection they average around each pixel."""
    torch.manual_seed(0)
    network = create_model("fdkn", scale=1, residual=False)
    return export_artifact(network, "fdkn", tmp_path_factory.mktemp("filter") / "fdkn_x1").folder


@pytest.fixture(scope="module")
def smoother(weights):
    upsampler = Upsampler("fdkn", 1, weights=weights, engine="onnxruntime", precision="fp32", threads=1)
    yield upsampler
    upsampler.close()


@pytest.fixture(scope="module")
def x8():
    upsampler = Upsampler("fdkn", 8, precision="fp32", threads=1)
    yield upsampler
    upsampler.close()


def _noisy(seed=0, channels=3):
    """Two flat halves with noise; in the last channel the left one is black."""
    rng = np.random.default_rng(seed)
    clean = np.full((HEIGHT, WIDTH, channels), 60.0)
    clean[:, WIDTH // 2 :] = 190
    image = np.clip(clean + rng.normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    image[:, : WIDTH // 2, -1] = 0
    return image


def test_filtering_keeps_size_type_and_range_and_takes_noise_away(smoother):
    image = _noisy()
    result = filter_image(smoother, Task(image, _noisy(1)))
    assert result.shape == image.shape and result.dtype == np.uint8
    flat = np.s_[10:40, 40:55, 0]
    assert result[flat].std() < 0.7 * image[flat].std()
    assert abs(float(result[flat].mean()) - float(image[flat].mean())) < 3


def test_black_is_a_value_and_no_hole(smoother):
    result = filter_image(smoother, Task(_noisy(), _noisy(1)))
    assert (result[10:40, :20, 2] == 0).all()
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert not filter_image(smoother, Task(black, _noisy(1))).any()


def test_each_channel_is_filtered_for_itself(smoother):
    image, guide = _noisy(), _noisy(1)
    result = filter_image(smoother, Task(image, guide))
    alone = filter_image(smoother, Task(image[..., 1].copy(), guide))
    assert alone.shape == (HEIGHT, WIDTH) and np.array_equal(alone, result[..., 1])


def test_sixteen_bits_stay_sixteen_bits(smoother):
    image = _noisy().astype(np.uint16) * 257
    result = filter_image(smoother, Task(image, _noisy(1)))
    eight = filter_image(smoother, Task(_noisy(), _noisy(1)))
    assert result.dtype == np.uint16
    np.testing.assert_allclose(result / 257, eight, atol=0.51)


def test_given_guide_is_kept_in_every_round(smoother):
    image, guide = _noisy(channels=1)[..., 0], _noisy(1)
    once = filter_image(smoother, Task(image, guide))
    twice = filter_image(smoother, Task(image, guide), 2)
    np.testing.assert_allclose(twice.astype(int), filter_image(smoother, Task(once, guide)), atol=2)
    assert np.abs(twice.astype(int) - once).max() > 2


def test_an_image_that_guides_itself_is_guide_and_target_of_every_round(smoother):
    image = _noisy()
    once = filter_image(smoother, Task(image))
    assert np.array_equal(once, filter_image(smoother, Task(image, image)))
    done = []
    twice = filter_image(smoother, Task(image), 2, done.append)
    np.testing.assert_allclose(twice.astype(int), filter_image(smoother, Task(once)), atol=2)
    assert done == [1, 2, 3, 4, 5, 6]


def test_saliency_map_is_upsampled_under_a_colour_guide(x8):
    """A disc of full certainty on nothing: sharper than bicubic, and nothing stays nothing."""
    y, x = np.mgrid[:96, :128]
    disc = (y - 48) ** 2 + (x - 64) ** 2 < 32**2
    guide = np.where(disc[..., None], (200, 80, 60), (50, 90, 160)).astype(np.uint8)
    small = Image.fromarray(disc.astype(np.uint8) * 255).resize((16, 12), Image.Resampling.BICUBIC)
    bicubic = np.asarray(small.resize((128, 96), Image.Resampling.BICUBIC), np.float64)
    result = filter_image(x8, Task(np.asarray(small), guide))
    assert result.shape == (96, 128) and result.dtype == np.uint8
    assert np.abs(result - disc * 255.0).mean() < 0.75 * np.abs(bicubic - disc * 255.0).mean()
    assert result[:8, :8].max() <= 3


@pytest.mark.parametrize(
    ("target", "rounds", "words"),
    [
        ((12, 16), 4, "repeat 4: expected weights of scale 1.*found fdkn_x8"),
        ((12, 16, 3), 1, "single-channel 8-bit map, found 3 channels"),
        ((96, 128), 1, "expected 1/8 of the guide's size for fdkn_x8.*, found 128x96"),
    ],
    ids=["repeated", "colour", "large"],
)
def test_what_larger_scales_cannot_do_is_said(x8, target, rounds, words):
    with pytest.raises(ImageError, match=words):
        filter_image(x8, Task(np.ones(target, np.uint8), np.ones((96, 128, 3), np.uint8)), rounds)


def test_a_scale_has_to_be_asked_for():
    with pytest.raises(ImageError, match="expected weights or a scale"):
        filter_image(Upsampler(), Task(np.ones((12, 16), np.uint8), np.ones((96, 128, 3), np.uint8)))


def test_scale_one_wants_equal_sizes(smoother):
    with pytest.raises(ImageError, match="expected the guide's size.*found 30x25 beside a guide of 61x50"):
        filter_image(smoother, Task(_noisy()[::2, ::2][:, :30], _noisy(1)))


def test_files_tell_images_from_depth(tmp_path):
    for name, pixels in {
        "grey8": np.ones((4, 5), np.uint8),
        "colour8": np.ones((4, 5, 3), np.uint8),
        "colour16": np.ones((4, 5, 3), np.uint16),
        "depth16": np.ones((4, 5), np.uint16),
    }.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
        assert is_image(tmp_path / f"{name}.png") == (name != "depth16")
    assert not is_image(tmp_path / "nothing.png")


def test_reading_gives_rgb_and_three_channels_of_a_grey_guide(tmp_path):
    grey, colour = np.full((4, 5), 7, np.uint8), np.full((4, 5, 3), (1, 2, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "colour.png"), colour[..., ::-1])
    task = read_task(tmp_path / "grey.png", tmp_path / "colour.png")
    assert np.array_equal(task.target, colour)
    assert task.guide is not None and np.array_equal(task.guide, np.full((4, 5, 3), 7))
    assert read_task(tmp_path / "colour.png", tmp_path / ".." / tmp_path.name / "colour.png").guide is None


def test_transparent_image_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.ones((4, 5, 4), np.uint8))
    with pytest.raises(ImageError, match=r"expected an image of 1 or 3 channels with 8 bits, found 4 channel\(s\)"):
        read_task(tmp_path / "a.png", tmp_path / "a.png")


def _run(weights, out, guide, target, *more):
    files = ["--rgb", str(guide), "--depth", str(target), "--weights", str(weights), "-o", str(out)]
    return main(["upsample", *files, "--engine", "onnxruntime", "--precision", "fp32", "--threads", "1", *more])


def test_command_filters_a_file_with_the_model_and_scale_of_its_weights(weights, smoother, tmp_path, capsys):
    image = _noisy()
    cv2.imwrite(str(tmp_path / "image.png"), image[..., ::-1])
    assert _run(weights, tmp_path / "out", tmp_path / "image.png", tmp_path / "image.png", "--repeat", "2") == 0
    written = cv2.imread(str(tmp_path / "out" / "image.png"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert np.array_equal(written, filter_image(smoother, Task(image), 2))
    said = capsys.readouterr().err
    assert "image of 3 channel(s), not depth" in said and "2 round(s) with fdkn_x1" in said


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--format", "mcap"], "--format: does not apply to an 8-bit image"),
        (["--reduce", "2"], "--reduce: does not apply to an 8-bit image"),
        (["--scale", "8"], "expected weights for scale 8, found 1"),
    ],
)
def test_command_says_what_does_not_go_together(weights, tmp_path, capsys, more, words):
    cv2.imwrite(str(tmp_path / "image.png"), _noisy())
    assert _run(weights, tmp_path / "out.png", tmp_path / "image.png", tmp_path / "image.png", *more) == 2
    assert words in capsys.readouterr().err


def test_depth_is_not_filtered_repeatedly(weights, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "rgb.png"), _noisy())
    cv2.imwrite(str(tmp_path / "depth.png"), np.full((HEIGHT, WIDTH), 1500, np.uint16))
    files = tmp_path / "rgb.png", tmp_path / "depth.png"
    assert _run(weights, tmp_path / "out.png", *files, "--repeat", "4") == 2
    assert "--repeat: expected one 8-bit image" in capsys.readouterr().err
    assert _run(weights, tmp_path / "out.png", *files) == 0


def test_count_of_rounds_is_checked(capsys):
    with pytest.raises(SystemExit):
        main(["upsample", "--rgb", "a", "--depth", "b", "-o", "c", "--repeat", "0"])
    assert "expected a whole number of 1 or more, found 0" in capsys.readouterr().err
