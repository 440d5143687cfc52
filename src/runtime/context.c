/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: how they come, are found and go. */
#include "internal.h"

#include "../npu/npu.h"
#include "../rknn/rknn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ---- */

static const struct {
    ork_error_id error;
    int code;
} codes[] = {
    {ORK_ERR_NONE, RKNN_SUCC},
    {ORK_ERR_OUT_OF_MEMORY, RKNN_ERR_MALLOC_FAIL},
    {ORK_ERR_DEVICE, RKNN_ERR_DEVICE_UNAVAILABLE},
    {ORK_ERR_USAGE, RKNN_ERR_PARAM_INVALID},
    {ORK_ERR_INPUT_COUNT, RKNN_ERR_INPUT_INVALID},
    {ORK_ERR_INPUT_SHAPE, RKNN_ERR_INPUT_INVALID},
    {ORK_ERR_INPUT_TYPE, RKNN_ERR_INPUT_INVALID},
    {ORK_ERR_CALL_ORDER, RKNN_ERR_OUTPUT_INVALID},
    {ORK_ERR_RKNN_PRECOMPILED, RKNN_ERR_INCOMPATILE_PRE_COMPILE_MODEL},
    {ORK_ERR_TARGET, RKNN_ERR_TARGET_PLATFORM_UNMATCH},
    {ORK_ERR_RKNN_FORMAT, RKNN_ERR_MODEL_INVALID},
    {ORK_ERR_RKNN_ENCRYPTED, RKNN_ERR_MODEL_INVALID},
    {ORK_ERR_RKNN_VERSION, RKNN_ERR_MODEL_INVALID},
    {ORK_ERR_RKNN_OP, RKNN_ERR_MODEL_INVALID},
    {ORK_ERR_GRAPH, RKNN_ERR_MODEL_INVALID},
    {ORK_ERR_SHAPE, RKNN_ERR_MODEL_INVALID},
    {ORK_ERR_NOT_YET, RKNN_ERR_MODEL_INVALID},
};

int runtime_code(const ork_diag *diag)
{
    ork_error_id id = ork_diag_error_id(diag);
    for (size_t i = 0; i < ORK_COUNT(codes); i++)
        if (codes[i].error == id)
            return codes[i].code;
    return RKNN_ERR_FAIL;
}

void runtime_say(const char *call, const char *text)
{
    fprintf(stderr, "E RKNNAPI: %s: %s\n", call, text);
}

static int report(const char *call, const ork_diag *diag)
{
    int code = runtime_code(diag);
    const ork_error *error = ork_diag_error(diag);
    if (code == RKNN_SUCC)
        return code;
    ork_str text = {0};
    ork_str_printf(&text, "%s %s", error->id, error->what);
    if (*error->where)
        ork_str_printf(&text, " (%s)", error->where);
    if (*error->why)
        ork_str_printf(&text, "; %s", error->why);
    bool is_general = error->fix == ork_error_table[ORK_ERR_USAGE].fix; /* speaks of commands */
    if (*error->fix && !is_general)
        ork_str_printf(&text, "; %s", error->fix);
    runtime_say(call, text.text);
    ork_str_free(&text);
    return code;
}

/* ---- the list of contexts ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t left; /* a call has ended */
    runtime *first;
    rknn_context last_id;
} list = {.lock = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};

/* Ids are never 0, and not used again before all others were. */
static void add_to_list(runtime *r)
{
    pthread_mutex_lock(&list.lock);
    if (++list.last_id == 0)
        list.last_id = 1;
    r->id = list.last_id;
    r->next = list.first;
    list.first = r;
    pthread_mutex_unlock(&list.lock);
}

/* The link that points to the context, or to the end; the list must be locked. */
static runtime **find_link(rknn_context id)
{
    runtime **link = &list.first;
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

static void say_no_context(const char *call, rknn_context id)
{
    char text[80];
    snprintf(text, sizeof(text), "there is no context %llu", (unsigned long long)id);
    runtime_say(call, text);
}

runtime *runtime_find(rknn_context id)
{
    pthread_mutex_lock(&list.lock);
    runtime *r = *find_link(id);
    if (r)
        r->users++;
    pthread_mutex_unlock(&list.lock);
    if (!r)
        return NULL;
    pthread_mutex_lock(&r->lock);
    ork_diag_clear(r->diag);
    return r;
}

runtime *runtime_enter(rknn_context id, const char *call)
{
    runtime *r = runtime_find(id);
    if (!r)
        say_no_context(call, id);
    return r;
}

int runtime_leave(runtime *r, const char *call)
{
    int code = report(call, r->diag);
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&list.lock);
    r->users--;
    pthread_cond_broadcast(&list.left);
    pthread_mutex_unlock(&list.lock);
    return code;
}

/* Waits until no call uses it any more; NULL when there is no such context. */
static runtime *take_from_list(rknn_context id)
{
    pthread_mutex_lock(&list.lock);
    runtime **link = find_link(id), *r = *link;
    if (r)
        *link = r->next;
    while (r && r->users > 0)
        pthread_cond_wait(&list.left, &list.lock);
    pthread_mutex_unlock(&list.lock);
    return r;
}

/* ---- loading ---- */

