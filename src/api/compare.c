/* SPDX-License-Identifier: Apache-2.0 */
/* The same run in the simulator and on a board, value by value. Both compute in the same order; the
   board waits while the simulator catches up, so that one value at a time is kept. */
#include "internal.h"

#include "../npu/npu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparing {
    ork_model *model;
    ork_arena *arena; /* of the result */
    ork_remote *remote;
    ork_runner *runner;
    ORK_VEC(ork_compared_value) values;
    size_t different_integers;
    bool failed;
} comparing;

/* ---- one value ---- */

static bool check_same(comparing *c, const ork_observation *here, const ork_remote_value *there)
{
    if (there->name && strncmp(there->name, here->value->name, strlen(there->name)) == 0 &&
        there->count == here->count)
        return true;
    ork_fail(c->model->diag, ORK_ERR_BOARD_PROTOCOL,
             "the board computes '%s' where the simulator computes '%s'",
             there->name ? there->name : "nothing", here->value->name);
    return ork_why(c->model->diag, "its OpenRKNN is of another version");
}

static void count_differences(ork_compared_value *row, const float *here, const float *there)
{
    for (size_t i = 0; i < row->count; i++) {
        if (memcmp(&here[i], &there[i], sizeof(*here)) == 0)
            continue;
        row->different++;
        row->greatest = fmax(row->greatest, fabs((double)here[i] - (double)there[i]));
    }
}

/* Both in the graph's order of axes, where they come in different ones. */
static bool compare_reordered(comparing *c, ork_compared_value *row, const ork_observation *here,
                              const ork_observation *there)
{
    const size_t size = (row->count ? row->count : 1) * sizeof(float);
    float *a = ork_data_alloc(size), *b = ork_data_alloc(size);
    const bool good = a && b;
    if (good) {
        ork_observation_copy(here, a);
        ork_observation_copy(there, b);
        count_differences(row, a, b);
    }
    ork_data_free(a);
    ork_data_free(b);
    return good ||
           ork_fail(c->model->diag, ORK_ERR_OUT_OF_MEMORY, "no memory to compare '%s'", row->name);
}

static bool compare_value(comparing *c, const ork_observation *here)
{
    ork_remote_value there;
    if (!ork_remote_next(c->remote, c->model->diag, &there) || !check_same(c, here, &there))
        return false;
    ork_compared_value row = {.name = ork_arena_strdup(c->arena, here->value->name),
                              .dtype = here->value->type.dtype,
                              .is_output = here->value->places.count > 0,
                              .count = (size_t)here->count};
    const ork_observation seen = {here->value, there.data, there.count, there.is_nhwc};
    if (here->is_nhwc == there.is_nhwc)
        count_differences(&row, here->data, there.data);
    else if (!compare_reordered(c, &row, here, &seen))
        return false;
    if (row.dtype != ORK_F32)
        c->different_integers += row.different;
    ork_vec_push(c->arena, &c->values, row);
    return true;
}

static void see_value(void *user, const ork_observation *here)
{
    comparing *c = user;
    if (!c->failed)
        c->failed = !compare_value(c, here);
}

/* ---- both runs ---- */

static bool run_both(comparing *c, const ork_feed *feeds)
{
    ork_remote_value end;
    if (!ork_remote_start(c->remote, c->model->diag, feeds))
        return false;
    ork_runner_observe(c->runner, see_value, c);
    for (size_t i = 0; i < c->model->built->inputs.count; i++)
        ork_runner_set_input(c->runner, i, &feeds[i]);
    ork_runner_run(c->runner);
    if (c->failed || !ork_remote_next(c->remote, c->model->diag, &end))
        return false;
    return !end.name || ork_fail(c->model->diag, ORK_ERR_BOARD_PROTOCOL,
                                 "the board computes '%s', which the simulator does not", end.name);
}

static bool compare(comparing *c, const ork_session_options *options, const ork_feed *feeds)
{
    ork_model *model = c->model;
    const char *targets = *model->built->target ? model->built->target : "rk1808";
    ork_plan_options plan_options = {.observable = true};
    if (!ork_soc_family(model->diag, targets, &plan_options.family))
        return false;
    ork_pool *pool = ork_pool_new(options->threads ? options->threads : model->threads);
    ork_plan *plan = ork_plan_new(model->diag, model->built, &plan_options);
    c->runner = plan ? ork_runner_new(model->diag, plan, pool) : NULL;
    c->remote = c->runner ? remote_new(model, options, true) : NULL;
    const bool good = c->remote && run_both(c, feeds);
    if (good) {
        const ork_board_info board = ork_remote_board(c->remote);
        model->comparison = ORK_NEW(c->arena, ork_comparison);
        *model->comparison = (ork_comparison){ork_arena_strdup(c->arena, board.id),
                                              ork_arena_strdup(c->arena, board.machine),
                                              ork_arena_strdup(c->arena, board.chip),
                                              (int)c->values.count,
                                              c->values.items,
                                              c->different_integers};
    }
    ork_remote_free(c->remote);
    ork_runner_free(c->runner);
    ork_plan_free(plan);
    ork_pool_free(pool);
    return good;
}

/* A session of the simulator checks the inputs as every run does. */
static bool compare_inputs(comparing *c, const ork_session_options *options,
                           const ork_input *inputs, int count)
{
    ork_session *session = ork_session_new(c->model, NULL);
    const size_t most = session ? c->model->built->inputs.count : 0;
    ork_feed *feeds = session ? calloc(most + 1, sizeof(*feeds)) : NULL;
    bool good = feeds != NULL;
    if (good && !session_feeds(session, inputs, count, feeds))
        good = session_failed(c->model, session);
    ork_session_free(session);
    good = good && compare(c, options, feeds);
    free(feeds);
    return good;
}

const ork_comparison *ork_model_compare(ork_model *model, const ork_session_options *given,
                                        const ork_input *inputs, int count)
{
    ork_session_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if (model->compare_arena)
        ork_arena_free(model->compare_arena);
    model->compare_arena = ork_arena_new();
    comparing c = {.model = model, .arena = model->compare_arena};
    return compare_inputs(&c, &options, inputs, count) ? model->comparison : NULL;
}
