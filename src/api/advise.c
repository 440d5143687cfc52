/* SPDX-License-Identifier: Apache-2.0 */
/* What would be faster on a chip. */
#include "internal.h"

#include "../npu/npu.h"

static ork_advice_item item_of(ork_arena *arena, const ork_advice *advice)
{
    const size_t count = advice->layers.count;
    ork_advised *layers = ORK_NEW_ARRAY(arena, ork_advised, count + 1);
    ork_advice_item item = {.rule = advice->rule->id,
                            .why = advice->rule->why,
                            .instead = advice->rule->instead,
                            .saved = advice->saved,
                            .layer_count = (int)count,
                            .layers = layers};
    for (size_t i = 0; i < count; i++) {
        const ork_advised_layer *advised = &advice->layers.items[i];
        const ork_node *node = advised->layer->node;
        layers[i] = (ork_advised){ork_arena_strdup(arena, node->name), ork_op_table[node->op].name,
                                  advised->seconds, advised->saved};
        item.seconds += advised->seconds;
    }
    return item;
}

const ork_advice_report *ork_model_advise(ork_model *model, const ork_estimate_options *options)
{
    estimate_subject s;
    if (!find_subject(model, options, &s))
        return NULL;
    ork_arena_free(model->estimate_arena);
    ork_arena *arena = model->estimate_arena = ork_arena_new();
    const ork_npu_estimate *estimate = ork_npu_estimate_run(arena, s.graph, s.soc, s.assumed);
    const ork_advices *advices = ork_npu_advise(arena, s.graph, estimate);
    ork_advice_item *items = ORK_NEW_ARRAY(arena, ork_advice_item, advices->count + 1);
    for (size_t i = 0; i < advices->count; i++)
        items[i] = item_of(arena, &advices->items[i]);
    ork_advice_report *report = ORK_NEW(arena, ork_advice_report);
    *report = (ork_advice_report){.network = ork_arena_strdup(arena, s.graph->name),
                                  .target = s.soc->name,
                                  .seconds = estimate->seconds,
                                  .item_count = (int)advices->count,
                                  .items = items};
    drop_subject(&s);
    return report;
}

static void put_item(ork_str *out, const ork_advice_item *item, double whole, bool all)
{
    enum { SHOWN = 3 };
    const int shown = all || item->layer_count <= SHOWN ? item->layer_count : SHOWN;
    ork_str_printf(out, "%s: %d layer%s, %.2f ms of %.2f; could save %.2f ms (%.0f %%)\n",
                   item->rule, item->layer_count, item->layer_count == 1 ? "" : "s",
                   item->seconds * 1e3, whole * 1e3, item->saved * 1e3,
                   whole > 0 ? 100 * item->saved / whole : 0);
    for (int i = 0; i < shown; i++)
        ork_str_printf(out, "    %8.3f ms, %8.3f saved  %s (%s)\n", item->layers[i].seconds * 1e3,
                       item->layers[i].saved * 1e3, item->layers[i].layer, item->layers[i].op);
    if (shown < item->layer_count)
        ork_str_printf(out, "    ... and %d more\n", item->layer_count - shown);
    ork_str_printf(out, "  why:     %s\n  instead: %s\n", item->why, item->instead);
}

char *ork_advice_text(const ork_advice_report *report, bool all)
{
    ork_str out = {0};
    ork_str_printf(&out, "%s, estimated for %s: %.2f ms a run\n\n", report->network, report->target,
                   report->seconds * 1e3);
    for (int i = 0; i < report->item_count; i++)
        put_item(&out, &report->items[i], report->seconds, all);
    if (report->item_count == 0)
        ork_str_printf(&out, "nothing that would be faster is known\n");
    else
        ork_str_printf(&out, "Each change is taken for itself, and a network has to be trained "
                             "again after it; accuracy is not looked at.\n");
    return out.text;
}