/* 0, all processors, unless the environment says how many. */
static int wanted_threads(void)
{
    const char *text = getenv("ORK_THREADS");
    long threads = text ? strtol(text, NULL, 10) : 0;
    return threads > 0 && threads <= 256 ? (int)threads : 0;
}

static bool read_model(runtime *r, const void *model, uint32_t size)
{
    if (!model || size == 0)
        return ork_fail(r->diag, ORK_ERR_RKNN_FORMAT, "there is no model: %u bytes at %p",
                        (unsigned)size, model);
    if (!(r->flags & RKNN_FLAG_MODEL_STAYS_MASK)) {
        r->model = ork_data_alloc(size);
        if (!r->model)
            return ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for a model of %u bytes",
                            (unsigned)size);
        model = memcpy(r->model, model, size);
    }
    r->graph = ork_rknn_read_to_run(r->diag, (ork_bytes){model, size});
    return r->graph != NULL;
}

static bool plan_model(runtime *r)
{
    ork_plan_options options = {0};
    const char *target = *r->graph->target ? r->graph->target : "rk1808";
    if (!ork_soc_family(r->diag, target, &options.family))
        return false;
    if (r->graph->packing && !ork_soc_check_here(r->diag, options.family))
        return false;
    r->pool = ork_pool_new(wanted_threads());
    if (!r->pool)
        return ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "threads cannot be started");
    options.pool = r->pool;
    r->plan = ork_plan_new(r->diag, r->graph, &options);
    r->runner = r->plan ? ork_runner_new(r->diag, r->plan, r->pool) : NULL;
    if (!r->runner)
        return false;
    ork_runner_profile(r->runner, (r->flags & RKNN_FLAG_COLLECT_PERF_MASK) != 0);
    return true;
}

static bool make_tensors(runtime *r)
{
    r->input_count = (uint32_t)r->graph->inputs.count;
    r->output_count = (uint32_t)r->graph->outputs.count;
    r->inputs = calloc(r->input_count + 1u, sizeof(*r->inputs));
    r->outputs = calloc(r->output_count + 1u, sizeof(*r->outputs));
    if (!r->inputs || !r->outputs)
        return ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for inputs and outputs");
    for (uint32_t i = 0; i < r->input_count; i++)
        r->inputs[i].value = r->graph->inputs.items[i].value;
    for (uint32_t i = 0; i < r->output_count; i++)
        r->outputs[i].value = r->graph->outputs.items[i];
    return !(r->flags & RKNN_FLAG_ASYNC_MASK) || runtime_start_worker(r);
}

static void free_tensors(runtime *r)
{
    for (uint32_t i = 0; r->inputs && i < r->input_count; i++)
        ork_data_free(r->inputs[i].staged);
    for (uint32_t i = 0; r->outputs && i < r->output_count; i++) {
        ork_data_free(r->outputs[i].kept_raw);
        ork_data_free(r->outputs[i].kept_real);
        ork_data_free(r->outputs[i].mapped);
    }
    free(r->inputs);
    free(r->outputs);
}

static void free_runtime(runtime *r)
{
    runtime_stop_worker(r);
    free_tensors(r);
    ork_runner_free(r->runner);
    ork_plan_free(r->plan);
    ork_pool_free(r->pool);
    ork_graph_free(r->graph);
    ork_data_free(r->model);
    ork_str_free(&r->perf);
    free(r->precompiled);
    ork_diag_free(r->diag);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- the calls ---- */

RUNTIME_API int rknn_init(rknn_context *context, void *model, uint32_t size, uint32_t flag)
{
    runtime *r = context ? calloc(1, sizeof(*r)) : NULL;
    if (!r) {
        runtime_say("rknn_init", context ? "no memory" : "the context's pointer is NULL");
        return context ? RKNN_ERR_MALLOC_FAIL : RKNN_ERR_PARAM_INVALID;
    }
    r->flags = flag;
    r->diag = ork_diag_new();
    pthread_mutex_init(&r->lock, NULL);
    if (read_model(r, model, size) && plan_model(r) && make_tensors(r)) {
        add_to_list(r);
        *context = r->id;
        return RKNN_SUCC;
    }
    int code = report("rknn_init", r->diag);
    free_runtime(r);
    return code;
}

RUNTIME_API int rknn_init2(rknn_context *context, void *model, uint32_t size, uint32_t flag,
                           rknn_init_extend *extend)
{
    if (extend && extend->device_id && *extend->device_id &&
        strcmp(extend->device_id, "simulator") != 0) {
        runtime_say("rknn_init2", "there is no device of that name here");
        return RKNN_ERR_DEVICE_UNAVAILABLE;
    }
    return rknn_init(context, model, size, flag);
}

RUNTIME_API int rknn_destroy(rknn_context context)
{
    runtime *r = take_from_list(context);
    if (!r) {
        say_no_context("rknn_destroy", context);
        return RKNN_ERR_CTX_INVALID;
    }
    free_runtime(r);
    return RKNN_SUCC;
}

RUNTIME_API int rknn_find_devices(rknn_devices_id *devices)
{
    if (!devices)
        return RKNN_ERR_PARAM_INVALID;
    memset(devices, 0, sizeof(*devices));
    devices->n_devices = 1;
    strcpy(devices->types[0], "simulator");
    strcpy(devices->ids[0], "simulator");
    return RKNN_SUCC;
}
