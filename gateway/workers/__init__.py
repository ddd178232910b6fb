"""What goes on beside the line: seal, deliver, enquire, refresh."""
