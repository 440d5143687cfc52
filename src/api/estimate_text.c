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
                           upper(layer->op, op, sizeof(op)), i + 1, layer->seconds * 1e6);
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

/* Sums by operator, most time first; freed by the caller. NULL when there is no memory. */
static op_time *sums_of(const ork_estimate_report *report, size_t *count)
{
    op_time *times = calloc((size_t)report->layer_count + 1, sizeof(*times));
    *count = 0;
    for (int i = 0; times && i < report->layer_count; i++) {
        const ork_estimate_layer *layer = &report->layers[i];
        size_t row = 0;
        if (!is_shown(layer))
            continue;
        while (row < *count && strcmp(times[row].op, layer->op) != 0)
            row++;
        times[row].op = layer->op;
        times[row].calls++;
        times[row].seconds += layer->seconds;
        *count += row == *count;
    }
    if (times)
        qsort(times, *count, sizeof(*times), by_time);
    return times;
}

typedef struct table_form {
    const char *title, *heading, *row;
} table_form;

static const table_form for_people = {
    "================= Operator time-consuming statistics =================\n",
    "%-24s%12s%18s%18s\n", "%-24s%12d%18.0f%18.2f\n"};
static const table_form with_commas = {"", "%s,%s,%s,%s\n", "%s,%d,%.0f,%.2f\n"};

/* The forms are ours, above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void put_statistics(ork_str *out, const ork_estimate_report *report, const table_form *form)
{
    size_t count = 0;
    op_time *times = sums_of(report, &count);
    ork_str_printf(out, "%s", form->title);
    ork_str_printf(out, form->heading, "OP", "Call Number", "Total Time(us)", "Time Ratio(%)");
    for (size_t i = 0; i < count; i++) {
        char op[48];
        ork_str_printf(out, form->row, upper(times[i].op, op, sizeof(op)), times[i].calls,
                       times[i].seconds * 1e6, 100.0 * times[i].seconds / report->seconds);
    }
    free(times);
}
#pragma GCC diagnostic pop

bool ork_estimate_write_statistics(ork_model *model, const ork_estimate_report *report,
                                   const char *path)
{
    ork_diag_clear(model->diag);
    ork_output *output = ork_output_open(model->diag, path);
    if (!output)
        return false;
    ork_str text = {0};
    put_statistics(&text, report, &with_commas);
    ork_output_write(output, text.text, text.length);
    ork_str_free(&text);
    return ork_output_commit(output);
}

char *ork_estimate_text(const ork_estimate_report *report, bool details)
{
    ork_str out = {0};
    char chip[32];
    ork_str_printf(&out, LINE "%43s\n%s" LINE, "Performance",
                   details ? "    #### The performance result is just for debugging, ####\n"
                             "    #### may worse than actual performance!            ####\n"
                           : "");
    put_layers(&out, report, details);
    ork_str_printf(&out, "Total Time(us): %.0f\nFPS: %.2f\n", report->seconds * 1e6,
                   1.0 / report->seconds);
    if (details)
        put_statistics(&out, report, &for_people);
    ork_str_printf(&out,
                   "Note: estimated for %s (NPU %.0f MHz, memory %.0f MHz), not measured\n" LINE,
                   upper(report->target, chip, sizeof(chip)), report->npu_mhz, report->memory_mhz);
    return out.text;
}
