/* SPDX-License-Identifier: Apache-2.0 */
/* JPEG through libjpeg, with its defaults (exact integer DCT, smooth chroma upsampling), which are
   cv2.imread's too. */
#include "formats.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

const bool ork_jpeg_built = true;

enum {
    /* A block of 64 pixels takes at least one bit. */
    MAX_PIXELS_PER_BYTE = 512,
    /* A progressive file of few bytes may hold very many empty scans, each as slow as a full one.
       Encoders write about ten. */
    MAX_SCANS = 200,
};

/* libjpeg calls back with the inner structures; error_exit must find the whole, so `errors` and
   `source` are reached through client_data. */
typedef struct jpeg_job {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    ork_diag *diag;
    ork_bytes bytes;
    ork_image *image;
    bool ended; /* libjpeg wanted more than there is */
} jpeg_job;

static _Noreturn void on_error(j_common_ptr info)
{
    jpeg_job *job = info->client_data;
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    if (job->ended)
        ork_image_truncated(job->diag, ORK_IMAGE_JPEG);
    else
        ork_image_damaged(job->diag, ORK_IMAGE_JPEG, message);
    longjmp(job->escape, 1);
}

/* libjpeg only warns of missing or wrong picture data and fills with gray. Other warnings, as of
   stray bytes between segments, cost no pixels and are common in the wild. */
static void on_message(j_common_ptr info, int level)
{
    static const int fatal[] = {JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_ARITH_BAD_CODE,
                                JWRN_BOGUS_PROGRESSION, JWRN_MUST_RESYNC};
    for (size_t i = 0; level < 0 && i < ORK_COUNT(fatal); i++)
        if (info->err->msg_code == fatal[i])
            on_error(info);
}

static void on_progress(j_common_ptr info)
{
    jpeg_job *job = info->client_data;
    if (job->info.input_scan_number <= MAX_SCANS)
        return;
    ork_image_damaged(job->diag, ORK_IMAGE_JPEG, "it has more scans than any encoder makes");
    longjmp(job->escape, 1);
}

static void do_nothing(j_decompress_ptr info)
{
    (void)info;
}

/* Hands out an end marker: a file that lacks nothing else is a whole picture, and otherwise libjpeg
   says that data is missing. */
static boolean fill_input(j_decompress_ptr info)
{
    static const JOCTET end[] = {0xff, JPEG_EOI};
    jpeg_job *job = info->client_data;
    job->ended = true;
    info->src->next_input_byte = end;
    info->src->bytes_in_buffer = sizeof(end);
    return TRUE;
}

static void skip_input(j_decompress_ptr info, long count)
{
    if (count <= 0)
        return;
    if ((size_t)count > info->src->bytes_in_buffer) {
        fill_input(info);
        return;
    }
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= (size_t)count;
}

static void start(jpeg_job *job)
{
    struct jpeg_decompress_struct *info = &job->info;
    info->client_data = job;
    info->err = jpeg_std_error(&job->errors);
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
}

static void set_source(jpeg_job *job)
{
    job->source = (struct jpeg_source_mgr){
        .next_input_byte = job->bytes.data,
        .bytes_in_buffer = job->bytes.size,
        .init_source = do_nothing,
        .fill_input_buffer = fill_input,
        .skip_input_data = skip_input,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = do_nothing,
    };
    job->info.src = &job->source;
    job->progress.progress_monitor = on_progress;
    job->info.progress = &job->progress;
}

