PYTHON ?= python3
RUN := .venv/bin/python
STAMP := .venv/installed
# Two worker processes of one thread each: quicker on 2 cores than one of two threads.
PYTEST := OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
	--max-worker-restart 0

PEER := ultralytics==8.4.190

.DEFAULT_GOAL := help
.PHONY: help install peers doctor demo weights page test test-quick lint format docs docs-serve clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

install: $(STAMP)  ## Make .venv with the pinned stack (PYTHON=/path/to/python to choose)

$(STAMP): $(wildcard requirements/*.txt benchmarks/requirements.txt) pyproject.toml tools/install.sh
	tools/install.sh $(PYTHON)
	@touch $@

peers: install  ## Install a second Ultralytics for the duel (PEER=ultralytics==8.4.190)
	$(RUN) -m pip install -q --no-deps --upgrade \
		--target work_dirs/peers/$(subst ==,-,$(PEER)) $(PEER)

doctor: install  ## Check whether this environment can train
	$(RUN) -m mmyolo_mnv1.environment.doctor

DEMO := work_dirs/demo

demo: install  ## Train, test and export a detector on the embedded data (6 minutes)
	$(RUN) tools/dataset_converters/make_digits.py --size 192
	$(RUN) tools/quickstart.py data/digits --name yolo11_mnv1_n_digits \
		--work-dir $(DEMO)

weights: install  ## Download common pretrained weights, for a machine without network
	for name in timm://mobilenetv1_100.ra4_e3600_r224_in1k \
		ultralytics://yolo11n.pt ultralytics://yolo11s.pt ultralytics://yolo11m.pt; \
		do $(RUN) tools/model_converters/convert_weights.py $$name || exit 1; done

page: install  ## Build a web page of the demo's detector in work_dirs/page
	$(RUN) tools/misc/build_page.py $(DEMO)/exported/yolo11_mnv1_n_digits.onnx

test: install  ## Run all tests
	$(PYTEST)

test-quick: install  ## Run the tests that neither train nor take long (3 minutes)
	$(PYTEST) -m "not slow and not train"

lint: install  ## Check style and the import contract
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	.venv/bin/lint-imports --no-logo

format: install  ## Format, and apply the linter's safe fixes
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: install  ## Build the documentation site in work_dirs/site
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict

docs-serve: install  ## Serve the documentation on http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs serve

clean:  ## Remove the environment and what demo, docs and tests wrote
	rm -rf .venv $(DEMO) work_dirs/site data/digits
