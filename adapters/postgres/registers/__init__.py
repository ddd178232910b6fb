"""The registers: applied from feeds, read, and held in memory."""
