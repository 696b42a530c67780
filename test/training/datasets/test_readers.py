"""Lu, Sintel, DIML, ToFMark, RGB-D-D and folders of pairs."""

import h5py
import numpy as np
import pytest

from training.datasets.pairs import load_pair
from training.datasets.readers.files import read_dpt, read_pfm
from training.datasets.registry import DATASETS, open_dataset
from training.evaluation.known_scenes import notes_on


def millimetres(files, path, value=1500, shape=(12, 16)):
    depth = np.full(shape, value, np.uint16)
    depth[0, 0] = 0
    return files.grey(path, depth)


def test_lu_pairs_are_matched_by_order(tmp_path, files, levels):
    root = tmp_path / "03_RGBD_Dataset"
    for n, spelling in enumerate(("ouput_color", "output_color")):
        files.colour(root / f"RGBD_{n}_{spelling}.png", seed=n)
        files.grey(root / f"RGBD_{n}_output_depth.png", levels + n)
    entries = open_dataset("lu", tmp_path, "test")
    assert [e.scene for e in entries] == ["RGBD_0", "RGBD_1"]
    pair = load_pair(entries[1])
    assert pair.target[3, 3] == levels[3, 3] + 1
    np.testing.assert_array_equal(pair.rgb, files.colour(tmp_path / "again.png", seed=1))


@pytest.mark.parametrize(("options", "holes"), [({}, 1), ({"zero_is_valid": True}, 0)])
def test_lu_takes_zero_as_told(tmp_path, files, levels, options, holes):
    files.colour(tmp_path / "a_output_color.png")
    files.grey(tmp_path / "a_output_depth.png", levels)
    pair = load_pair(open_dataset("lu", tmp_path, "test", **options)[0])
    assert int((~pair.valid).sum()) == holes


def test_lu_counts_what_is_missing(tmp_path, files, levels):
    files.grey(tmp_path / "x_output_depth.png", levels)
    with pytest.raises(FileNotFoundError, match=r"found 0 and 1\. Unpack Depth_Enh.zip"):
        open_dataset("middlebury-lu", tmp_path)


@pytest.fixture
def sintel(tmp_path, files):
    depth = np.linspace(1, 50, 12 * 16, dtype=np.float32).reshape(12, 16)
    for number in (1, 2):
        files.dpt(tmp_path / "training" / "depth" / "alley_1" / f"frame_{number:04d}.dpt", depth * number)
        for render in ("clean", "albedo"):
            files.colour(tmp_path / "training" / render / "alley_1" / f"frame_{number:04d}.png", seed=number)
    return tmp_path, depth


def test_sintel_depth_and_picture(sintel):
    folder, depth = sintel
    entries = open_dataset("sintel", folder, render="albedo")
    assert [e.name for e in entries] == ["alley_1_frame_0001", "alley_1_frame_0002"]
    pair = load_pair(entries[1])
    np.testing.assert_array_equal(pair.target, depth * 2)
    assert "albedo" in str(pair.entry.rgb) and pair.entry.unit == "m"


def test_tables_name_the_pass_of_sintel(sintel):
    entry = open_dataset("sintel", sintel[0], render="albedo")[0]
    assert list(notes_on(entry, "m", [])) == ["Sintel: ours are of the albedo pass"]


def test_sintel_missing_pass_names_the_picture(sintel):
    with pytest.raises(FileNotFoundError, match=r"final/alley_1/frame_0001.png is missing. MPI Sintel"):
        open_dataset("sintel", sintel[0], render="final")


def test_damaged_depth_files_are_refused(tmp_path, files):
    values = np.ones((4, 5), np.float32)
    files.dpt(tmp_path / "a.dpt", values)
    files.pfm(tmp_path / "a.pfm", values)
    for read, path in ((read_dpt, tmp_path / "a.dpt"), (read_pfm, tmp_path / "a.pfm")):
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(ValueError, match="expected 5 x 4 values, found 19"):
            read(path)
        path.write_bytes(b"PNG" * 8)
        with pytest.raises(ValueError, match=r"expected a (\.dpt|PFM) file"):
            read(path)


