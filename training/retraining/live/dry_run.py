"""What a retraining of live weights would use, without writing anything."""

from __future__ import annotations

from collections.abc import Callable

from depth_sr_ros.recordings.recording import RecordingError
from training.retraining.live.frames import chosen_frames
from training.retraining.live.run import given_recipe, live_start
from training.retraining.live.sources import LiveSource, find_recordings, hash_recording
from training.retraining.settings import Settings, check_claim, check_folder
from training.retraining.split import check_recordings


def dry_run_live(settings: Settings, say: Callable[[str], None] = print) -> None:
    """Says which recordings and frames would be used, and how; writes nothing.

    Raises:
        ValueError: what the retraining itself would raise for these settings.
    """
    start = live_start(settings)
    paths = find_recordings(settings.bags, settings.extraction.bags)
    check_folder(settings.out)
    hashes = {hash_recording(path): path for path in paths}
    check_claim(settings.out, settings.identity(start.weights_id, sorted(hashes)))
    say(f"start:    {start.card.name}, weights {start.weights_id}")
    found = []
    for digest, path in hashes.items():
        try:
            source = LiveSource(path, settings.extraction.bags, settings.poses)
            numbers, counts = chosen_frames(source, settings.extraction)
        except RecordingError as error:
            say(f"nothing could be read from {error}")
            continue
        found.append((source.name, digest))
        kept = f"{len(numbers)} of {counts['pairs']} pairs to keep"
        say("\n".join(f"recording: {words}" for words in (*source.notes, f"{source.name} ({digest[:8]}): {kept}")))
    if not found:
        raise RecordingError("nothing could be read from the recordings")
    if not settings.split.in_time:
        check_recordings(found)
    recipe, training = given_recipe(settings), settings.training
    length = f"{training.minutes:g} minutes" if training.minutes else f"{training.steps} steps"
    say(
        f"training: {length}, by {'a recipe of its own' if recipe is None else recipe.name}; {training.base_share:.0%} "
        "of the crops are simulated"
    )
