/* SPDX-License-Identifier: Apache-2.0 */
/* Readers against what cv2.imread made of the same files, and against files that lie. */
#include "image/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER   ORK_TEST_DATA "/image/"
#define EXPECTED ORK_TEST_DATA "/image_expected/"

static const char *const pictures[] = {
    "420.jpg",     "422.jpg",       "444.jpg",        "progressive.jpg", "gray.jpg",
    "cmyk.jpg",    "exif2.jpg",     "exif3.jpg",      "exif4.jpg",       "exif5.jpg",
    "exif6.jpg",   "exif7.jpg",     "exif8.jpg",      "rgb.png",         "gray.png",
    "palette.png", "palette4.png",  "bits1.png",      "gray_alpha.png",  "rgba.png",
    "deep.png",    "deep_gray.png", "exif6.png",      "interlaced.png",  "24.bmp",
    "1.bmp",       "8gray.bmp",     "top_down.bmp",   "32.bmp",          "4.bmp",
    "8.bmp",       "rle8.bmp",      "old_header.bmp",
};

static ork_file map(ork_diag *diag, const char *name, const char *ending)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s%s%s", *ending ? EXPECTED : FOLDER, name, ending);
    ork_file file;
    assert_true(ork_file_map(diag, path, &file));
    return file;
}

/* Reads the picture with so many channels and compares with the file beside it. */
static void check_picture(ork_diag *diag, const char *name, int channels, const char *ending)
{
    ork_file file = map(diag, name, ""), expected = map(diag, name, ending);
    ork_image image;
    if (!ork_image_decode(diag, file.bytes, channels, &image))
        fail_msg("%s: %s", name, ork_diag_error(diag)->why);
    bool turned = strstr(name, "exif5") || strstr(name, "exif6") || strstr(name, "exif7") ||
                  strstr(name, "exif8");
    assert_int_equal(image.width, turned ? 17 : 23);
    assert_int_equal(image.height, turned ? 23 : 17);
    assert_int_equal(image.channels, channels);
    assert_int_equal(image.stride, image.width * channels);
    assert_int_equal(expected.bytes.size, 17 * 23 * channels);
    if (memcmp(image.pixels, expected.bytes.data, expected.bytes.size) != 0)
        fail_msg("%s with %d channels differs from cv2", name, channels);
    ork_image_free(&image);
    ork_file_unmap(&expected);
    ork_file_unmap(&file);
}

static bool readable(ork_diag *diag, const char *name)
{
    ork_file file = map(diag, name, "");
    ork_image_kind kind = ork_image_kind_of(file.bytes);
    ork_file_unmap(&file);
    return ork_image_kind_built(kind);
}

static void test_pixels_are_those_of_cv2(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    for (size_t i = 0; i < ORK_COUNT(pictures); i++) {
        if (!readable(diag, pictures[i]))
            continue;
        check_picture(diag, pictures[i], 3, ".rgb");
        check_picture(diag, pictures[i], 1, ".gray");
    }
    if (readable(diag, "rgba.png"))
        check_picture(diag, "rgba.png", 4, ".rgba");
    ork_diag_free(diag);
}

static void test_channels_of_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int channels;
    } files[] = {{"420.jpg", 3},        {"gray.jpg", 1},    {"cmyk.jpg", 3},  {"rgba.png", 3},
                 {"gray_alpha.png", 1}, {"palette.png", 3}, {"8gray.bmp", 1}, {"24.bmp", 3}};
    ork_diag *diag = ork_diag_new();
    for (size_t i = 0; i < ORK_COUNT(files); i++) {
        char path[1024];
        snprintf(path, sizeof(path), FOLDER "%s", files[i].name);
        if (!readable(diag, files[i].name))
            continue;
        ork_image image;
        assert_true(ork_image_read(diag, path, 0, &image));
        assert_int_equal(image.channels, files[i].channels);
        ork_image_free(&image);
        assert_true(ork_image_read(diag, path, 4, &image));
        assert_int_equal(image.channels, 4);
        if (strcmp(files[i].name, "24.bmp") == 0)
            assert_int_equal(image.pixels[3], 255);
        ork_image_free(&image);
    }
    ork_diag_free(diag);
}

/* Every beginning of every file: an error, or (where only what follows the picture is missing) the
   whole picture. Copies into exact memory so that ASan sees each byte read beyond the end. */
