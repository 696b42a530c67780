import io

from demo.table import LiveTable, report_line, report_table
from demo.watcher import NodeReport

VALUES = {
    "pairs_in": "12", "frames_out": "9", "dropped/replaced_by_newer": "3", "dropped/size": "0",
    "rate/rgb_hz": "10.00", "rate/depth_hz": "10.00", "rate/output_hz": "8.10",
    "latency_ms/age_at_publish/p50": "51.234", "latency_ms/age_at_publish/p95": "70.000",
}  # fmt: skip


def test_knows_when_every_pair_has_come_to_its_end():
    assert NodeReport(VALUES).settled
    assert not NodeReport(VALUES | {"pairs_in": "13"}).settled


def test_a_line_holds_counts_drops_rate_and_latency():
    line = report_line(NodeReport(VALUES), received=9)
    assert "pairs 12, out 9 at 8.1 Hz" in line and "dropped 3 replaced_by_newer," in line
    assert "p50 51.2 p95 70.0 ms" in line


def test_a_table_keeps_its_height_whatever_is_known():
    assert len(report_table(NodeReport(VALUES), 9)) == len(report_table(NodeReport(), 0))


def test_writes_plain_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    table = LiveTable(stream)
    for _ in range(3):
        table.show(NodeReport(VALUES), 9)
    assert stream.getvalue().count("\n") == 1 and "\x1b" not in stream.getvalue()
