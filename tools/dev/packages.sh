# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: installs Debian packages that are missing.

packages_needed='meson ninja-build gcc clang-14 clang-format-14 libclang-rt-14-dev pkg-config
    libcmocka-dev zlib1g-dev libturbojpeg0-dev libjpeg62-turbo-dev libpng-dev
    libmicrohttpd-dev
    python3 python3-dev python3-numpy'
packages_test='git qemu-user gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf libc6-dev-arm64-cross
    libc6-dev-armhf-cross adb python3-opencv xvfb groff-base ffmpeg bochs bochs-term isolinux
    syslinux-common xorriso'
packages_web='chromium'
# What the cross builds are linked with. These are unpacked under build-sysroot/, not installed:
# Debian insists that an installed library has the same version for every architecture, which fails
# as soon as one mirror lags behind.
packages_foreign='libcmocka-dev libcmocka0 zlib1g-dev zlib1g libjpeg62-turbo-dev libjpeg62-turbo
    libpng-dev libpng16-16'

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

missing_packages() {
    local name
    for name in "$@"; do
        if ! dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q 'ok installed'; then
            echo "$name"
        fi
    done
}

# install_packages needed|test|web: false when some are missing and cannot be installed.
install_packages() {
    local list="packages_$1" missing
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "dev: this is no Debian: please install what these packages hold:" ${!list} >&2
        return 0
    fi
    missing=$(missing_packages ${!list})
    if [ -z "$missing" ]; then
        return 0
    fi
    echo "dev: installing with apt-get:" $missing
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null; then
        echo "dev: apt-get update had errors; going on with the lists that are there" >&2
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $missing >/dev/null
}

# foreign_libraries DEBIAN_ARCHITECTURE: unpacks packages_foreign under build-sysroot/ and writes the
# cross file that says where.
foreign_libraries() {
    local folder=$root/build-sysroot/$1 file
    mkdir -p "$folder"
    printf "[constants]\nsysroot = '%s'\n" "$folder" >"$folder.txt"
    if [ -f "$folder/complete" ]; then
        return 0
    fi
    echo "dev: fetching $1 libraries for the cross build into build-sysroot/$1"
    rm -rf "$folder"
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/debs"
    local apt=(apt-get -q -o "APT::Architecture=$1" -o "APT::Architectures=$1"
        -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache"
        -o Dir::State::status=/dev/null -o APT::Sandbox::User=)
    "${apt[@]}" update >"$folder/log" 2>&1 || true # some lists may do
    if ! (cd "$folder/debs" && "${apt[@]}" download $packages_foreign) >>"$folder/log" 2>&1; then
        tail -n 5 "$folder/log"
        return 1
    fi
    for file in "$folder"/debs/*.deb; do
        dpkg -x "$file" "$folder"
    done
    rm -rf "$folder/lists" "$folder/cache" "$folder/debs"
    touch "$folder/complete"
}
