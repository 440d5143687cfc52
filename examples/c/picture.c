/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model on a picture, in the plainest way.
     picture MODEL.rknn PICTURE.ppm */
#include "example.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        stop("usage: picture MODEL.rknn PICTURE.ppm");
    rknn_context context = open_model(argv[1]);
    rknn_input_output_num count;
    check(rknn_query(context, RKNN_QUERY_IN_OUT_NUM, &count, sizeof(count)), "rknn_query");

    /* dims are in reverse: width, height, channels, pictures */
    rknn_tensor_attr attr = describe(context, RKNN_QUERY_INPUT_ATTR, 0);
    uint32_t width = attr.dims[0], height = attr.dims[1];
    unsigned char *pixels = malloc((size_t)width * height * 3);
    read_picture(argv[2], width, height, pixels);

    /* channel order, mean and std are the model's and are applied by the library */
    rknn_input input = {.index = 0,
                        .buf = pixels,
                        .size = width * height * 3,
                        .type = RKNN_TENSOR_UINT8,
                        .fmt = RKNN_TENSOR_NHWC};
    check(rknn_inputs_set(context, 1, &input), "rknn_inputs_set");
    check(rknn_run(context, NULL), "rknn_run");

    rknn_output *outputs = calloc(count.n_output, sizeof(*outputs));
    for (uint32_t i = 0; i < count.n_output; i++)
        outputs[i].want_float = 1;
    check(rknn_outputs_get(context, count.n_output, outputs, NULL), "rknn_outputs_get");
    for (uint32_t i = 0; i < count.n_output; i++) {
        attr = describe(context, RKNN_QUERY_OUTPUT_ATTR, i);
        print_highest(attr.name, outputs[i].buf, attr.n_elems);
    }
    check(rknn_outputs_release(context, count.n_output, outputs), "rknn_outputs_release");
    check(rknn_destroy(context), "rknn_destroy");
    free(outputs);
    free(pixels);
    return 0;
}
