# `make demo` and `make test` are all a newcomer needs; both begin with `make setup`.

SWIFT ?= swift
BUILD := .build/release
FLAGS := -c release

.PHONY: setup build demo test test-address test-neon results proto format clean

setup: ## Installs the system libraries that are missing (Debian, Ubuntu).
	@.ci/setup

build: setup ## Builds both tools.
	$(SWIFT) build $(FLAGS) -Xswiftc -enable-testing --product swage
	$(SWIFT) build $(FLAGS) -Xswiftc -enable-testing --product swage-run

demo: build ## Compiles a bundled model, verifies it and generates text from it.
	@docs/demo/run $(BUILD)

test: setup ## Passes the tests, kernels under emulation not included.
	$(SWIFT) build $(FLAGS) -Xswiftc -enable-testing --build-tests
	$(SWIFT) test $(FLAGS) -Xswiftc -enable-testing --skip-build

test-address: setup ## Runs the tests on damaged input under the address sanitizer.
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test $(FLAGS) -Xswiftc -enable-testing --sanitize=address --scratch-path .build-address \
	  --filter 'DamagedPackTests|PackFormatTests|Safetensors|TokenizationTests|ByteIOTests|ModelGraphTests'

results: build ## Measures every list and comparison on the bundled models and writes docs/results.md (needs python3).
	docs/results/run $(BUILD)

test-neon: ## Checks the NEON kernels against the scalar ones under emulation.
	Tests/NEON/run

proto: ## Regenerates the committed protobuf-c code (needs protobuf-c-compiler).
	cd Sources/CPackManifest && protoc-c --c_out=. pack_manifest.proto && mv pack_manifest.pb-c.h include/
	cd Sources/CSentencePiece && protoc-c --c_out=. sentencepiece_model.proto && mv sentencepiece_model.pb-c.h include/

format: ## Formats the Swift sources in place.
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

clean:
	rm -rf .build
