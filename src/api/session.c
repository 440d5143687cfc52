/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "../npu/npu.h"

#include <stdlib.h>
#include <string.h>

/* An empty device_id is the only board there is. */
static bool is_simulator(const ork_session_options *options)
{
    const char *target = options->target ? options->target : "";
    return strcmp(target, "simulator") == 0 || (!options->device_id && !*target);
}

static bool prepare(ork_session *s, int threads, bool reference)
{
    ork_model *model = s->model;
    const char *targets = *model->built->target ? model->built->target : "rk1808";
    s->dump = layer_dump_new();
    ork_plan_options options = {.observable = s->dump != NULL, .fused = true};
    if (!ork_soc_family(model->diag, targets, &options.family))
        return false;
    if (reference && !(s->reference = prepared_graph(model)))
        return false;
    s->pool = ork_pool_new(threads ? threads : model->threads);
    if (!s->pool)
        return ork_fail(model->diag, ORK_ERR_OUT_OF_MEMORY, "threads cannot be started");
    options.pool = s->pool;
    s->plan = ork_plan_new(model->diag, reference ? s->reference : model->built, &options);
    s->runner = s->plan ? ork_runner_new(model->diag, s->plan, s->pool) : NULL;
    return s->runner != NULL;
}

/* Whoever waits for a board may want to stop. */
static bool connect_board(ork_session *s, const ork_session_options *options)
{
    ork_diag_set_progress(s->diag, s->model->progress, s->model->progress_user);
    s->remote = remote_new(s->model, options, false);
    return s->remote != NULL;
}

static bool check_session(ork_model *model, const ork_session_options *options)
{
    if (!model->built) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no built model to run");
        return ork_fix(model->diag, "call build() or load_rknn() first");
    }
    if (options->reference && !model->loaded) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER,
                 "the model was loaded as it was built: its float network is not there");
        return ork_fix(model->diag, "load the network itself");
    }
    if (!options->reference || is_simulator(options))
        return true;
    ork_fail(model->diag, ORK_ERR_USAGE, "the float network runs in the simulator only");
    return ork_fix(model->diag, "leave target and device_id out");
}

ork_session *ork_session_new(ork_model *model, const ork_session_options *given)
{
    ork_session_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if (!check_session(model, &options))
        return NULL;
    ork_session *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->model = model;
    s->diag = ork_diag_new();
    s->feeds = calloc(model->built->inputs.count + 1, sizeof(*s->feeds));
    ork_diag_set_log(s->diag, model->log, model->log_user, model->log_up_to);
    if (is_simulator(&options) ? prepare(s, options.threads, options.reference)
                               : connect_board(s, &options))
        return s;
    ork_session_free(s);
    return NULL;
}

void ork_session_free(ork_session *s)
{
    if (!s)
        return;
    ork_remote_free(s->remote);
    ork_runner_free(s->runner);
    ork_plan_free(s->plan);
    ork_pool_free(s->pool);
    ork_graph_free(s->reference);
    layer_dump_free(s->dump);
    ork_arena_free(s->memory_arena);
    ork_diag_free(s->diag);
    free(s->feeds);
    free(s);
}

const ork_error *ork_session_error(const ork_session *s)
{
    return ork_diag_error(s->diag);
}

bool session_failed(ork_model *model, const ork_session *s)
{
    const ork_error *error = ork_diag_error(s->diag);
    ork_fail(model->diag, ork_diag_error_id(s->diag), "%s", error->what);
    if (*error->where)
        ork_where(model->diag, "%s", error->where);
    if (*error->why)
        ork_why(model->diag, "%s", error->why);
    return ork_fix(model->diag, "%s", error->fix);
}

/* ---- running ---- */

const ork_graph *session_graph(const ork_session *s)
{
    return s->remote ? s->model->built : ork_plan_graph(s->plan);
}

static bool check_count(ork_session *s, int count)
{
    const ork_graph *graph = session_graph(s);
    if (count >= 0 && (size_t)count == graph->inputs.count)
        return true;
    ork_fail(s->diag, ORK_ERR_INPUT_COUNT, "the network has %zu %s, but %d %s given",
             graph->inputs.count, graph->inputs.count == 1 ? "input" : "inputs", count,
             count == 1 ? "is" : "are");
    return ork_fix(s->diag, "pass inputs=[...] with one array for each input");
}

/* A picture of 3 axes gets its batch axis. */
static void add_batch(ork_session *s, const ork_value *value, ork_feed *feed)
{
    if (value->type.shape.rank != 4 || feed->shape.rank != 3)
        return;
    ork_shape shape = {.rank = 4, .dim = {1}};
    for (int i = 0; i < 3; i++)
        shape.dim[i + 1] = feed->shape.dim[i];
    feed->shape = shape;
    if (!s->noted_batch)
        ork_log(s->diag, ORK_LOG_NOTE, "input '%s' has 3 axes; a batch axis is put in front",
                value->name);
    s->noted_batch = true;
}

