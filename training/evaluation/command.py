"""`python -m training evaluate`: weights and classical methods on data sets, protocols and scales, in one run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from training.datasets.pairs import Pair, PairEntry, load_pair
from training.datasets.registry import DATASETS
from training.evaluation.asked_sets import SYNTAX, asked_sets, entries_of
from training.evaluation.cases import is_whole
from training.evaluation.classical import CLASSICAL
from training.evaluation.comparison import Contestant, classical_contestants, compare, network_contestant, taking_part
from training.evaluation.pictures import PictureWriter
from training.evaluation.protocols import PROTOCOLS, protocol
from training.evaluation.tables import markdown, write_csv

DESCRIPTION = "score weights image by image, with classical methods and the papers' numbers beside them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `evaluate` to a parser."""
    parser.add_argument(
        "weights", nargs="*", metavar="WEIGHTS",
        help="artifact folder, name of a shipped artifact (fdkn_x8), or RECIPE:WEIGHTS.safetensors; a "
        "trailing plus takes the mean over the eight rotations and reflections of the input (fdkn_x8+); @ENGINE or "
        "@ENGINE:PRECISION after an artifact runs it as the node does (fdkn_x8@openvino:int8)",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="folder of data sets that have none of their own")
    parser.add_argument(
        "--dataset", action="append", metavar="SET", dest="datasets",
        help=f"once for each data set, as {SYNTAX}; NAME is one of {', '.join(sorted(DATASETS))} (default manifest: a "
        "folder with a manifest.csv)",
    )  # fmt: skip
    parser.add_argument(
        "--splits", nargs="+", default=["dev", "test"], metavar="SPLIT",
        help="parts of the data sets without splits of their own (default dev test)",
    )  # fmt: skip
    parser.add_argument(
        "--options", nargs="+", default=[], metavar="KEY=VALUE",
        help="for the data sets that have them, such as zero_is_valid=true of lu, or names={intensity: ...} of "
        "tofmark",
    )  # fmt: skip
    parser.add_argument("--images", nargs="+", default=[], help="only these images (scene, or scene_view)")
    parser.add_argument(
        "--protocols", "--protocol", nargs="+", default=["dkn-bicubic"], metavar="NAME",
        help=f"some of {', '.join(PROTOCOLS)}",
    )  # fmt: skip
    parser.add_argument(
        "--scales", nargs="+", type=_scale, default=[], metavar="SCALE",
        help="default: those of the weights, else 8; 2.5 and the like for networks that take any scale (jiif)",
    )  # fmt: skip
    parser.add_argument(
        "--classical", nargs="*", default=list(CLASSICAL), metavar="NAME",
        help=f"some of {', '.join(map(repr, CLASSICAL))}; none with no name (default all)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder for results.csv, results.md and pictures")
    parser.add_argument("--no-pictures", action="store_true", help="write tables only")


def run(args: argparse.Namespace) -> None:
    """Does what the arguments say and prints the tables.

    Raises:
        FileNotFoundError: data or weights are missing.
        ValueError: an argument names something unknown.
    """
    for name in args.protocols:
        protocol(name)
    entries = _entries(args)
    networks = [network_contestant(words) for words in args.weights]
    scales = args.scales or sorted({network.scale for network in networks}) or [8]
    watch = PictureWriter(args.out / "pictures") if args.out and not args.no_pictures else None
    contestants = [*classical_contestants(scales, args.classical), *_named_apart(networks)]
    _say_who_cannot(contestants, args.classical, scales)
    _try_each_set(entries, args.protocols, scales)
    results = compare(contestants, _loaded(entries), args.protocols, scales, watch)
    text = markdown(results)
    if args.out:
        write_csv(results, args.out / "results.csv")
        (args.out / "results.md").write_text(text, encoding="utf-8")
    print(text)


def _scale(text: str) -> float:
    """A scale; an int where it is whole."""
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 1 <= scale < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of 1 or more, found {text}")
    return int(scale) if is_whole(scale) else scale


def _say_who_cannot(contestants: Sequence[Contestant], classical: Sequence[str], scales: Sequence[float]) -> None:
    """Names those that are left out at a scale between the whole numbers."""
    everyone = dict.fromkeys([*classical, *(one.name for one in contestants)])
    for scale in scales:
        if not is_whole(scale):
            able = {one.name for one in taking_part(contestants, scale)}
            if left_out := [name for name in everyone if name not in able]:
                print(f"x{scale}: left out are those that cannot take any scale: {', '.join(left_out)}")


def _entries(args: argparse.Namespace) -> list[PairEntry]:
    sets = asked_sets(args.datasets or ["manifest"], args.data, args.splits)
    entries = entries_of(sets, _options(args.options))
    if not entries:
        raise ValueError(f"expected images to evaluate on, found none in {', '.join(one.words for one in sets)}")
    if not args.images:
        return entries
    missing = set(args.images) - {name for entry in entries for name in (entry.name, entry.scene)}
    if missing:
        raise ValueError(f"--images: no {sorted(missing)} among {sorted({entry.name for entry in entries})}")
    return [entry for entry in entries if {entry.name, entry.scene} & set(args.images)]


def _try_each_set(entries: Sequence[PairEntry], protocols: Sequence[str], scales: Sequence[float]) -> None:
    """Poses the first image of each set, so that one that a protocol cannot take does not end a run of hours.

    A single set needs none of it: its first image is the run's first.
    """
    first = {entry.dataset: entry for entry in reversed(entries)}
    for entry in first.values() if len(first) > 1 else ():
        pair = load_pair(entry)
        for rules in map(protocol, protocols):
            for scale in scales:
                if is_whole(scale) or rules.any_scale:
                    rules.pose(pair, scale)


def _options(words: Sequence[str]) -> dict[str, Any]:
    """`KEY=VALUE`, values as YAML."""
    pairs = [word.partition("=") for word in words]
    wrong = [key for key, sign, _ in pairs if not sign]
    if wrong:
        raise ValueError(f"--options: expected KEY=VALUE, found {wrong}")
    try:
        return {key: yaml.safe_load(value) for key, _, value in pairs}
    except yaml.YAMLError as error:
        raise ValueError(f"--options: {error}") from error


def _loaded(entries: Sequence[PairEntry]) -> Iterator[Pair]:
    for number, entry in enumerate(entries, 1):
        print(f"{number} of {len(entries)}: {entry.dataset} {entry.name}", flush=True)
        yield load_pair(entry)


def _named_apart(networks: Sequence[Contestant]) -> list[Contestant]:
    """Numbers those that share a name with an earlier one, so that no column hides another."""
    seen: dict[str, int] = {}
    apart = []
    for network in networks:
        seen[network.name] = seen.get(network.name, 0) + 1
        number = seen[network.name]
        name = network.name if number == 1 else f"{network.name} ({number})"
        apart.append(replace(network, name=name))
    return apart
