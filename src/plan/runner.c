/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_STEP = 30000, TASKS_PER_THREAD = 3 };

ork_runner *ork_runner_new(ork_diag *diag, const ork_plan *plan, ork_pool *pool)
{
    ork_runner *r = calloc(1, sizeof(*r));
    if (!r)
        abort();
    r->plan = plan;
    r->pool = pool;
    size_t outputs = plan->graph->outputs.count;
    size_t threads = (size_t)ork_pool_threads(pool);
    r->arena = ork_data_alloc(plan->arena_bytes);
    r->scratch = ork_data_alloc(plan->scratch_bytes * threads);
    r->floats = calloc(outputs ? outputs : 1, sizeof(*r->floats));
    r->seconds = calloc(ork_runner_time_count(r), sizeof(double));
    bool good = r->arena && r->scratch && r->floats && r->seconds;
    for (size_t i = 0; good && i < outputs; i++) {
        const ork_type *type = &plan->graph->outputs.items[i]->type;
        if (type->dtype == ORK_F32)
            continue;
        r->floats[i] = ork_data_alloc((size_t)ork_shape_count(&type->shape) * sizeof(float));
        good = r->floats[i] != NULL;
    }
    if (good) {
        memset(r->arena, 0, plan->arena_bytes);
        return r;
    }
    ork_runner_free(r);
    ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory to run the network: it needs %zu bytes",
             plan->arena_bytes + plan->scratch_bytes * threads);
    return NULL;
}

void ork_runner_free(ork_runner *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->floats && i < r->plan->graph->outputs.count; i++)
        ork_data_free(r->floats[i]);
    free(r->floats);
    free(r->seconds);
    ork_data_free(r->arena);
    ork_data_free(r->scratch);
    ork_data_free(r->observed);
    free(r);
}

size_t ork_runner_output_bytes(const ork_runner *r)
{
    size_t bytes = 0;
    for (size_t i = 0; i < r->plan->graph->outputs.count; i++)
        if (r->floats[i])
            bytes += (size_t)ork_shape_count(&r->plan->graph->outputs.items[i]->type.shape) *
                     sizeof(float);
    return bytes;
}

void *runner_pointer(const ork_runner *r, const slot *s, size_t offset)
{
    for (; s->parent; s = s->parent)
        offset += s->parent_offset;
    if (s->constant)
        return (char *)(uintptr_t)s->constant + offset;
    return (char *)r->arena + s->offset + offset;
}

/* ---- steps ---- */

typedef struct work {
    const ork_runner *runner;
    const step *step;
    call call;
    int tasks;
} work;

static void run_task(void *arg, int index, int worker)
{
    const work *w = arg;
    call c = w->call;
    int64_t begin = w->step->units * index / w->tasks;
    int64_t end = w->step->units * (index + 1) / w->tasks;
    c.scratch = (char *)w->runner->scratch + (size_t)worker * w->runner->plan->scratch_bytes;
    if (begin < end)
        w->step->run(w->step->params, &c, begin, end);
}

static void run_step(ork_runner *r, const step *s)
{
    work w = {.runner = r, .step = s, .tasks = 1};
    for (int i = 0; i < s->in_count; i++)
        w.call.in[i] = runner_pointer(r, s->in[i].slot, s->in[i].offset);
    w.call.out = runner_pointer(r, s->out.slot, s->out.offset);
    int threads = ork_pool_threads(r->pool);
    if (threads > 1 && s->work > SMALL_STEP) {
        int64_t tasks = (int64_t)threads * TASKS_PER_THREAD;
        w.tasks = (int)(s->units < tasks ? s->units : tasks);
    }
    ork_pool_run(r->pool, run_task, &w, w.tasks);
}

/* ---- real numbers of other types ---- */

void ork_value_to_floats(const ork_value *value, const void *data, float *floats)
{
    const ork_type *type = &value->type;
    int64_t count = ork_shape_count(&type->shape);
    ork_convert convert = {.in_dtype = type->dtype,
                           .out_dtype = ORK_F32,
                           .in_quant = type->quant,
                           .rows = 1,
                           .length = count};
    if (is_number(value))
        ork_convert_run(&convert, data, floats, 0, 1);
    else
        for (int64_t i = 0; i < count; i++)
            floats[i] = (float)ork_element_get(type->dtype, data, i);
}

