/* SPDX-License-Identifier: Apache-2.0 */
/* input_size_list: what the user gives, what the file records, what the network takes. */
#include "torch.h"

#include <stdio.h>
#include <string.h>

const char *ork_torch_sizes_text(ork_arena *arena, const ork_import_input *inputs, int count,
                                 bool without_batch)
{
    const char *text = "[";
    for (int i = 0; i < count; i++) {
        const ork_import_input *input = &inputs[i];
        text = ork_arena_printf(arena, "%s%s[", text, i ? ", " : "");
        int first = without_batch && input->rank == 4 && input->dim[0] == 1;
        for (int d = first; d < input->rank; d++)
            text = ork_arena_printf(arena, "%s%s%lld", text, d > first ? ", " : "",
                                    (long long)input->dim[d]);
        text = ork_arena_printf(arena, "%s]", text);
    }
    return ork_arena_printf(arena, "%s]", text);
}

/* ---- checks ---------------------------------------------------------------------------- */

static bool fail_count(ork_diag *diag, const ork_torch_signature *signature, int given)
{
    ork_fail(diag, ORK_ERR_INPUT_SIZE, "input_size_list names %d size%s, the network takes %d%s",
             given, given == 1 ? "" : "s", signature->tensors + signature->has_list,
             signature->has_list ? " or more" : "");
    ork_why(diag, "its forward() is declared as forward(%s)", signature->text);
    return ork_fix(diag, "give one size per input, in this order: "
                         "input_size_list=[[3, 224, 224]] is one input");
}

static bool fail_missing(ork_diag *diag, const ork_torch_signature *signature)
{
    ork_fail(diag, ORK_ERR_INPUT_SIZE, "the sizes of the inputs are not known");
    ork_why(diag,
            "files of torch before 2.0 do not record them; the network's forward() is "
            "declared as forward(%s)",
            signature->text);
    return ork_fix(diag, "rknn.load_pytorch(model='model.pt', input_size_list=[[3, 224, 224]])"
                         " - channels, height, width of each input");
}

static bool check_dims(ork_diag *diag, ork_arena *arena, const ork_import_input *inputs, int count)
{
    for (int i = 0; i < count; i++) {
        const ork_import_input *input = &inputs[i];
        bool good = input->rank >= 0 && input->rank <= ORK_MAX_RANK;
        ork_shape shape = good ? ork_shape_of(input->rank, input->dim) : (ork_shape){0};
        size_t bytes;
        for (int d = 0; good && d < input->rank; d++)
            good = input->dim[d] > 0;
        if (!good || !ork_shape_bytes(&shape, input->dtype, &bytes)) {
            ork_fail(diag, ORK_ERR_INPUT_SIZE, "input %d of input_size_list cannot have this size",
                     i);
            ork_why(diag, "given: %s",
                    good ? ork_torch_sizes_text(arena, input, 1, false)
                         : "a size with an axis below 1");
            return ork_fix(diag, "a size looks like [3, 224, 224]: channels, height, width");
        }
    }
    return true;
}

/* ---- with or without a batch axis ------------------------------------------------------ */

static ork_import_input with_batch(const ork_import_input *input)
{
    ork_import_input result = {.dtype = input->dtype, .rank = input->rank + 1, .dim = {1}};
    memcpy(result.dim + 1, input->dim, (size_t)input->rank * sizeof(*input->dim));
    return result;
}

static bool same_sizes(const ork_import_input *a, const ork_import_input *b, int count)
{
    for (int i = 0; i < count; i++)
        if (a[i].rank != b[i].rank ||
            memcmp(a[i].dim, b[i].dim, (size_t)a[i].rank * sizeof(*a[i].dim)) != 0)
            return false;
    return true;
}

typedef enum batch_rule { AS_USUAL, NEVER, ALWAYS } batch_rule;

/* One size of a picture is [C, H, W], of a vector [length]; a batch axis comes in front. */
static bool wants_batch(const ork_import_input *input, batch_rule rule)
{
    if (rule == AS_USUAL)
        return input->rank == 1 || input->rank == 3;
    return rule == ALWAYS && input->rank < 4;
}

static void add_try(ork_arena *arena, const ork_import_input *given, batch_rule rule,
                    ork_torch_sizes *sizes)
{
    ork_import_input *inputs = ORK_NEW_ARRAY(arena, ork_import_input, (size_t)sizes->count + 1);
    for (int i = 0; i < sizes->count; i++)
        inputs[i] = wants_batch(&given[i], rule) ? with_batch(&given[i]) : given[i];
    for (int i = 0; i < sizes->try_count; i++)
        if (same_sizes(sizes->tries[i], inputs, sizes->count))
            return;
    sizes->tries[sizes->try_count++] = inputs;
}

/* [H, W, C] with few channels. */
static bool looks_nhwc(const ork_import_input *input)
{
    int first = input->rank == 4 ? 1 : 0;
    if (input->rank != 3 && input->rank != 4)
        return false;
    return input->dim[first + 2] <= 4 && input->dim[first] > 4 && input->dim[first + 1] > 4;
}

