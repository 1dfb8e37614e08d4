# The one list of what can be done here. Needs Python 3.11 or newer with pip and venv; everything else is installed.

PYTHON ?= python3
DEMO := .venv
TEST := .venv-test
PIP_FLAGS := --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test check golden bench soak wheel clean

help:
	@echo "make demo    make a damaged mix, restore it, show before and after (light install, no torch)"
	@echo "make test    run every test in an environment of its own"
	@echo "make check   format, lint and types"
	@echo "make golden  rewrite the golden results (look at the diff before you commit it)"
	@echo "make bench   measure the figures in benchmarks/"
	@echo "make soak    the long proofs: kills, full disks, hours of audio"
	@echo "make wheel   build the wheel and try it in an empty environment"
	@echo "make clean   remove environments and what was built"

demo: $(DEMO)/.installed
	$(DEMO)/bin/rebounce demo -o demo

test: $(TEST)/.installed
	$(TEST)/bin/python -m pytest $(TESTS)

check: $(TEST)/.installed
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/ruff check .
	$(TEST)/bin/mypy

golden: $(TEST)/.installed
	$(TEST)/bin/python -m pytest tests/golden --rewrite-golden

bench: $(TEST)/.bench-installed
	$(TEST)/bin/python -m benchmarks.run

soak: $(TEST)/.installed
	$(TEST)/bin/python -m pytest tests/soak --soak

wheel: $(TEST)/.installed
	$(TEST)/bin/python tests/try_wheel.py

clean:
	rm -rf $(DEMO) $(TEST) build dist demo src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(DEMO)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install $(PIP_FLAGS) -e .
	@touch $@

# pesq is installed apart: it has no wheels, and where it cannot be compiled everything else still works.
$(TEST)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(TEST)
	$(TEST)/bin/python -m pip install $(PIP_FLAGS) torch==2.13.0
	$(TEST)/bin/python -m pip install $(PIP_FLAGS) -e ".[dev,train]"
	$(TEST)/bin/python -m pip install $(PIP_FLAGS) -e ".[pesq]" \
	    || echo "pesq could not be compiled here: its score stays empty (install a C compiler to have it)"
	@touch $@

$(TEST)/.bench-installed: $(TEST)/.installed
	$(TEST)/bin/python -m pip install $(PIP_FLAGS) -e ".[bench]"
	@touch $@
