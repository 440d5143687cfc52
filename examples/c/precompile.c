/* SPDX-License-Identifier: Apache-2.0 */
/* Packs a model for the processor that this runs on, so that programs start sooner with it:
     cc precompile.c -lrknn_api -o precompile
     ./precompile model.rknn packed.rknn */
#include <rknn_api.h>

#include <stdio.h>
#include <stdlib.h>

static void *read_file(const char *path, uint32_t *size)
{
    FILE *file = fopen(path, "rb");
    long length = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    void *data = length > 0 ? malloc((size_t)length) : NULL;
    if (data) {
        rewind(file);
        *size = (uint32_t)fread(data, 1, (size_t)length, file);
    }
    if (file)
        fclose(file);
    return data;
}

static int write_file(const char *path, const rknn_precompile *packed)
{
    FILE *file = fopen(path, "wb");
    int good = file && fwrite(packed->model_data, 1, packed->data_len, file) == packed->data_len;
    if (file)
        good = fclose(file) == 0 && good;
    return good;
}

int main(int argc, char **argv)
{
    uint32_t size = 0;
    void *model = argc == 3 ? read_file(argv[1], &size) : NULL;
    rknn_context context = 0;
    rknn_precompile packed;
    if (!model) {
        fprintf(stderr, "usage: precompile MODEL.rknn PACKED.rknn\n");
        return 2;
    }
    int code = rknn_init(&context, model, size, RKNN_FLAG_PRECOMPILE_MASK);
    free(model);
    if (code != RKNN_SUCC)
        return 1; /* the library has said why */
    code = rknn_query(context, RKNN_QUERY_PRE_COMPILE, &packed, sizeof(packed));
    if (code == RKNN_SUCC && !write_file(argv[2], &packed)) {
        fprintf(stderr, "%s cannot be written\n", argv[2]);
        code = 1;
    }
    rknn_destroy(context);
    return code != RKNN_SUCC;
}
