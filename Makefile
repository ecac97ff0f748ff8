PYTHON ?= python3
RUN := .venv/bin/python
STAMP := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help install doctor demo page test lint format clean

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

install: $(STAMP)  ## Make .venv with the pinned stack (PYTHON=/path/to/python to choose)

$(STAMP): $(wildcard requirements/*.txt) setup.py tools/install.sh
	tools/install.sh $(PYTHON)
	@touch $@

doctor: install  ## Tell whether this environment can train
	$(RUN) -m mmyolo_mnv1.doctor

demo: install  ## Train, measure and picture a detector on the embedded data (10 minutes)
	$(RUN) tools/demo.py

page: install  ## Make a web page of the demo's detector in work_dirs/page
	$(RUN) tools/deploy/export.py configs/yolo11_mnv1_n_digits.py \
		"$$(ls -t work_dirs/demo/best_*.pth | head -1)" --out work_dirs/deploy
	$(RUN) tools/deploy/build_page.py work_dirs/deploy/yolo11_mnv1_n_digits.onnx

test: install  ## Run the tests
	$(RUN) -m pytest

lint: install  ## Check style
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: install  ## Mend style
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean:  ## Remove the environment and what demo and tests wrote
	rm -rf .venv work_dirs/demo data/digits
