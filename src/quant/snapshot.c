/* SPDX-License-Identifier: Apache-2.0 */
/* What accuracy_analysis of the vendor's toolkit leaves behind, with its names, for the scripts
   that read it:

     fp32/            the numbers of each layer of the float network, and order.txt
     entire_qnt/      the same of the quantized network
     individual_qnt/  the same of each layer alone
     entire_qnt_error_analysis.txt, individual_qnt_error_analysis.txt

   Numbers are .npy or .tensor files (one number a line), their axes in the order N H W C. A line of
   a list is the name of a layer's file, its type, and "eculidean_norm" (so spelled) and
   "cosine_norm": distance and cosine with both vectors scaled to length 1. */
#include "accuracy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const folders[] = {
    [SNAPSHOT_FLOAT] = "fp32",
    [SNAPSHOT_ENTIRE] = "entire_qnt",
    [SNAPSHOT_ALONE] = "individual_qnt",
};

static const char *ending(const ork_analysis_task *analysis)
{
    return analysis->dump == ORK_DUMP_NPY ? "npy" : "tensor";
}

bool snapshot_open(ork_diag *diag, const ork_analysis_task *analysis)
{
    ork_str path = {0};
    bool good = ork_folder_make(diag, analysis->folder);
    for (size_t i = 0; good && i < ORK_COUNT(folders); i++) {
        path.length = 0;
        ork_str_printf(&path, "%s/%s", analysis->folder, folders[i]);
        good = (analysis->dump_reference_only && i != SNAPSHOT_FLOAT) ||
               ork_folder_make(diag, path.text);
    }
    ork_str_free(&path);
    return good;
}

/* ---- names ---- */

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '_' || c == '-';
}

const char *ork_layer_file(ork_arena *arena, const char *op, const char *name, size_t index,
                           const ork_shape *shape)
{
    enum { LONGEST = 120 }; /* with the rest below what file systems take */
    char *plain = ork_arena_strndup(arena, name, ork_min_size(strlen(name), LONGEST));
    for (char *c = plain; *c; c++)
        if (!is_plain(*c))
            *c = '_';
    ork_shape order = *shape;
    if (shape->rank == 4)
        order = ork_shape_of(
            4, (int64_t[]){shape->dim[0], shape->dim[2], shape->dim[3], shape->dim[1]});
    const char *text = ork_arena_printf(arena, "%s_%s_%zu_out0_nhwc", op, plain, index);
    for (int i = 0; i < order.rank; i++)
        text = ork_arena_printf(arena, "%s_%lld", text, (long long)order.dim[i]);
    return text;
}

/* ---- numbers ---- */

static void to_nhwc(const ork_shape *shape, const float *numbers, float *ordered)
{
    const int64_t channels = shape->dim[1], pixels = shape->dim[2] * shape->dim[3];
    for (int64_t n = 0; n < shape->dim[0]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < pixels; i++)
                ordered[(n * pixels + i) * channels + c] = *numbers++;
}

/* A number a line, as numpy.loadtxt reads them. */
static bool write_lines(ork_diag *diag, const char *path, const float *numbers, int64_t count)
{
    enum { NUMBER = 32, AT_ONCE = 512 };
    char text[NUMBER * AT_ONCE];
    size_t length = 0;
    ork_output *output = ork_output_open(diag, path);
    if (!output)
        return false;
    for (int64_t i = 0; i < count; i++) {
        const int written = snprintf(text + length, NUMBER, "%.9g\n", (double)numbers[i]);
        char *comma = memchr(text + length, ',', (size_t)written); /* of some locales */
        if (comma)
            *comma = '.';
        length += (size_t)written;
        if (length > sizeof(text) - NUMBER || i + 1 == count) {
            ork_output_write(output, text, length);
            length = 0;
        }
    }
    return ork_output_commit(output);
}

