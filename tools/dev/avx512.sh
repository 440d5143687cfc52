# SPDX-License-Identifier: Apache-2.0
# Sourced by ./dev: the tests of kernels on an emulated processor with AVX-512, which the one at hand
# may lack. tests/bare/ holds the kernel that they run on.

bios_modules=/usr/lib/syslinux/modules/bios

part_avx512() {
    local name
    if [ "$(uname -m)" != x86_64 ]; then
        skip 'avx512: the tests are built for x86-64 only'
        return
    fi
    if ! command -v bochs >/dev/null || ! command -v xorriso >/dev/null ||
        [ ! -f /usr/lib/ISOLINUX/isolinux.bin ] || [ ! -f $bios_modules/mboot.c32 ]; then
        skip 'avx512: needs bochs, xorriso, isolinux and syslinux-common'
        return
    fi
    if built build; then
        for name in conv operators; do
            check "kernels/test_$name with AVX-512 and VNNI, emulated" emulated "$name"
        done
    fi
}

# emulated NAME: builds tests/kernels/test_NAME.c into a bootable disc and boots it.
emulated() {
    local folder=build/bare/$1
    rm -rf "$folder"
    mkdir -p "$folder/disc/isolinux"
    gcc -std=gnu17 -O2 -Wall -Wextra -ffreestanding -mgeneral-regs-only -mno-red-zone -fno-pic \
        -no-pie -fno-stack-protector -fcf-protection=none -nostdlib -static -Wl,--build-id=none \
        -Wl,--oformat=binary -T tests/bare/kernel.ld tests/bare/boot.S tests/bare/kernel.c \
        -o "$folder/disc/kernel.bin" || return 1
    gcc -std=gnu17 -O2 -static -no-pie -Wl,-Ttext-segment=0x8000000 -s -Itests/bare -Iinclude -Isrc \
        "tests/kernels/test_$1.c" build/src/libopenrknn.a -lz -lm -o "$folder/disc/program" ||
        return 1
    cp /usr/lib/ISOLINUX/isolinux.bin "$bios_modules"/{ldlinux,libcom32,mboot}.c32 \
        tests/bare/isolinux.cfg "$folder/disc/isolinux/"
    xorriso -as mkisofs -quiet -o "$folder/cd.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
        -no-emul-boot -boot-load-size 4 -boot-info-table "$folder/disc" || return 1
    # Debian's emulator starts in its debugger, which is told to continue. It fails when it stops.
    echo c >"$folder/debugger"
    (cd "$folder" && timeout 600 bochs -q -f "$root/tests/bare/bochsrc.txt" -rc debugger) \
        </dev/null >"$folder/output" 2>&1 || true
    sed -n '/^Next at t=0/,$p' "$folder/output"
    grep -qx 'exit 0' "$folder/output" && grep -q '^ok ' "$folder/output"
}
