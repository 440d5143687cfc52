/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a model takes, here and on a chip. */
#include "internal.h"

#include "../npu/npu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- on a chip ---- */

static double floats_of(const ork_graph *graph)
{
    double bytes = 0;
    for (size_t i = 0; i < graph->outputs.count; i++)
        bytes += (double)ork_shape_count(&graph->outputs.items[i]->type.shape) * sizeof(float);
    return bytes;
}

const ork_npu_memory_report *ork_model_estimate_memory(ork_model *model,
                                                       const ork_estimate_options *options)
{
    estimate_subject s;
    if (!find_subject(model, options, &s))
        return NULL;
    ork_arena_free(model->memory_arena);
    model->memory_arena = ork_arena_new();
    const ork_npu_memory m = ork_npu_memory_run(s.graph, s.soc, s.assumed);
    ork_npu_memory_report *report = ORK_NEW(model->memory_arena, ork_npu_memory_report);
    *report = (ork_npu_memory_report){
        .network = ork_arena_strdup(model->memory_arena, s.graph->name),
        .target = s.soc->name,
        .weight_bytes = (uint64_t)m.weights,
        .internal_bytes = (uint64_t)m.internal,
        .value_bytes = (uint64_t)m.values,
        .input_bytes = (uint64_t)m.inputs,
        .output_bytes = (uint64_t)m.outputs,
        .host_bytes = (uint64_t)(m.weights + m.inputs + floats_of(s.graph)),
    };
    drop_subject(&s);
    return report;
}

#define LINE "======================================================\n"

static void put_mebibytes(ork_str *out, const char *title, uint64_t most, uint64_t total)
{
    ork_str_printf(out,
                   "%s memory:\n"
                   "    maximum allocation : %.2f MiB\n"
                   "    total allocation   : %.2f MiB\n",
                   title, (double)most / (1 << 20), (double)total / (1 << 20));
}

char *ork_npu_memory_text(const ork_npu_memory_report *r)
{
    ork_str out = {0};
    const uint64_t most = r->weight_bytes + r->internal_bytes;
    const uint64_t total = r->weight_bytes + r->value_bytes;
    ork_str_printf(&out, LINE "            Memory Profile Info Dump\n" LINE);
    put_mebibytes(&out, "System", r->host_bytes, r->host_bytes);
    put_mebibytes(&out, "NPU", most, total);
    put_mebibytes(&out, "Total", r->host_bytes + most, r->host_bytes + total);
    ork_str_printf(&out,
                   "\nINFO: When evaluating memory usage, we need consider\n"
                   "the size of model, current model size is: %.2f MiB\n"
                   "Note: estimated for %s, not measured; what a driver keeps for itself comes on "
                   "top\n" LINE,
                   (double)r->weight_bytes / (1 << 20), r->target);
    return out.text;
}

/* ---- of a session ---- */

/* A line "VmHWM:    1234 kB" of what the kernel tells of the program, in bytes; 0: it does not. */
static size_t status_bytes(const char *key)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[128];
    size_t bytes = 0;
    const size_t length = strlen(key);
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            bytes = (size_t)strtoull(line + length + 1, NULL, 10) * 1024;
    if (file)
        fclose(file);
    return bytes;
}

static int by_birth(const void *a, const void *b)
{
    const ork_memory_buffer *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void list_buffers(ork_arena *arena, const ork_plan *plan, ork_memory_report *report)
{
    const size_t count = ork_plan_buffer_count(plan);
    ork_memory_buffer *buffers = ORK_NEW_ARRAY(arena, ork_memory_buffer, count + 1);
    for (size_t i = 0; i < count; i++) {
        const ork_plan_buffer b = ork_plan_buffer_at(plan, i);
        if (b.bytes > 0)
            buffers[report->buffer_count++] = (ork_memory_buffer){
                ork_arena_strdup(arena, b.value->name), b.bytes, b.offset, b.first + 1, b.last + 1};
    }
    qsort(buffers, (size_t)report->buffer_count, sizeof(*buffers), by_birth);
    report->buffers = buffers;
}

static void list_moments(ork_arena *arena, const ork_plan *plan, ork_memory_report *report)
{
    const int steps = (int)ork_plan_step_count(plan), count = steps + 2;
    ork_memory_moment *moments = ORK_NEW_ARRAY(arena, ork_memory_moment, (size_t)count);
    for (int i = 0; i < count; i++)
        moments[i].layer = i > 0 && i <= steps
                               ? ork_arena_strdup(arena, ork_plan_step_layer(plan, (size_t)i - 1))
                               : "";
    for (int i = 0; i < report->buffer_count; i++)
        for (int k = report->buffers[i].first; k <= report->buffers[i].last; k++)
            moments[k].bytes += report->buffers[i].bytes;
    report->moment_count = count;
    report->moments = moments;
}

static size_t constants_of(const ork_graph *graph)
{
    size_t bytes = 0;
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind == ORK_VALUE_CONSTANT && value->uses.count > 0)
            bytes += ork_tensor_bytes(&(ork_tensor){.type = value->type});
    }
    return bytes;
}

const ork_memory_report *ork_session_memory(ork_session *s)
{
    const ork_graph *graph = ork_plan_graph(s->plan);
    ork_arena_free(s->memory_arena);
    s->memory_arena = ork_arena_new();
    ork_memory_report *report = ORK_NEW(s->memory_arena, ork_memory_report);
    *report = (ork_memory_report){
        .network = ork_arena_strdup(s->memory_arena, graph->name),
        .weight_bytes = ork_plan_weight_bytes(s->plan),
        .parameter_bytes = ork_plan_parameter_bytes(s->plan),
        .tensor_bytes = ork_plan_arena_bytes(s->plan),
        .live_bytes = ork_plan_live_bytes(s->plan),
        .scratch_bytes = ork_plan_scratch_bytes(s->plan) * (size_t)ork_pool_threads(s->pool),
        .output_bytes = ork_runner_output_bytes(s->runner),
        .constant_bytes = constants_of(graph),
        .process_bytes = status_bytes("RssAnon"),
        .process_peak_bytes = status_bytes("VmHWM"),
    };
    report->total_bytes = report->weight_bytes + report->parameter_bytes + report->tensor_bytes +
                          report->scratch_bytes + report->output_bytes;
    list_buffers(s->memory_arena, s->plan, report);
    list_moments(s->memory_arena, s->plan, report);
    return report;
}
