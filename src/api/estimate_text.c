/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate as the vendor's toolkit lays out the times of layers. */
#include "internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LINE "==========================================================================\n"

/* Names as the toolkit writes them. */
static const char *upper(const char *name, char *text, size_t size)
{
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        text[i] = (char)toupper((unsigned char)name[i]);
    text[i] = '\0';
    return text;
}

static bool is_shown(const ork_estimate_layer *layer)
{
    return strcmp(layer->unit, "free") != 0;
}

static void put_layers(ork_str *out, const ork_estimate_report *report, bool details)
{
    char op[48];
    int number = 0;
    if (details)
        ork_str_printf(out, "%-10s%-34s%-20s%-6s%10s\n", "Layer ID", "Name", "Operator", "Uid",
                       "Time(us)");
    else
        ork_str_printf(out, "%-10s%-54s%10s\n", "Layer ID", "Name", "Time(us)");
    for (int i = 0; i < report->layer_count; i++) {
        const ork_estimate_layer *layer = &report->layers[i];
        if (!is_shown(layer))
            continue;
        if (details)
            ork_str_printf(out, "%-10d%-34s%-20s%-6d%10.0f\n", number, layer->layer,
                           upper(layer->op, op, sizeof(op)), i, layer->seconds * 1e6);
        else
            ork_str_printf(out, "%-10d%-54s%10.0f\n", number, layer->layer, layer->seconds * 1e6);
        number++;
    }
}

typedef struct op_time {
    const char *op;
    int calls;
    double seconds;
} op_time;

static int by_time(const void *a, const void *b)
{
    const op_time *first = a, *second = b;
    if (first->seconds != second->seconds)
        return first->seconds < second->seconds ? 1 : -1;
    return strcmp(first->op, second->op);
}

static void put_statistics(ork_str *out, const ork_estimate_report *report)
{
    op_time *times = calloc((size_t)report->layer_count + 1, sizeof(*times));
    size_t count = 0;
    for (int i = 0; times && i < report->layer_count; i++) {
        const ork_estimate_layer *layer = &report->layers[i];
        size_t row = 0;
        if (!is_shown(layer))
            continue;
        while (row < count && strcmp(times[row].op, layer->op) != 0)
            row++;
        times[row].op = layer->op;
        times[row].calls++;
        times[row].seconds += layer->seconds;
        count += row == count;
    }
    if (times)
        qsort(times, count, sizeof(*times), by_time);
    ork_str_printf(out,
                   "================= Operator time-consuming statistics =================\n"
                   "%-24s%12s%18s%18s\n",
                   "OP", "Call Number", "Total Time(us)", "Time Ratio(%)");
    for (size_t i = 0; i < count; i++) {
        char op[48];
        ork_str_printf(out, "%-24s%12d%18.0f%18.2f\n", upper(times[i].op, op, sizeof(op)),
                       times[i].calls, times[i].seconds * 1e6,
                       100.0 * times[i].seconds / report->seconds);
    }
    free(times);
}

char *ork_estimate_text(const ork_estimate_report *report, bool details)
{
    ork_str out = {0};
    char chip[32];
    ork_str_printf(&out, LINE "%43s\n" LINE, "Performance");
    put_layers(&out, report, details);
    ork_str_printf(&out, "Total Time(us): %.0f\nFPS: %.2f\n", report->seconds * 1e6,
                   1.0 / report->seconds);
    if (details)
        put_statistics(&out, report);
    ork_str_printf(&out,
                   "Note: estimated for %s (NPU %.0f MHz, memory %.0f MHz), not measured\n" LINE,
                   upper(report->target, chip, sizeof(chip)), report->npu_mhz, report->memory_mhz);
    return out.text;
}