def test_diml_splits_each_scene_at_nine_tenths(tmp_path, files):
    for part, scene, count in (("train", "office", 10), ("test", "store", 2)):
        for n in range(count):
            folder = tmp_path / part / "HR" / scene
            files.colour(folder / "color" / f"{n}_c.png")
            millimetres(files, folder / "depth_filled" / f"{n}_depth_filled.png", 1000 + n)
    count = {split: len(open_dataset("diml", tmp_path, split)) for split in ("train", "val", "test", "all")}
    assert count == {"train": 9, "val": 1, "test": 2, "all": 12}
    pair = load_pair(open_dataset("diml", tmp_path, "val")[0])
    assert pair.target[3, 3] == pytest.approx(1.009) and not pair.valid[0, 0]


def test_diml_names_the_missing_depth(tmp_path, files):
    files.colour(tmp_path / "test" / "LR" / "store" / "color" / "7_c.png")
    with pytest.raises(FileNotFoundError, match=r"7_depth_filled.png is missing. DIML"):
        open_dataset("diml-lr", tmp_path, "test")


@pytest.mark.parametrize("packed", [False, True])
def test_rgbdd_in_both_layouts_with_the_phone_depth(tmp_path, files, packed):
    for part in ("train", "test"):
        single = tmp_path / "plants" / f"plants_{part}" / "p1"
        top = tmp_path / part.capitalize()
        rgb, truth, low = (top / f"RGBDD_{x}" for x in ("RGB", "GT", "LR")) if packed else (single,) * 3
        files.colour(rgb / "p1_RGB.jpg")
        millimetres(files, truth / "p1_HR_gt.png", 800)
        millimetres(files, low / "p1_LR_fill_depth.png", 790, (4, 6))
    assert len(open_dataset("rgbdd", tmp_path)) == 2
    (entry,) = open_dataset("rgbdd", tmp_path, "test")
    assert load_pair(entry).target[3, 3] == pytest.approx(0.8)
    low = entry.read_low(entry)
    assert low.shape == (4, 6) and low[2, 2] == pytest.approx(0.79) and low[0, 0] == 0


def test_rgbdd_tells_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no images of split train.*lingzhi96/RGB-D-D-Dataset"):
        open_dataset("rgbdd", tmp_path, "train")


NAMES = {"intensity": "grey", "truth": "gt", "tof": "tof"}


@pytest.fixture
def tofmark(tmp_path):
    """MATLAB 7.3 files; the variables' names are made up, as the real ones are not known."""
    truth = np.linspace(900, 1500, 12 * 16).reshape(12, 16)
    for scene in ("books", "devil", "shark"):
        with h5py.File(tmp_path / f"benchmarking_dataset_{scene}.mat", "w") as file:
            file["grey"] = np.linspace(0, 1, 12 * 16).reshape(12, 16).T
            file["gt"], file["tof"] = truth.T, truth[::3, ::4].T
    return tmp_path, truth


def test_tofmark_by_the_names_of_its_variables(tofmark):
    folder, truth = tofmark
    entries = open_dataset("tofmark", folder, "test", names=NAMES)
    assert [e.scene for e in entries] == ["books", "devil", "shark"]
    pair = load_pair(entries[0])
    np.testing.assert_allclose(pair.target, truth / 1000, rtol=1e-5)
    assert pair.rgb[0, 0].tolist() == [0, 0, 0] and pair.rgb[-1, -1].tolist() == [255, 255, 255]
    assert entries[0].read_low(entries[0]).shape == (4, 4)


def test_tofmark_without_names_lists_the_variables(tofmark):
    with pytest.raises(ValueError, match=r"names for intensity, truth, tof.*'grey': \(12, 16\)"):
        open_dataset("tofmark", tofmark[0])


def test_tofmark_wrong_name_lists_the_variables(tofmark):
    entry = open_dataset("tofmark", tofmark[0], names={**NAMES, "truth": "depth"})[0]
    with pytest.raises(ValueError, match=r"expected a variable 'depth', found .*'gt': \(12, 16\)"):
        load_pair(entry)


def test_tofmark_reads_older_matlab_files(tofmark):
    savemat = pytest.importorskip("scipy.io", reason="SciPy reads MATLAB files older than 7.3").savemat
    folder, truth = tofmark
    savemat(folder / "benchmarking_dataset_books.mat", {"grey": truth, "gt": truth, "tof": truth, "note": "text"})
    pair = load_pair(open_dataset("tofmark", folder, names=NAMES)[0])
    np.testing.assert_allclose(pair.target, truth / 1000, rtol=1e-5)


