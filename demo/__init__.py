"""`make demo`: a real scene through real DDS into the node, with a live table, a report and a picture."""
