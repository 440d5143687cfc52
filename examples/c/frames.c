/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model on several pictures, one behind the other: while the library computes one, the
   program reads the next. Results come one frame later. frames MODEL.rknn PICTURE.ppm... */
#include "example.h"

/* Prints the results of the frame that is there. */
static void print_results(rknn_context context, uint32_t count, char **names)
{
    rknn_output_extend frame;
    rknn_output *outputs = calloc(count, sizeof(*outputs));
    for (uint32_t i = 0; i < count; i++)
        outputs[i].want_float = 1;
    check(rknn_outputs_get(context, count, outputs, &frame), "rknn_outputs_get");
    printf("%s\n", names[frame.frame_id]);
    for (uint32_t i = 0; i < count; i++) {
        rknn_tensor_attr attr = describe(context, RKNN_QUERY_OUTPUT_ATTR, i);
        print_highest(attr.name, outputs[i].buf, attr.n_elems);
    }
    check(rknn_outputs_release(context, count, outputs), "rknn_outputs_release");
    free(outputs);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        stop("usage: frames MODEL.rknn PICTURE.ppm...");
    uint32_t size, frames = (uint32_t)argc - 2;
    unsigned char *model = read_file(argv[1], &size);
    rknn_context context;
    check(rknn_init(&context, model, size, RKNN_FLAG_ASYNC_MASK), "rknn_init");
    free(model);
    rknn_input_output_num count;
    check(rknn_query(context, RKNN_QUERY_IN_OUT_NUM, &count, sizeof(count)), "rknn_query");
    rknn_tensor_attr attr = describe(context, RKNN_QUERY_INPUT_ATTR, 0);
    unsigned char *pixels = malloc(attr.n_elems);

    /* one run more than there are pictures, to get the last results */
    for (uint32_t i = 0; i <= frames; i++) {
        uint32_t shown = i < frames ? i : frames - 1;
        rknn_run_extend number = {.frame_id = shown};
        read_picture(argv[2 + shown], attr.dims[0], attr.dims[1], pixels);
        rknn_input input = {.buf = pixels,
                            .size = attr.n_elems,
                            .type = RKNN_TENSOR_UINT8,
                            .fmt = RKNN_TENSOR_NHWC};
        check(rknn_inputs_set(context, 1, &input), "rknn_inputs_set");
        check(rknn_run(context, &number), "rknn_run");
        if (i > 0)
            print_results(context, count.n_output, argv + 2);
    }
    check(rknn_destroy(context), "rknn_destroy");
    free(pixels);
    return 0;
}