/* ---- observation ---- */

void ork_runner_observe(ork_runner *runner, ork_observe_fn observe, void *user)
{
    runner->observe = observe;
    runner->observe_user = user;
}

void runner_observe_value(ork_runner *r, const slot *s)
{
    const ork_type *type = &s->value->type;
    int64_t count = ork_shape_count(&type->shape);
    const void *data = runner_pointer(r, s, 0);
    if (type->dtype != ORK_F32) {
        size_t bytes = (size_t)count * sizeof(float);
        if (bytes > r->observed_bytes) {
            ork_data_free(r->observed);
            r->observed = ork_data_alloc(bytes);
            r->observed_bytes = r->observed ? bytes : 0;
        }
        if (!r->observed)
            return;
        ork_value_to_floats(s->value, data, r->observed);
        data = r->observed;
    }
    r->looked_at = s;
    r->observe(r->observe_user,
               &(ork_observation){s->value, data, count, s->layout == LAYOUT_PIXELS});
    r->looked_at = NULL;
}

void ork_observation_copy(const ork_observation *seen, float *numbers)
{
    const int64_t *d = seen->value->type.shape.dim;
    if (!seen->is_nhwc) {
        memcpy(numbers, seen->data, (size_t)seen->count * sizeof(*numbers));
        return;
    }
    const int64_t channels = d[1], pixels = d[2] * d[3];
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < pixels; i++)
                *numbers++ = seen->data[(n * pixels + i) * channels + c];
}

void ork_runner_overwrite(ork_runner *r, const float *data)
{
    const ork_type *type = &r->looked_at->value->type;
    assert(type->dtype == ORK_F32);
    memcpy(runner_pointer(r, r->looked_at, 0), data,
           (size_t)ork_shape_count(&type->shape) * sizeof(*data));
}

/* ---- runs ---- */

static void convert_outputs(ork_runner *r)
{
    for (size_t i = 0; i < r->plan->graph->outputs.count; i++) {
        if (r->floats[i])
            ork_value_to_floats(r->plan->graph->outputs.items[i], ork_runner_output_raw(r, i),
                                r->floats[i]);
    }
}

double runner_clock(const ork_runner *r)
{
    if (!r->profile)
        return 0;
    return ork_pool_threads(r->pool) == 1 ? ork_thread_seconds() : ork_seconds();
}

void ork_runner_run(ork_runner *r)
{
    for (size_t i = 0; i < r->plan->steps.count; i++) {
        const step *s = &r->plan->steps.items[i];
        double start = runner_clock(r);
        run_step(r, s);
        r->seconds[1 + i] = runner_clock(r) - start;
        if (r->observe && s->value)
            runner_observe_value(r, s->out.slot);
    }
    double start = runner_clock(r);
    convert_outputs(r);
    r->seconds[1 + r->plan->steps.count] = runner_clock(r) - start;
}

const void *ork_runner_output_raw(const ork_runner *r, size_t index)
{
    return runner_pointer(r, r->plan->outputs[index], 0);
}

const float *ork_runner_output(const ork_runner *r, size_t index)
{
    return r->floats[index] ? r->floats[index] : ork_runner_output_raw(r, index);
}

void ork_runner_profile(ork_runner *r, bool on)
{
    r->profile = on;
}

size_t ork_runner_time_count(const ork_runner *r)
{
    return r->plan->steps.count + 2;
}

ork_step_time ork_runner_time(const ork_runner *r, size_t index)
{
    const size_t count = r->plan->steps.count;
    ork_step_time time = {.layer = "", .kernel = index ? "outputs" : "inputs", .dtype = ORK_F32};
    if (index > 0 && index <= count) {
        const step *s = &r->plan->steps.items[index - 1];
        time = (ork_step_time){.layer = s->layer,
                               .kernel = s->kernel,
                               .dtype = s->out.slot->value->type.dtype,
                               .macs = s->macs};
    }
    time.seconds = r->seconds[index];
    return time;
}
