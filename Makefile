# make demo   learn a table that ships here, write 10,000 rows like it, score them
# make check  ruff, mypy and the quick tests: under two minutes
# make test   all tests but those marked slow
# make lint   ruff and mypy
# make cover  make test, and which lines no test runs
# make site   the documents as a site, in site/
#
# CONSTRAINTS names the pip constraints file (empty for none), PYTHON the interpreter of the virtual environment, JOBS the
# processes that run the tests.

PYTHON ?= python3
CONSTRAINTS ?= constraints.txt
VENV ?= .venv
DEMO ?= demo
JOBS ?= 2

PIP_INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS))
SYNTHTAB = $(VENV)/bin/synthtab
# Files of few tests are not put last: some of these take longest, and one process would wait.
PYTEST = $(VENV)/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
FLIGHTS = datasets/flights/flights

.PHONY: demo check test cover lint site clean
.DELETE_ON_ERROR:

# Editable installs: only a change of pyproject.toml or of the constraints installs again.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(CONSTRAINTS) | $(VENV)/bin/python
	$(PIP_INSTALL) --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP_INSTALL) --editable '.[test]'
	touch $@

$(VENV)/installed-site: $(VENV)/installed
	$(PIP_INSTALL) --editable '.[site]'
	touch $@

demo: $(VENV)/installed
	mkdir -p $(DEMO)
	$(SYNTHTAB) fit $(FLIGHTS).csv --schema $(FLIGHTS).schema.json --target arr_delay --time 2m -o $(DEMO)/flights.synthtab
	$(SYNTHTAB) sample -n 10000 -m $(DEMO)/flights.synthtab -o $(DEMO)/flights-synthetic.csv
	$(SYNTHTAB) evaluate $(FLIGHTS).csv $(DEMO)/flights-synthetic.csv --holdout $(FLIGHTS)-holdout.csv \
	  --target arr_delay --json $(DEMO)/flights-report.json --html $(DEMO)/flights-report.html
	@echo
	@echo 'model   $(DEMO)/flights.synthtab         (in words: $(SYNTHTAB) inspect $(DEMO)/flights.synthtab)'
	@echo 'rows    $(DEMO)/flights-synthetic.csv'
	@echo 'report  $(DEMO)/flights-report.html         (as data: $(DEMO)/flights-report.json)'

check: lint
	$(PYTEST) -m 'not slow and not long'

test: $(VENV)/installed-test
	$(PYTEST)

cover: $(VENV)/installed-test
	$(PYTEST) --cov --cov-report=term

lint: $(VENV)/installed-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# Warnings are errors: a link that leads nowhere, a name that the reference lacks.
site: $(VENV)/installed-site
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

clean:
	rm -rf $(VENV) $(DEMO) build site *.egg-info
