# Aliases of run.py; ARGS passes more, as in `make demo ARGS="--once"`.
PYTHON ?= python3
COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
    --no-annotate --no-emit-index-url --no-emit-find-links \
    --custom-compile-command "make lock" --quiet

.PHONY: demo test check bench lock
demo:
	$(PYTHON) run.py demo $(ARGS)
test:
	$(PYTHON) run.py test $(if $(ARGS),-- $(ARGS))
check:
	$(PYTHON) run.py check
bench:
	$(PYTHON) run.py bench $(ARGS)

# Needs uv. After a change of dependencies in pyproject.toml. The second list is the part of the
# first that runs in service; host names of indexes stay out of both.
lock:
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --constraints requirements.lock --output-file deploy/runtime.lock
