"""What the processes of the measurement share."""

from bench.job import job_parser, rounds_within


def test_rounds_fit_the_time_and_are_one_at_least():
    called = []
    assert rounds_within(0, 5, [lambda: called.append("a"), lambda: called.append("b")]) == 1
    assert called == ["a", "b"]
    assert rounds_within(3600, 5, [lambda: None]) == 5


def test_a_folder_is_asked_for_by_each_name():
    words = ["--sibling", "a", "--network", "b", "--size", "640x480", "--threads", "2"]
    options = job_parser("measures", "sibling", "network").parse_args(words)
    assert (str(options.sibling), str(options.network), options.size, options.threads) == ("a", "b", (640, 480), 2)