/* Adobe's inverted CMYK, in place; the arithmetic of OpenCV. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, int width)
{
    for (int x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(cmyk[3] - ((255 - cmyk[c]) * cmyk[3] >> 8));
}

static void read_rows(jpeg_job *job)
{
    struct jpeg_decompress_struct *info = &job->info;
    bool cmyk = info->out_color_space == JCS_CMYK;
    JSAMPARRAY line =
        info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, info->output_width * 4, 1);
    for (int y = 0; y < job->image->height; y++) {
        JSAMPROW row = ork_image_row(job->image, y);
        jpeg_read_scanlines(info, cmyk ? line : &row, 1);
        if (cmyk)
            cmyk_to_rgb(line[0], row, job->image->width);
    }
}

static int orientation_of(const struct jpeg_decompress_struct *info)
{
    for (jpeg_saved_marker_ptr marker = info->marker_list; marker; marker = marker->next)
        if (marker->data_length > 6 && memcmp(marker->data, "Exif\0\0", 6) == 0)
            return ork_exif_orientation((ork_bytes){marker->data + 6, marker->data_length - 6});
    return 1;
}

static bool decode(jpeg_job *job, int channels, int *orientation)
{
    struct jpeg_decompress_struct *info = &job->info;
    if (setjmp(job->escape))
        return false;
    jpeg_create_decompress(info);
    set_source(job);
    jpeg_save_markers(info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(info, TRUE);
    *orientation = orientation_of(info);
    bool cmyk = info->num_components == 4;
    bool gray = !cmyk && (channels == 1 || (channels == 0 && info->num_components == 1));
    info->out_color_space = cmyk ? JCS_CMYK : gray ? JCS_GRAYSCALE : JCS_RGB;
    if (!ork_image_new_for(job->diag, ORK_IMAGE_JPEG, info->image_width, info->image_height,
                           gray ? 1 : 3, job->bytes.size, MAX_PIXELS_PER_BYTE, job->image))
        return false;
    jpeg_start_decompress(info);
    read_rows(job);
    /* Cut between two scans a picture looks whole, and is not. */
    if (job->ended && jpeg_has_multiple_scans(info))
        return ork_image_truncated(job->diag, ORK_IMAGE_JPEG);
    return true;
}

bool ork_jpeg_decode(ork_diag *diag, ork_bytes bytes, int channels, ork_image *image)
{
    jpeg_job *job = calloc(1, sizeof(*job));
    if (!job)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to read a picture");
    job->diag = diag;
    job->bytes = bytes;
    job->image = image;
    start(job);
    int orientation = 1;
    bool good = decode(job, channels, &orientation);
    jpeg_destroy_decompress(&job->info);
    free(job);
    if (!good)
        ork_image_free(image);
    return good && ork_image_orient(diag, image, orientation);
}

typedef struct encode_job {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    ork_diag *diag;
    unsigned char *data;
    unsigned long size;
} encode_job;

static _Noreturn void on_encode_error(j_common_ptr info)
{
    encode_job *job = info->client_data;
    char message[JMSG_LENGTH_MAX];
    info->err->format_message(info, message);
    ork_fail(job->diag, ORK_ERR_IMAGE, "cannot make a JPEG picture");
    ork_why(job->diag, "%s", message);
    longjmp(job->escape, 1);
}

static bool encode(encode_job *job, const ork_image *image, int quality)
{
    struct jpeg_compress_struct *info = &job->info;
    if (setjmp(job->escape))
        return false;
    jpeg_create_compress(info);
    jpeg_mem_dest(info, &job->data, &job->size);
    info->image_width = (JDIMENSION)image->width;
    info->image_height = (JDIMENSION)image->height;
    info->input_components = image->channels;
    info->in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, quality, TRUE);
    jpeg_start_compress(info, TRUE);
    for (int y = 0; y < image->height; y++) {
        JSAMPROW row = ork_image_row(image, y);
        jpeg_write_scanlines(info, &row, 1);
    }
    jpeg_finish_compress(info);
    return true;
}

bool ork_jpeg_encode(ork_diag *diag, const ork_image *image, int quality, ork_str *out)
{
    if (image->channels == 4) {
        ork_image opaque;
        if (!ork_image_new(diag, image->width, image->height, 3, &opaque))
            return false;
        ork_image_convert(image, &opaque);
        bool good = ork_jpeg_encode(diag, &opaque, quality, out);
        ork_image_free(&opaque);
        return good;
    }
    encode_job *job = calloc(1, sizeof(*job));
    if (!job)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to write a picture");
    job->diag = diag;
    job->info.client_data = job;
    job->info.err = jpeg_std_error(&job->errors);
    job->errors.error_exit = on_encode_error;
    bool good = encode(job, image, quality);
    jpeg_destroy_compress(&job->info);
    if (good)
        ork_str_append(out, (const char *)job->data, job->size);
    free(job->data);
    free(job);
    return good;
}
