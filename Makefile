# Aliases of run.py; ARGS passes more, as in `make demo ARGS="--once"`.
PYTHON ?= python3

.PHONY: demo test check bench lock
demo:
	$(PYTHON) run.py demo $(ARGS)
test:
	$(PYTHON) run.py test $(ARGS)
check:
	$(PYTHON) run.py check
bench:
	$(PYTHON) run.py bench $(ARGS)

# Needs uv. After a change of dependencies in pyproject.toml; the host names of indexes stay out.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make lock" --quiet --output-file requirements.lock
