/* SPDX-License-Identifier: Apache-2.0 */
/* The NPU of the board that this runs on, by its own driver. */
#include "internal.h"

#include "../npu/npu.h"
#include "../openvx/openvx.h"

#include <string.h>

char *ork_npu_driver_text(const char *path, bool *found)
{
    ork_diag *diag = ork_diag_new();
    ork_openvx *driver = ork_openvx_open(diag, path);
    ork_str out = {0};
    if (!driver)
        ork_str_printf(&out, "NPU driver: none: %s (%s)", ork_diag_error(diag)->what,
                       ork_diag_error(diag)->why);
    else
        ork_str_printf(&out, "NPU driver: %s", ork_openvx_name(driver));
    size_t have = 0, count = 0;
    bool has;
    for (const char *name; driver && (name = ork_openvx_entry(driver, count, &has)); count++) {
        have += has;
        if (!has)
            ork_str_printf(&out, ", no %s", name);
    }
    if (driver)
        ork_str_printf(&out, ", %zu of %zu entry points", have, count);
    if (found)
        *found = driver != NULL;
    ork_openvx_close(driver);
    ork_diag_free(diag);
    return out.text;
}

/* The same numbers each time, that look like no picture. */
static void fill(uint8_t *bytes, size_t count)
{
    uint32_t state = 12345;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static size_t bytes_of(const ork_value *value)
{
    return ork_tensor_bytes(&(ork_tensor){.type = value->type});
}

static void run_here(const ork_graph *graph, ork_runner *runner, const ork_openvx_network *network,
                     double *seconds)
{
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const ork_type *type = &graph->inputs.items[i].value->type;
        ork_runner_set_input(runner, i,
                             &(ork_feed){.data = ork_openvx_input(network, i),
                                         .dtype = type->dtype,
                                         .shape = type->shape,
                                         .pass_through = true});
    }
    const double start = ork_seconds();
    ork_runner_run(runner);
    *seconds = ork_seconds() - start;
}

static void compare(const ork_graph *graph, const ork_runner *runner,
                    const ork_openvx_network *network, ork_npu_trial *trial)
{
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const uint8_t *there = ork_openvx_output(network, i);
        const uint8_t *here = ork_runner_output_raw(runner, i);
        const size_t size = ork_dtype_table[graph->outputs.items[i]->type.dtype].size;
        for (size_t at = 0; at < bytes_of(graph->outputs.items[i]); at += size) {
            trial->compared++;
            trial->different += memcmp(there + at, here + at, size) != 0;
        }
    }
}

static bool try_network(ork_model *model, ork_openvx_network *network, ork_plan *plan)
{
    const ork_graph *graph = model->built;
    ork_runner *runner = ork_runner_new(model->diag, plan, NULL);
    bool good = runner != NULL;
    for (size_t i = 0; good && i < graph->inputs.count; i++)
        fill(ork_openvx_input(network, i), bytes_of(graph->inputs.items[i].value));
    for (int round = 0; good && round < 2; round++) {
        const double start = ork_seconds();
        good = ork_openvx_run(network, model->diag);
        model->trial.seconds = ork_seconds() - start;
    }
    for (int round = 0; good && round < 2; round++)
        run_here(graph, runner, network, &model->trial.simulator_seconds);
    if (good)
        compare(graph, runner, network, &model->trial);
    ork_runner_free(runner);
    return good;
}

static bool try_driver(ork_model *model, ork_openvx *driver)
{
    ork_plan_options options = {0};
    const char *target = *model->built->target ? model->built->target : "rk1808";
    ork_npu_trial *t = &model->trial;
    if (!ork_soc_family(model->diag, target, &options.family))
        return false;
    ork_arena_free(model->trial_arena);
    model->trial_arena = ork_arena_new();
    *t = (ork_npu_trial){.driver = ork_arena_strdup(model->trial_arena, ork_openvx_name(driver))};
    ork_openvx_network *network =
        ork_openvx_network_new(model->diag, driver, model->built, &options, NULL);
    ork_plan *plan = network ? ork_plan_new(model->diag, model->built, &options) : NULL;
    if (network)
        ork_openvx_network_count(network, &t->npu_layers, &t->host_layers, &t->pieces);
    const bool good = plan && try_network(model, network, plan);
    ork_plan_free(plan);
    ork_openvx_network_free(network);
    return good;
}

const ork_npu_trial *ork_model_try_npu(ork_model *model, const char *path)
{
    ork_diag_clear(model->diag);
    if (!model->built) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no built model to run");
        ork_fix(model->diag, "call build() or load_rknn() first");
        return NULL;
    }
    ork_openvx *driver = ork_openvx_open(model->diag, path);
    const bool good = driver && try_driver(model, driver);
    ork_openvx_close(driver);
    return good ? &model->trial : NULL;
}