bool ork_layer_write(ork_diag *diag, const char *path, ork_dump_kind kind, const ork_shape *shape,
                     const float *numbers)
{
    const int64_t count = ork_shape_count(shape);
    float *ordered = ork_data_alloc((size_t)(count ? count : 1) * sizeof(float));
    ork_tensor tensor = {ork_type_of(ORK_F32, shape->rank, shape->dim), ordered};
    if (!ordered)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to write a layer's numbers");
    if (shape->rank == 4) {
        to_nhwc(shape, numbers, ordered);
        tensor.type.shape = ork_shape_of(
            4, (int64_t[]){shape->dim[0], shape->dim[2], shape->dim[3], shape->dim[1]});
    } else {
        memcpy(ordered, numbers, (size_t)count * sizeof(float));
    }
    const bool good = kind == ORK_DUMP_NPY ? ork_npy_write(diag, path, &tensor)
                                           : write_lines(diag, path, ordered, count);
    ork_data_free(ordered);
    return good;
}

bool snapshot_dump(ork_diag *diag, const ork_analysis_task *analysis, snapshot_folder folder,
                   const char *name, const ork_shape *shape, const float *numbers)
{
    ork_str path = {0};
    ork_str_printf(&path, "%s/%s/%s.%s", analysis->folder, folders[folder], name, ending(analysis));
    const bool good = ork_layer_write(diag, path.text, analysis->dump, shape, numbers);
    ork_str_free(&path);
    return good;
}

/* ---- lists ---- */

static const char *type_name(ork_dtype dtype)
{
    return dtype == ORK_F32 ? "fp32" : ork_dtype_table[dtype].name;
}

static void put_figure(ork_str *text, const char *name, double figure)
{
    if (isnan(figure))
        ork_str_printf(text, "\t%s=nan", name);
    else
        ork_str_printf(text, "\t%s=%.6f", name, figure);
}

static bool write_text(ork_diag *diag, const ork_analysis_task *analysis, const char *name,
                       const ork_str *text)
{
    ork_str path = {0};
    ork_str_printf(&path, "%s/%s", analysis->folder, name);
    ork_output *output = ork_output_open(diag, path.text);
    ork_str_free(&path);
    if (!output)
        return false;
    ork_output_write(output, text->text ? text->text : "", text->length);
    return ork_output_commit(output);
}

static bool write_errors(ork_diag *diag, const ork_analysis_task *analysis,
                         const ork_accuracy *accuracy, bool alone)
{
    ork_str text = {0}, file = {0};
    for (size_t i = 0; i < accuracy->layers.count; i++) {
        const ork_layer_accuracy *l = &accuracy->layers.items[i];
        const ork_distance *d = alone ? &l->isolated : &l->accumulated;
        file.length = 0;
        ork_str_printf(&file, "%s.%s", l->file, ending(analysis));
        ork_str_printf(&text, "%-60s \t%s", file.text, type_name(l->dtype));
        put_figure(&text, "eculidean_norm", d->unit_euclidean);
        put_figure(&text, "cosine_norm", d->cosine);
        ork_str_printf(&text, "\n");
    }
    const char *name =
        alone ? "individual_qnt_error_analysis.txt" : "entire_qnt_error_analysis.txt";
    const bool good = write_text(diag, analysis, name, &text);
    ork_str_free(&file);
    ork_str_free(&text);
    return good;
}

static bool write_order(ork_diag *diag, const ork_analysis_task *analysis,
                        const ork_accuracy *accuracy)
{
    ork_str text = {0};
    for (size_t i = 0; i < accuracy->layers.count; i++)
        ork_str_printf(&text, "%s.%s\n", accuracy->layers.items[i].file, ending(analysis));
    const bool good = write_text(diag, analysis, "fp32/order.txt", &text);
    ork_str_free(&text);
    return good;
}

bool snapshot_close(ork_diag *diag, const ork_analysis_task *analysis, const ork_accuracy *accuracy)
{
    return write_order(diag, analysis, accuracy) &&
           (analysis->dump_reference_only || (write_errors(diag, analysis, accuracy, false) &&
                                              write_errors(diag, analysis, accuracy, true)));
}
