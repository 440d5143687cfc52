/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures and arrays as inputs of a network. */
#include "cli.h"

#include <string.h>

void ork_cli_free_sample(ork_cli_sample *sample)
{
    ork_picture_free(&sample->picture);
    ork_array_free(&sample->array);
}

/* Whether the array has the sizes of the network's input, whose axes are N C H W; or, with
   channels_last, has them as N H W C. */
static bool has_sizes(const ork_array *array, const ork_tensor_info *info, bool channels_last)
{
    static const int orders[2][4] = {{0, 1, 2, 3}, {0, 2, 3, 1}};
    bool same = array->rank == 4 && info->rank == 4;
    for (int i = 0; same && i < 4; i++)
        same = array->dims[i] == info->dims[orders[channels_last][i]];
    return same;
}

/* Numpy users keep pictures with their channels last: so where both orders fit, and where neither
   does, 1, 3 or 4 of something on the last axis are channels. */
static ork_format format_of(const ork_array *array, const ork_tensor_info *info)
{
    bool first = has_sizes(array, info, false), last = has_sizes(array, info, true);
    if (first != last)
        return first ? ORK_NCHW : ORK_NHWC;
    int64_t count = array->rank >= 3 ? array->dims[array->rank - 1] : 0;
    return count == 1 || count == 3 || count == 4 ? ORK_NHWC : ORK_NCHW;
}

static int read_array(ork_cli *cli, ork_model *model, const char *path, const ork_tensor_info *info,
                      ork_cli_sample *sample, ork_input *input)
{
    if (!ork_array_read_npy(model, path, &sample->array))
        return ork_cli_model_failed(cli, model);
    const ork_array *array = &sample->array;
    *input = (ork_input){.data = array->data,
                         .dtype = array->dtype,
                         .format = format_of(array, info),
                         .rank = array->rank};
    memcpy(input->dims, array->dims, sizeof(input->dims));
    return 0;
}

static int read_picture(ork_cli *cli, ork_model *model, const char *path,
                        const ork_tensor_info *info, ork_cli_sample *sample, ork_input *input)
{
    ork_picture read = {0};
    if (info->rank != 4)
        return ork_cli_fail(cli, "E0702", path, "the network's input is no picture",
                            "give a .npy array", "a picture does not fit input %s", info->name);
    if (!ork_picture_read(model, path, &read))
        return ork_cli_model_failed(cli, model);
    bool good =
        ork_picture_resize(model, &read, (int)info->dims[3], (int)info->dims[2], &sample->picture);
    ork_picture_free(&read);
    if (!good)
        return ork_cli_model_failed(cli, model);
    *input = (ork_input){.data = sample->picture.pixels,
                         .dtype = ORK_U8,
                         .format = ORK_NHWC,
                         .rank = 4,
                         .dims = {1, info->dims[2], info->dims[3], 3}};
    return 0;
}

int ork_cli_read_input(ork_cli *cli, ork_model *model, int index, const char *path,
                       ork_cli_sample *sample, ork_input *input)
{
    ork_tensor_info info;
    if (!ork_model_input_info(model, index, &info))
        return ork_cli_model_failed(cli, model);
    return ork_cli_ends_with(path, ".npy") ? read_array(cli, model, path, &info, sample, input)
                                           : read_picture(cli, model, path, &info, sample, input);
}
