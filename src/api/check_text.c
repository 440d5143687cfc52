/* SPDX-License-Identifier: Apache-2.0 */
/* What a chip will not take, in words. Findings are grouped by rule: a network of fifty depthwise
   layers has one thing to say about them. */
#include "internal.h"

#include <string.h>

static const struct {
    const char *severity, *title;
} titles[] = {
    {"stops", "The chip refuses"},
    {"host", "Runs on the host processor"},
    {"accuracy", "Loses accuracy in 8 bits"},
    {"slow", "Is slow"},
};

static int count_rule(const ork_check_report *report, const char *rule)
{
    int count = 0;
    for (int i = 0; i < report->finding_count; i++)
        count += strcmp(report->findings[i].rule, rule) == 0;
    return count;
}

static bool has_severity(const ork_check_report *report, const char *severity)
{
    for (int i = 0; i < report->finding_count; i++)
        if (strcmp(report->findings[i].severity, severity) == 0)
            return true;
    return false;
}

static void put_layer(ork_str *out, const ork_check_finding *finding)
{
    ork_str_printf(out, "      %s  %s  %s -> %s%s%s%s\n", finding->layer, finding->op,
                   finding->inputs, finding->output, *finding->scope ? "  (" : "", finding->scope,
                   *finding->scope ? ")" : "");
}

static void put_rule(ork_str *out, const ork_check_report *report, int first, bool all)
{
    enum { SHOWN = 3 };
    const ork_check_finding *finding = &report->findings[first];
    int count = count_rule(report, finding->rule), shown = 0;
    ork_str_printf(out, "  %s: %d layer%s\n", finding->rule, count, count == 1 ? "" : "s");
    for (int i = first; i < report->finding_count && (all || shown < SHOWN); i++)
        if (strcmp(report->findings[i].rule, finding->rule) == 0) {
            put_layer(out, &report->findings[i]);
            shown++;
        }
    if (shown < count)
        ork_str_printf(out, "      ... and %d more\n", count - shown);
    ork_str_printf(out, "    why:     %s\n    instead: %s\n", finding->reason, finding->instead);
}

static bool is_first(const ork_check_report *report, int index)
{
    for (int i = 0; i < index; i++)
        if (strcmp(report->findings[i].rule, report->findings[index].rule) == 0)
            return false;
    return true;
}

static void put_findings(ork_str *out, const ork_check_report *report, bool all)
{
    for (size_t t = 0; t < ORK_COUNT(titles); t++) {
        if (!has_severity(report, titles[t].severity))
            continue;
        ork_str_printf(out, "\n%s\n", titles[t].title);
        for (int i = 0; i < report->finding_count; i++)
            if (strcmp(report->findings[i].severity, titles[t].severity) == 0 &&
                is_first(report, i))
                put_rule(out, report, i, all);
    }
}

static void put_cut(ork_str *out, const ork_check_report *report)
{
    if (report->cut_count == 0)
        return;
    ork_str_printf(out, "\nEnd the network here, and compute the rest after it\n  outputs=[");
    for (int i = 0; i < report->cut_count; i++)
        ork_str_printf(out, "%s'%s'", i > 0 ? ", " : "", report->cut[i]);
    ork_str_printf(out, "]\n");
}

/* "544 million" */
static void put_count(ork_str *out, int64_t count, const char *after)
{
    static const char *const units[] = {"thousand", "million", "billion", "trillion"};
    double size = (double)count / 1000;
    size_t unit = 0;
    if (count < 10000) {
        ork_str_printf(out, "%lld%s", (long long)count, after);
        return;
    }
    for (; size >= 1000 && unit + 1 < ORK_COUNT(units); unit++)
        size /= 1000;
    ork_str_printf(out, "%.*f %s%s", size < 10 ? 2 : size < 100 ? 1 : 0, size, units[unit], after);
}

char *ork_check_text(const ork_check_report *report, bool all)
{
    ork_str out = {0};
    ork_str_printf(&out,
                   "%s on %s: %zu layers on the NPU, %zu on the host processor, %zu refused\n",
                   report->network, report->target, report->npu_layers, report->host_layers,
                   report->refused_layers);
    put_count(&out, report->macs, " multiplications, ");
    put_count(&out, report->weight_count, " weights, ");
    put_count(&out, report->peak_count, " numbers in memory at most (bytes, in 8 bits)\n");
    put_findings(&out, report, all);
    put_cut(&out, report);
    if (report->finding_count == 0)
        ork_str_printf(&out, "\nNothing to say against it.\n");
    return out.text;
}
