"""What `doctor` and `serve --check` look at, part by part; nothing is changed."""
