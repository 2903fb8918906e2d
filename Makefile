# make demo   the real Codex repairs a project inside a machine
# make test   the tests (one file: make test ARGS=tests/machine)
# make web    the dashboard is built anew (needs Node)
# make vscode the extension of VS Code is packaged (needs Node)
# make check  tests, lint and types
# Each starts from a bare checkout; $(PYTHON) and $(CC) choose the tools.

BIN := .venv/bin
LOCKED := .venv/.locked
INSTALLED := .venv/.installed
NATIVE := $(wildcard src/agentos/native/*.[ch] src/agentos/native/*/*.[ch])
LOCK = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --no-emit-options --annotation-style line
DEV_GROUP = import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["dev"], sep="\n")

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test gvisor web vscode lint types check bench lock clean
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	$(BIN)/agentos demo

# The tests drive the real Codex, directly and through its ACP adapter, a Node program, and
# connect Claude Code, Gemini CLI and the MCP Inspector to the hub.
test: $(INSTALLED)
	$(BIN)/agentos software install codex codex-acp claude-agent-acp gemini-cli
	$(BIN)/agentos mcp preinstall npm:@modelcontextprotocol/inspector@2.12.0
	$(BIN)/pytest $(ARGS)

# The dashboard, of which the build is committed: after a change in web/ or of a REST route.
web: $(INSTALLED)
	cd web && npm ci --no-audit --no-fund
	$(BIN)/python scripts/openapi.py > web/openapi.json.new && mv web/openapi.json.new web/openapi.json
	cd web && npm run generate && npm run build

# The extension, with the dashboard as it is built, in extensions/vscode/agentos.vsix.
vscode:
	cd extensions/vscode && npm ci --ignore-scripts --no-audit --no-fund && npm run package

# Machines with isolation="gvisor", whose tests are skipped without it.
gvisor: $(INSTALLED)
	$(BIN)/agentos software install runsc

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	CFLAGS=-Werror $(BIN)/python build_native.py

types: $(INSTALLED)
	$(BIN)/mypy

check: test lint types

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py

# The oldest supported Python resolves for all: run it with that one.
lock: $(INSTALLED)
	$(LOCK) $(ARGS) --output-file requirements/runtime.lock pyproject.toml
	$(BIN)/python -c '$(DEV_GROUP)' | $(LOCK) --constraint requirements/runtime.lock \
		$(ARGS) --output-file requirements/dev.lock pyproject.toml -

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f src/agentos/native/agentos-init

$(LOCKED): requirements/dev.lock scripts/preflight.sh
	@python="$$(sh scripts/preflight.sh)" && "$$python" -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.lock
	touch $@

$(INSTALLED): $(LOCKED) pyproject.toml build_native.py $(NATIVE)
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@
