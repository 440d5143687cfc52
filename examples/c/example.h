/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples share: files, pictures and the printing of results. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <rknn_api.h>

#include <stdio.h>
#include <stdlib.h>

static inline void stop(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline void check(int code, const char *call)
{
    if (code != RKNN_SUCC) {
        fprintf(stderr, "%s failed with %d\n", call, code);
        exit(1);
    }
}

/* The whole file, to be freed. */
static inline unsigned char *read_file(const char *path, uint32_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        stop("the model cannot be opened");
    long length = ftell(file);
    rewind(file);
    unsigned char *bytes = length > 0 ? malloc((size_t)length) : NULL;
    if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length)
        stop("the model cannot be read");
    fclose(file);
    *size = (uint32_t)length;
    return bytes;
}

/* A picture as `convert picture.jpg -resize 416x416! picture.ppm` writes it: red, green, blue from
   byte to byte. It must have the size that is asked for. */
static inline void read_picture(const char *path, uint32_t width, uint32_t height,
                                unsigned char *pixels)
{
    unsigned file_width, file_height;
    FILE *file = fopen(path, "rb");
    if (!file || fscanf(file, "P6 %u %u 255", &file_width, &file_height) != 2 || fgetc(file) == EOF)
        stop("the picture is no binary PPM");
    if (file_width != width || file_height != height) {
        fprintf(stderr, "the picture has %u x %u pixels, the network takes %u x %u\n", file_width,
                file_height, (unsigned)width, (unsigned)height);
        exit(1);
    }
    if (fread(pixels, 3, (size_t)width * height, file) != (size_t)width * height)
        stop("the picture ends too early");
    fclose(file);
}

/* The model from a file. */
static inline rknn_context open_model(const char *path)
{
    uint32_t size;
    rknn_context context;
    unsigned char *model = read_file(path, &size);
    check(rknn_init(&context, model, size, 0), "rknn_init");
    free(model);
    return context;
}

static inline rknn_tensor_attr describe(rknn_context context, rknn_query_cmd kind, uint32_t index)
{
    rknn_tensor_attr attr = {.index = index};
    check(rknn_query(context, kind, &attr, sizeof(attr)), "rknn_query");
    return attr;
}

/* The five highest values and where they are. */
static inline void print_highest(const char *name, const float *values, uint32_t count)
{
    char *is_taken = calloc(count, 1);
    printf("%s:", name);
    for (int rank = 0; is_taken && rank < 5 && rank < (int)count; rank++) {
        uint32_t best = count;
        for (uint32_t i = 0; i < count; i++)
            if (!is_taken[i] && (best == count || values[i] > values[best]))
                best = i;
        is_taken[best] = 1;
        printf(" [%u] %g", (unsigned)best, (double)values[best]);
    }
    printf("\n");
    free(is_taken);
}

#endif