static void add_nhwc(ork_arena *arena, const ork_import_input *given, ork_torch_sizes *sizes)
{
    ork_import_input *inputs = ORK_NEW_ARRAY(arena, ork_import_input, (size_t)sizes->count + 1);
    bool found = false;
    for (int i = 0; i < sizes->count; i++) {
        inputs[i] = given[i].rank == 3 ? with_batch(&given[i]) : given[i];
        if (!looks_nhwc(&given[i]))
            continue;
        int64_t *dim = inputs[i].dim, channels = dim[3];
        dim[3] = dim[2];
        dim[2] = dim[1];
        dim[1] = channels;
        found = true;
    }
    sizes->from_nhwc = found ? inputs : NULL;
}

/* Whether sizes are those that the network was saved with, but for axes that may have any. */
static bool as_recorded(const ork_import_input *inputs, const ork_torch_signature *signature, int i)
{
    const ork_import_input *input = &inputs[i], *recorded = &signature->recorded[i];
    unsigned free_axes = signature->free_axes ? signature->free_axes[i] : 0;
    bool same = input->rank == recorded->rank;
    for (int d = 0; same && d < input->rank; d++)
        same = input->dim[d] == recorded->dim[d] || (free_axes >> d & 1);
    return same;
}

/* The sizes at tracing decide whether a batch axis is missing; others are only warned about. */
static void compare_with_recorded(ork_diag *diag, ork_arena *arena, const ork_import_input *given,
                                  const ork_torch_signature *signature, ork_torch_sizes *sizes)
{
    const ork_import_input *recorded = signature->recorded;
    bool same = true;
    ork_import_input *inputs = ORK_NEW_ARRAY(arena, ork_import_input, (size_t)sizes->count + 1);
    for (int i = 0; i < sizes->count; i++) {
        inputs[i] = given[i].rank + 1 == recorded[i].rank ? with_batch(&given[i]) : given[i];
        same = as_recorded(inputs, signature, i) && same;
    }
    if (!same)
        ork_log(diag, ORK_LOG_WARNING,
                "input_size_list %s differs from the sizes that the model was saved with: %s",
                ork_torch_sizes_text(arena, inputs, sizes->count, false),
                ork_torch_sizes_text(arena, recorded, sizes->count, false));
    sizes->tries[sizes->try_count++] = inputs;
}

static bool fits_signature(const ork_torch_signature *signature, int count)
{
    return signature->has_list ? count > signature->tensors : count == signature->tensors;
}

/* The user gives sizes, the file knows types. */
static const ork_import_input *typed(ork_arena *arena, const ork_import_options *options,
                                     const ork_import_input *recorded)
{
    size_t count = (size_t)options->input_count;
    ork_import_input *inputs = ORK_NEW_ARRAY(arena, ork_import_input, count + 1);
    for (size_t i = 0; i < count; i++) {
        inputs[i] = options->inputs[i];
        if (recorded)
            inputs[i].dtype = recorded[i].dtype;
    }
    return inputs;
}

bool ork_torch_sizes_choose(ork_diag *diag, ork_arena *arena, const ork_torch_signature *signature,
                            const ork_import_options *options, ork_torch_sizes *sizes)
{
    ork_import_input *recorded = signature->recorded;
    int recorded_count = signature->recorded_count;
    *sizes = (ork_torch_sizes){0};
    bool has_recorded = recorded_count > 0 && fits_signature(signature, recorded_count);
    if (!options->inputs || options->input_count == 0) {
        sizes->count = recorded_count;
        sizes->tries[sizes->try_count++] = recorded;
        if (signature->tensors == 0 && !signature->has_list)
            return true;
        return has_recorded ? check_dims(diag, arena, recorded, recorded_count)
                            : fail_missing(diag, signature);
    }
    sizes->count = options->input_count;
    sizes->is_user_list = true;
    if (!fits_signature(signature, sizes->count))
        return fail_count(diag, signature, sizes->count);
    has_recorded = has_recorded && recorded_count == sizes->count;
    const ork_import_input *given = typed(arena, options, has_recorded ? recorded : NULL);
    if (!check_dims(diag, arena, given, sizes->count))
        return false;
    for (int i = 0; i < sizes->count; i++)
        if (given[i].rank == ORK_MAX_RANK && !options->exact_sizes)
            return ork_fail(diag, ORK_ERR_INPUT_SIZE, "input %d has too many axes", i);
    if (options->exact_sizes) {
        add_try(arena, given, NEVER, sizes);
        return true;
    }
    if (has_recorded)
        compare_with_recorded(diag, arena, given, signature, sizes);
    add_try(arena, given, AS_USUAL, sizes);
    add_try(arena, given, NEVER, sizes);
    if (sizes->try_count < (int)ORK_COUNT(sizes->tries))
        add_try(arena, given, ALWAYS, sizes);
    add_nhwc(arena, given, sizes);
    return true;
}
