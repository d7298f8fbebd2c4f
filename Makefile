# Everything that a clone needs. Each target sets up what it uses, and does so only once.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STARTER := resources/examples/mnist-sample.netproj

# OpenBLAS picks its code by the processor; a wrong hint in the environment makes it slow.
unexport OPENBLAS_CORETYPE

.PHONY: help run test monkey lint format docs examples wheel clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

run: $(VENV)/.installed  ## open the workbench on the starter project (without a display: train it here)
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY$$QT_QPA_PLATFORM" ]; then \
	    .ci/system-libraries.sh $(BIN)/python window && exec $(BIN)/gabor $(STARTER); \
	else \
	    echo "No display here: training the starter project in the terminal instead."; \
	    exec $(BIN)/gabor train $(STARTER); \
	fi

test: $(VENV)/.installed-test  ## run all tests, in parallel and without a screen
	@.ci/system-libraries.sh $(BIN)/python window
	-@.ci/system-libraries.sh $(BIN)/python screen
	@.ci/run-tests.sh $(BIN)

monkey: $(VENV)/.installed-test  ## 50,000 random gestures on the canvas (ten minutes or so)
	QT_QPA_PLATFORM=offscreen GABOR_MONKEY_STEPS=5000 GABOR_MONKEY_SEEDS=0-9 \
	    $(BIN)/pytest -q -n 2 --timeout 0 tests/workbench/canvas/test_monkey.py

lint: $(VENV)/.installed-test  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test  ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed  ## write docs/layers.md from the layers' declarations
	$(BIN)/python docs/layer_reference.py

examples: $(VENV)/.installed  ## write the example projects anew from the templates
	$(BIN)/python -m engine.examples

screenshots: $(VENV)/.installed  ## take the documentation's pictures from the real program, on a virtual screen
	@.ci/system-libraries.sh $(BIN)/python window screen
	xvfb-run --auto-servernum --server-args='-screen 0 1920x1080x24' $(BIN)/python docs/screenshots.py

wheel: $(VENV)/.installed-test  ## build a wheel and try it in a fresh environment outside the clone
	@.ci/system-libraries.sh $(BIN)/python window
	@.ci/try-wheel.sh $(BIN)/python

clean:  ## remove the environment and everything built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@set -e; python=$$(.ci/python.sh); \
	.ci/system-libraries.sh "$$python" venv; \
	"$$python" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml setup.py | $(BIN)/python
	@echo "Installing Gabor and what it stands on into $(VENV) (once; some 500 MB)"
	@$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml setup.py tests/constraints.txt | $(BIN)/python
	@echo "Installing Gabor and what its tests need into $(VENV) (once; some 1.5 GB)"
	@$(BIN)/python -m pip install -qq --constraint tests/constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.installed