static bool make_feed(ork_session *s, int index, const ork_input *input, ork_feed *feed)
{
    const ork_value *value = session_graph(s)->inputs.items[index].value;
    if (input->rank < 0 || input->rank > ORK_MAX_RANK || !input->data)
        return ork_fail(s->diag, ORK_ERR_INPUT_SHAPE, "input '%s' has no data, or too many axes",
                        value->name);
    *feed = (ork_feed){.data = input->data,
                       .dtype = input->dtype,
                       .shape = ork_shape_of(input->rank, input->dims),
                       .is_nhwc = input->format == ORK_NHWC,
                       .pass_through = input->pass_through};
    add_batch(s, value, feed);
    return ork_feed_check(session_graph(s), s->diag, (size_t)index, feed);
}

bool session_feeds(ork_session *s, const ork_input *inputs, int count, ork_feed *feeds)
{
    if (!check_count(s, count))
        return false;
    for (int i = 0; i < count; i++) /* all are checked before the first is stored */
        if (!make_feed(s, i, &inputs[i], &feeds[i]))
            return false;
    return true;
}

static void run_here(ork_session *s, const ork_feed *feeds)
{
    layer_dump_begin(s->dump, s);
    for (size_t i = 0; i < session_graph(s)->inputs.count; i++)
        ork_runner_set_input(s->runner, i, &feeds[i]);
    ork_runner_run(s->runner);
    layer_dump_end(s->dump, s);
}

bool ork_session_run(ork_session *s, const ork_input *inputs, int count)
{
    ork_diag_clear(s->diag);
    const double start = ork_seconds();
    bool good = session_feeds(s, inputs, count, s->feeds);
    if (good && s->remote)
        good = ork_remote_run(s->remote, s->diag, s->feeds);
    else if (good)
        run_here(s, s->feeds);
    s->last_run = ork_seconds() - start;
    return good;
}

const float *session_output(const ork_session *s, size_t index)
{
    return s->remote ? ork_remote_output(s->remote, index) : ork_runner_output(s->runner, index);
}

bool ork_session_output(ork_session *s, int index, ork_output_view *view)
{
    const ork_graph *graph = session_graph(s);
    if (index < 0 || (size_t)index >= graph->outputs.count)
        return ork_fail(s->diag, ORK_ERR_USAGE, "the network has no output %d", index);
    const ork_type *type = &graph->outputs.items[index]->type;
    const size_t at = (size_t)index;
    *view = (ork_output_view){.data = session_output(s, at),
                              .count = (size_t)ork_shape_count(&type->shape),
                              .rank = type->shape.rank,
                              .raw = s->remote ? ork_remote_output_raw(s->remote, at)
                                               : ork_runner_output_raw(s->runner, at),
                              .raw_dtype = type->dtype};
    for (int i = 0; i < view->rank; i++)
        view->dims[i] = type->shape.dim[i];
    return true;
}

void ork_session_get_stats(const ork_session *s, ork_session_stats *stats)
{
    *stats = (ork_session_stats){.last_run_ms = s->last_run * 1e3};
    if (s->remote) {
        const ork_remote_stats there = ork_remote_get_stats(s->remote);
        stats->arena_bytes = there.arena_bytes;
        stats->weight_bytes = there.weight_bytes;
        stats->board_run_ms = there.seconds * 1e3;
        return;
    }
    stats->arena_bytes = ork_plan_arena_bytes(s->plan);
    stats->weight_bytes = ork_plan_weight_bytes(s->plan);
    stats->live_bytes = ork_plan_live_bytes(s->plan);
}

void ork_session_profile(ork_session *s, bool on)
{
    if (s->runner)
        ork_runner_profile(s->runner, on);
}

int ork_session_step_count(const ork_session *s)
{
    return s->runner ? (int)ork_runner_time_count(s->runner) : 0;
}

bool ork_session_step(const ork_session *s, int index, ork_step_info *info)
{
    if (index < 0 || index >= ork_session_step_count(s))
        return false;
    ork_step_time time = ork_runner_time(s->runner, (size_t)index);
    *info = (ork_step_info){time.layer, time.kernel, time.dtype, time.macs, time.seconds};
    return true;
}

int ork_session_threads(const ork_session *s)
{
    return s->remote ? ork_remote_get_stats(s->remote).threads : ork_pool_threads(s->pool);
}

double ork_peak_macs(ork_dtype dtype)
{
    return ork_peak_rate(dtype);
}