static void test_beginnings_of_files(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    for (size_t i = 0; i < ORK_COUNT(pictures); i++) {
        if (!readable(diag, pictures[i]))
            continue;
        ork_file file = map(diag, pictures[i], ""), expected = map(diag, pictures[i], ".rgb");
        size_t accepted = 0;
        for (size_t size = 0; size < file.bytes.size; size++) {
            uint8_t *copy = malloc(size ? size : 1);
            memcpy(copy, file.bytes.data, size);
            ork_image image;
            if (ork_image_decode(diag, (ork_bytes){copy, size}, 3, &image)) {
                accepted++;
                assert_memory_equal(image.pixels, expected.bytes.data, expected.bytes.size);
            } else {
                assert_int_equal(ork_diag_error_id(diag), ORK_ERR_IMAGE);
                assert_null(image.pixels);
                assert_true(strlen(ork_diag_error(diag)->why) > 0);
            }
            ork_image_free(&image);
            free(copy);
        }
        assert_true(accepted <= 3);
        ork_file_unmap(&expected);
        ork_file_unmap(&file);
    }
    ork_diag_free(diag);
}

static void expect_error(ork_bytes bytes, const char *what, const char *why)
{
    ork_diag *diag = ork_diag_new();
    ork_image image;
    assert_false(ork_image_decode(diag, bytes, 3, &image));
    const ork_error *error = ork_diag_error(diag);
    assert_string_equal(error->id, "E0108");
    if (!strstr(error->what, what) || !strstr(error->why, why))
        fail_msg("unexpected: %s, %s", error->what, error->why);
    assert_true(strlen(error->fix) > 0);
    ork_diag_free(diag);
}

static void test_other_contents_are_named(void **state)
{
    (void)state;
    expect_error((ork_bytes){(const uint8_t *)"GIF89a..", 8}, "not a JPEG", "GIF");
    expect_error((ork_bytes){(const uint8_t *)"RIFF....WEBPVP8 ", 16}, "not a JPEG", "WebP");
    expect_error((ork_bytes){(const uint8_t *)"hello", 5}, "not a JPEG", "68 65 6c 6c");
    expect_error((ork_bytes){(const uint8_t *)"", 0}, "not a JPEG", "0 bytes");
}