def test_tofmark_names_the_missing_scene(tofmark):
    (tofmark[0] / "benchmarking_dataset_devil.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"devil.mat is missing.*RobVisLab/tofmark"):
        open_dataset("tofmark", tofmark[0], names=NAMES)


@pytest.mark.parametrize(
    ("unit", "expected", "kind"),
    [("mm", 1.5, "depth"), ("cm", 15.0, "depth"), (0.0002, 0.3, "depth"), ("disparity", 1500.0, "disparity")],
)
def test_folders_by_unit(tmp_path, files, unit, expected, kind):
    files.colour(tmp_path / "rgb" / "one.jpg")
    millimetres(files, tmp_path / "depth" / "one.png")
    (entry,) = open_dataset("folders", tmp_path, unit=unit)
    pair = load_pair(entry)
    assert pair.target[3, 3] == pytest.approx(expected) and entry.kind == kind and not pair.valid[0, 0]


def test_folders_read_float_depth_and_splits(tmp_path, files):
    values = np.full((12, 16), 2.5, np.float32)
    values[0, 0] = np.nan
    for name in ("a", "b", "c"):
        files.colour(tmp_path / "dev" / "rgb" / f"{name}.png")
    (tmp_path / "dev" / "depth").mkdir()
    np.save(tmp_path / "dev" / "depth" / "a.npy", values)
    files.pfm(tmp_path / "dev" / "depth" / "b.pfm", values)
    files.grey(tmp_path / "dev" / "depth" / "c.tiff", values)
    for entry in open_dataset("folders", tmp_path, "dev", unit="m"):
        pair = load_pair(entry)
        assert pair.target[5, 5] == 2.5 and not pair.valid[0, 0]


def test_folders_name_images_without_partner(tmp_path, files):
    files.colour(tmp_path / "rgb" / "one.png")
    files.colour(tmp_path / "rgb" / "two.png")
    millimetres(files, tmp_path / "depth" / "one.png")
    with pytest.raises(FileNotFoundError, match=r"1 images without a partner: \['two'\]"):
        open_dataset("folders", tmp_path)


def test_saliency_maps_keep_their_zeros(tmp_path, files, levels):
    files.colour(tmp_path / "rgb" / "one.jpg")
    files.grey(tmp_path / "map" / "one.png", levels)
    (entry,) = open_dataset("saliency", tmp_path)
    pair = load_pair(entry)
    assert pair.valid.all() and pair.target[0, 0] == 0 and pair.target[3, 3] == levels[3, 3]


def test_dut_omron_as_published(tmp_path, files, levels):
    files.colour(tmp_path / "DUT-OMRON-image" / "sun_a.jpg")
    with pytest.raises(FileNotFoundError, match=r"pixelwiseGT-new-PNG is missing.*saliencydetection.net"):
        open_dataset("dut-omron", tmp_path)
    files.grey(tmp_path / "pixelwiseGT-new-PNG" / "sun_a.png", levels)
    (entry,) = open_dataset("dut-omron", tmp_path, "test")
    assert (entry.dataset, entry.name, entry.zero_is_valid) == ("dut-omron", "sun_a", True)
    with pytest.raises(ValueError, match="expected split all or test"):
        open_dataset("dut-omron", tmp_path, "train")


def test_folders_refuse_unknown_unit(tmp_path):
    with pytest.raises(ValueError, match="expected mm, cm, m, disparity or metres per count, found 'inch'"):
        open_dataset("folders", tmp_path, unit="inch")


def test_manifest_is_a_data_set_too(data_folder):
    assert len(open_dataset("manifest", data_folder)) == 5
    assert [e.split for e in open_dataset("manifest", data_folder, "dev")] == ["dev"]


def test_unknown_name_suggests_the_nearest(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'middlebury2006'"):
        open_dataset("midlebury2006", tmp_path)


@pytest.mark.parametrize("name", sorted(set(DATASETS) - {"folders", "manifest", "saliency"}))
def test_every_data_set_refuses_unknown_splits_and_options(name, tmp_path):
    with pytest.raises(ValueError, match="expected split .*found 'half'"):
        open_dataset(name, tmp_path, "half")
    with pytest.raises(ValueError, match=r"expected options among .*found \['colour'\]"):
        open_dataset(name, tmp_path, colour="grey")


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_every_data_set_says_what_is_missing_from_an_empty_folder(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        open_dataset(name, tmp_path)


def test_entries_can_be_sent_to_workers(sintel):
    import pickle

    folder, depth = sintel
    entry = pickle.loads(pickle.dumps(open_dataset("sintel", folder)[0]))
    np.testing.assert_array_equal(load_pair(entry).target, depth)
