/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model on a picture that is written straight into memory which the runs read, with results
   in memory that the runs write.
     zero_copy MODEL.rknn PICTURE.ppm */
#include "example.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        stop("usage: zero_copy MODEL.rknn PICTURE.ppm");
    rknn_context context = open_model(argv[1]);
    rknn_input_output_num count;
    check(rknn_query(context, RKNN_QUERY_IN_OUT_NUM, &count, sizeof(count)), "rknn_query");

    rknn_tensor_attr attr = describe(context, RKNN_QUERY_INPUT_ATTR, 0);
    rknn_tensor_mem *input = rknn_create_mem(context, attr.n_elems);
    attr.type = RKNN_TENSOR_UINT8;
    attr.fmt = RKNN_TENSOR_NHWC;
    check(rknn_set_io_mem(context, input, &attr), "rknn_set_io_mem");

    rknn_tensor_mem **outputs = calloc(count.n_output, sizeof(*outputs));
    for (uint32_t i = 0; i < count.n_output; i++) {
        rknn_tensor_attr result = describe(context, RKNN_QUERY_OUTPUT_ATTR, i);
        outputs[i] = rknn_create_mem(context, (uint64_t)result.n_elems * sizeof(float));
        result.type = RKNN_TENSOR_FLOAT32;
        check(rknn_set_io_mem(context, outputs[i], &result), "rknn_set_io_mem");
    }

    /* a camera would write here, frame after frame */
    read_picture(argv[2], attr.dims[0], attr.dims[1], input->logical_addr);
    check(rknn_run(context, NULL), "rknn_run");

    for (uint32_t i = 0; i < count.n_output; i++) {
        rknn_tensor_attr result = describe(context, RKNN_QUERY_OUTPUT_ATTR, i);
        print_highest(result.name, outputs[i]->logical_addr, result.n_elems);
        check(rknn_destroy_mem(context, outputs[i]), "rknn_destroy_mem");
    }
    check(rknn_destroy_mem(context, input), "rknn_destroy_mem");
    check(rknn_destroy(context), "rknn_destroy");
    free(outputs);
    return 0;
}