static void put(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

/* A good 24-bit BMP of 2 x 2 with one number of its header changed. */
static void expect_bmp_error(size_t offset, uint32_t value, const char *why)
{
    uint8_t bytes[54 + 16] = "BM";
    put(bytes + 10, 54);
    put(bytes + 14, 40);
    put(bytes + 18, 2);
    put(bytes + 22, 2);
    put(bytes + 26, 1 | 24 << 16);
    put(bytes + offset, value);
    expect_error((ork_bytes){bytes, sizeof(bytes)}, "BMP", why);
}

static void test_bmp_headers_that_lie(void **state)
{
    (void)state;
    expect_bmp_error(18, 0, "no pixels");
    expect_bmp_error(18, 0xffffffff, "no pixels");
    expect_bmp_error(18, 40000, "limit");
    expect_bmp_error(18, 32768, "ends before");
    expect_bmp_error(22, 0x80000000, "limit");
    expect_bmp_error(22, 3, "ends before");
    expect_bmp_error(10, 0xffffffff, "ends before");
    expect_bmp_error(14, 41000000, "ends before");
    expect_bmp_error(14, 13, "header");
    expect_bmp_error(26, 1 | 16 << 16, "not supported");
    expect_bmp_error(30, 3, "not supported");
}

/* A file of few bytes that claims to hold very many pixels is refused before memory is asked for.
 */
static void test_great_claims(void **state)
{
    (void)state;
    static const uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x20\0\0\0\x20\0\x08\2\0\0\0"
                                 "\xe2\x18\xe0\x27\0\0\0\0IDAT";
    static const uint8_t jpeg[] = "\xff\xd8\xff\xc0\0\x0b\x08\x20\0\x20\0\1\1\x11\0"
                                  "\xff\xda\0\x08\1\1\0\0\x3f\0";
    if (ork_image_kind_built(ORK_IMAGE_PNG))
        expect_error((ork_bytes){png, sizeof(png) - 1}, "PNG", "");
    if (ork_image_kind_built(ORK_IMAGE_JPEG))
        expect_error((ork_bytes){jpeg, sizeof(jpeg) - 1}, "JPEG", "ends before");
}

/* Damage in the middle must not pass as a picture that is gray from there on. */
static void test_damaged_jpeg_is_refused(void **state)
{
    (void)state;
    if (!ork_image_kind_built(ORK_IMAGE_JPEG))
        skip();
    ork_diag *diag = ork_diag_new();
    ork_file file = map(diag, "444.jpg", "");
    size_t size = file.bytes.size;
    uint8_t *copy = malloc(size);
    memcpy(copy, file.bytes.data, size);
    copy[size - 200] = 0xff; /* an end marker amidst the coded data */
    copy[size - 199] = 0xd9;
    expect_error((ork_bytes){copy, size}, "JPEG", "premature end");
    free(copy);
    ork_file_unmap(&file);
    ork_diag_free(diag);
}

/* Writes in the format of the extension and reads again. */
static void check_round_trip(const char *folder, const char *extension, int channels, bool exact)
{
    ork_diag *diag = ork_diag_new();
    ork_image image, again;
    assert_true(ork_image_new(diag, 21, 13, channels, &image));
    for (int i = 0; i < 21 * 13 * channels; i++)
        image.pixels[i] = (uint8_t)(i * 255 / (21 * 13 * channels));
    char path[256];
    snprintf(path, sizeof(path), "%s/picture%s", folder, extension);
    assert_true(ork_image_write(diag, path, &image, 95));
    assert_true(ork_image_read(diag, path, channels, &again));
    assert_int_equal(again.width, 21);
    assert_int_equal(again.height, 13);
    for (int i = 0; i < 21 * 13 * channels; i++)
        assert_true(abs(again.pixels[i] - image.pixels[i]) <= (exact ? 0 : 6));
    ork_image_free(&again);
    ork_image_free(&image);
    unlink(path);
    ork_diag_free(diag);
}

static void test_written_pictures_read_back(void **state)
{
    (void)state;
    char folder[] = "/tmp/ork-image-XXXXXX";
    assert_non_null(mkdtemp(folder));
    for (int channels = 1; channels <= 3; channels += 2) {
        check_round_trip(folder, ".BMP", channels, true);
        if (ork_image_kind_built(ORK_IMAGE_PNG))
            check_round_trip(folder, ".png", channels, true);
        if (ork_image_kind_built(ORK_IMAGE_JPEG))
            check_round_trip(folder, ".jpeg", channels, false);
    }
    if (ork_image_kind_built(ORK_IMAGE_PNG))
        check_round_trip(folder, ".png", 4, true);
    rmdir(folder);
}

static void test_write_errors(void **state)
{
    (void)state;
    ork_diag *diag = ork_diag_new();
    ork_image image;
    assert_true(ork_image_new(diag, 2, 2, 3, &image));
    memset(image.pixels, 0, 12);
    assert_false(ork_image_write(diag, "/tmp/picture.gif", &image, 90));
    assert_string_equal(ork_diag_error(diag)->id, "E0108");
    assert_false(ork_image_write(diag, "/nowhere/at/all/picture.bmp", &image, 90));
    assert_string_equal(ork_diag_error(diag)->id, "E0102");
    ork_image_free(&image);
    assert_false(ork_image_read(diag, "/nowhere/at/all/picture.bmp", 3, &image));
    assert_string_equal(ork_diag_error(diag)->id, "E0101");
    ork_diag_free(diag);
}

static void test_builds_without_a_library_say_so(void **state)
{
    (void)state;
    if (!ork_image_kind_built(ORK_IMAGE_JPEG))
        expect_error((ork_bytes){(const uint8_t *)"\xff\xd8\xff\xe0", 4}, "no JPEG support", "");
    if (!ork_image_kind_built(ORK_IMAGE_PNG))
        expect_error((ork_bytes){(const uint8_t *)"\x89PNG\r\n\x1a\n", 8}, "no PNG support", "");
    assert_true(ork_image_kind_built(ORK_IMAGE_BMP));
    assert_false(ork_image_kind_built(ORK_IMAGE_UNKNOWN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_are_those_of_cv2),
        cmocka_unit_test(test_channels_of_the_file),
        cmocka_unit_test(test_beginnings_of_files),
        cmocka_unit_test(test_other_contents_are_named),
        cmocka_unit_test(test_bmp_headers_that_lie),
        cmocka_unit_test(test_great_claims),
        cmocka_unit_test(test_damaged_jpeg_is_refused),
        cmocka_unit_test(test_written_pictures_read_back),
        cmocka_unit_test(test_write_errors),
        cmocka_unit_test(test_builds_without_a_library_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
