"""What serves frames now and what takes over next: engines prepared, swapped and rolled back beside the stream."""
