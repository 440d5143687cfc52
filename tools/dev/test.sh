# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: the parts of `./dev test`. Each adds to the three counters.
passed=0
failed=0
skipped=0
log=build-test.log
built_folders=' ' # in this run

# check NAME COMMAND...: one check that passes when the command does; its output is shown otherwise.
check() {
    local name=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name"
    else
        failed=$((failed + 1))
        cat "$log"
        echo "FAILED  $name"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1"
}

# meson_tests FOLDER ARGUMENTS...: runs tests of a build folder; counts their cases.
meson_tests() {
    local folder=$1 counts
    shift
    meson test -C "$folder" --num-processes "$jobs" "$@" >"$log" 2>&1 || true
    counts=$(python3 tools/test_log.py "$folder/meson-logs/testlog.json" "$log")
    echo "$counts" | sed '$d'
    set -- $(echo "$counts" | tail -n 1)
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    echo "$folder: $1 passed, $2 failed, $3 skipped"
}

# built FOLDER OPTIONS...: sets up and builds a folder; false when there is nothing to run in it.
built() {
    local folder=$1 before=$failed output=$1.log
    case $built_folders in
    *" $folder "*) return 0 ;;
    esac
    rm -f "$folder/meson-logs/testlog.json"
    check "$folder is set up" configure "$@"
    [ "$failed" = "$before" ] || return 1
    check "$folder builds" build_logged "$folder" "$output"
    [ "$failed" = "$before" ] || return 1
    check "$folder builds without warnings" no_warnings "$output"
    rm -f "$output"
    built_folders="$built_folders$folder "
}

build_logged() {
    ninja -C "$1" -k 0 -j "$jobs" >"$2" 2>&1 || {
        cat "$2"
        return 1
    }
}

no_warnings() {
    ! grep -A 4 'warning:' "$1"
}

part_checks() {
    check 'floors: folders use lower floors only' python3 tools/floors.py
    check 'house: licence lines, lengths, marks' python3 tools/house.py
    check 'tables of docs/ are up to date' python3 tools/tables.py --check
    check 'links between documents' python3 tools/doc_links.py
    check 'format' format_is_right
    local header
    for header in $(git ls-files 'include/*.h'); do
        check "$header alone, C99" clang-14 -std=c99 -Wall -Wextra -Wpedantic -Werror \
            -Iinclude -fsyntax-only -x c "$header"
        check "$header alone, C++11" clang-14 -std=c++11 -Wall -Wextra -Wpedantic -Werror \
            -Iinclude -fsyntax-only -x c++ "$header"
    done
    for header in src/*/*.h; do
        check "$header alone" gcc -std=gnu17 -Werror -Iinclude -I. -fsyntax-only -x c "$header"
    done
}

format_is_right() {
    git ls-files '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror
}

# The tests of boards run those of other architectures that are there.
boards_for_tests() {
    board_for aarch64 aarch64-linux-gnu-gcc && board_for armhf arm-linux-gnueabihf-gcc
}

part_unit() {
    if built build; then
        check 'ork-board builds for other architectures' boards_for_tests
        meson_tests build
    fi
}

# Kernels are long, and sanitizers make them longer: -O2 takes clang three times as long as -O1.
part_sanitize() {
    if CC=clang-14 built build-asan -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false -Dpython=none; then
        ASAN_OPTIONS=halt_on_error=1:abort_on_error=1 \
            UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1 \
            meson_tests build-asan --suite unit --suite fuzz --timeout-multiplier 4
    fi
}

# Tests in which several threads work on one thing.
thread_tests='base_base plan_plan api_model api_session device_board kernels_conv kernels_operators
runtime_rknn_api'

part_threads() {
    local name known chosen=''
    if ! CC=clang-14 built build-tsan -Doptimization=1 -Db_sanitize=thread -Db_lundef=false -Dpython=none; then
        return
    fi
    known=$(meson test -C build-tsan --list 2>/dev/null | sed 's/.* \/ //')
    for name in $thread_tests; do
        if echo "$known" | grep -qx "$name"; then
            chosen="$chosen $name"
        fi
    done
    TSAN_OPTIONS=halt_on_error=1 meson_tests build-tsan --timeout-multiplier 4 $chosen
}

# cross NAME DEBIAN_ARCHITECTURE COMPILER EMULATOR
cross() {
    if ! command -v "$3" >/dev/null || ! command -v "$4" >/dev/null; then
        skip "$1: there is no $3 or no $4"
        return
    fi
    if ! foreign_libraries "$2"; then
        skip "$1: apt-get cannot fetch the $2 libraries"
        return
    fi
    if built "build-$1" --cross-file "build-sysroot/$2.txt" \
        --cross-file "tools/cross/$1.txt" -Dpython=none; then
        meson_tests "build-$1" --suite unit --suite fuzz --timeout-multiplier 10
    fi
}

part_cross() {
    cross aarch64 arm64 aarch64-linux-gnu-gcc qemu-aarch64
    cross armhf armhf arm-linux-gnueabihf-gcc qemu-arm
}

# Not among the parts that run by themselves: what the tests of boards do ten times, two hundred times.
part_boards() {
    if built build; then
        check 'ork-board builds for other architectures' boards_for_tests
        ORK_REPEAT=200 meson_tests build --suite device --timeout-multiplier 10
    fi
}

part_docs() {
    local document
    if ! built build; then
        return
    fi
    for document in $(git ls-files '*.md'); do
        if grep -qE '^```[a-z]+ (test|file=)' "$document"; then
            check "examples of $document" python3 tools/doc_examples.py "$document"
        fi
    done
}

netron=netron==9.3.3 # a viewer of models; its package for pip holds the modules for node

part_netron() {
    if ! command -v node >/dev/null; then
        skip 'netron: there is no node to run it'
    elif ! [ -f build-netron/netron/rknn.js ] &&
        ! python3 -m pip install -q --no-deps --retries 1 --timeout 15 --target build-netron \
            "$netron" >"$log" 2>&1; then
        tail -n 1 "$log"
        skip "netron: pip cannot fetch $netron"
    elif built build; then
        check 'Netron shows what our .rknn files hold' \
            python3 tests/rknn/netron_check.py build/cli/ork build-netron/netron
    fi
}

web_modules='playwright-core@1.65.1 axe-core@4.14.1' # they drive Debian's chromium

part_web() {
    if ! command -v npm >/dev/null; then
        skip 'web: there is no npm to fetch what drives a browser'
    elif ! install_packages web; then
        skip 'web: chromium cannot be installed'
    elif ! [ -d build-web/node_modules/axe-core ] &&
        ! npm install --no-save --no-audit --no-fund --prefix build-web $web_modules >"$log" 2>&1; then
        tail -n 1 "$log"
        skip "web: npm cannot fetch $web_modules"
    elif built build; then
        check 'the page of ork gui in a browser' node tests/web/page.mjs build/cli/ork examples build-web
    fi
}

run_tests() {
    local part start
    install_packages needed
    if ! install_packages test; then
        echo "dev: going on without them; tests that need them are skipped"
    fi
    for part in ${*:-checks unit sanitize threads cross avx512 docs netron web}; do
        if ! declare -F "part_$part" >/dev/null; then
            echo "dev: there is no part '$part' of the tests" >&2
            return 2
        fi
        echo "--> $part"
        start=$SECONDS
        "part_$part"
        echo "$part took $((SECONDS - start)) s"
    done
    rm -f "$log"
    local skips=''
    [ $skipped = 0 ] || skips=", $skipped skipped"
    echo "$passed passed, $failed failed$skips"
    [ $failed = 0 ]
}
