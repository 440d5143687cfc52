/* SPDX-License-Identifier: Apache-2.0 */
/* One page of HTML: what happened, what to do, how each layer does. All that it shows is in the
   page; the script only sorts and filters. */
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- texts and figures ---- */

void put_figure(ork_str *out, double number, int digits)
{
    char text[64];
    if (isnan(number)) {
        ork_str_printf(out, "–");
        return;
    }
    if (isinf(number)) {
        ork_str_printf(out, number > 0 ? "∞" : "−∞");
        return;
    }
    snprintf(text, sizeof(text), fabs(number) < 1e12 ? "%.*f" : "%.*e", digits, number);
    char *comma = strchr(text, ','); /* of some locales */
    if (comma)
        *comma = '.';
    ork_str_printf(out, "%s", text);
}

static void put_element(ork_str *out, const char *tag, const char *text)
{
    ork_str_printf(out, "<%s>", tag);
    ork_str_append_xml(out, text);
    ork_str_printf(out, "</%s>\n", tag);
}

/* ---- the table ---- */

/* A cell, with the number by which it is sorted. */
static void put_cell(ork_str *out, double number, int digits, bool bad)
{
    ork_str_printf(out, "<td%s data-v=\"", bad ? " class=\"r\"" : "");
    if (isinf(number))
        ork_str_printf(out, number > 0 ? "1e99" : "-1e99");
    else if (!isnan(number))
        put_figure(out, number, digits + 3);
    ork_str_printf(out, "\">");
    put_figure(out, number, digits);
    ork_str_printf(out, "</td>");
}

static void put_fact(ork_str *out, const char *before, double number, int digits, const char *after)
{
    ork_str_printf(out, "%s", before);
    put_figure(out, number, digits);
    ork_str_printf(out, "%s", after);
}

static void put_facts(ork_str *out, const ork_layer_accuracy *l)
{
    char shape[ORK_SHAPE_TEXT];
    ork_str_printf(out, "<p>Output ");
    ork_str_append_xml(out, l->output);
    ork_str_printf(out, ", %s.", ork_shape_text(&l->shape, shape, sizeof(shape)));
    if (l->groups > 1)
        ork_str_printf(out, " Computed in %d groups of channels.", l->groups);
    ork_str_printf(out, "</p><p>Alone: ");
    put_fact(out, "cosine ", l->isolated.cosine, 6, ", ");
    put_fact(out, "Euclidean distance ", l->isolated.euclidean, 4, ", ");
    put_fact(out, "greatest error ", l->isolated.greatest, 4, ", ");
    ork_str_printf(out, "%lld of %lld channels lost.</p><p>In the network: ",
                   (long long)l->isolated.lost_channels, (long long)l->channels);
    put_fact(out, "cosine ", l->accumulated.cosine, 6, ", ");
    put_fact(out, "Euclidean distance ", l->accumulated.euclidean, 4, ", ");
    put_fact(out, "greatest error ", l->accumulated.greatest, 4, ", ");
    put_fact(out, "signal over error of all numbers ", l->accumulated.sqnr, 1, " dB, ");
    ork_str_printf(out, "%lld of %lld channels lost.</p>", (long long)l->accumulated.lost_channels,
                   (long long)l->channels);
    put_fact(out, "<p>Channels that share a scale differ in range by ", l->output_ratio, 1,
             " times");
    if (l->weight_ratio > 0)
        put_fact(out, ", their weights by ", l->weight_ratio, 1, " times");
    ork_str_printf(out, ".</p>");
}

static void put_more(ork_str *out, const ork_layer_accuracy *l)
{
    ork_str_printf(out, "<div class=\"more\">");
    for (size_t i = 0; i < l->advice.count; i++) {
        ork_str_printf(out, "<p class=\"do\">");
        ork_str_append_xml(out, l->advice.items[i]);
        ork_str_printf(out, "</p>");
    }
    put_histogram(out, l);
    put_weights(out, l);
    put_facts(out, l);
    ork_str_printf(out, "</div>");
}

static void put_row(ork_str *out, const ork_layer_accuracy *l, size_t index, double bad)
{
    ork_str_printf(out, "<tr id=\"layer%zu\"%s><td data-v=\"%zu\">%zu</td>", index,
                   l->is_culprit ? " class=\"bad\"" : "", index, index);
    ork_str_printf(out, "<td><details><summary%s>",
                   l->is_culprit ? " class=\"n\"><b" : " class=\"n\"");
    ork_str_append_xml(out, l->name);
    ork_str_printf(out, "%s</summary>\n", l->is_culprit ? "</b>" : "");
    put_more(out, l);
    ork_str_printf(out, "</details></td><td>");
    ork_str_append_xml(out, l->op);
    ork_str_printf(out, "</td><td>%s</td>", ork_dtype_table[l->dtype].name);
    put_cell(out, l->isolated.channel_sqnr, 1, l->isolated.channel_sqnr < bad);
    put_cell(out, l->accumulated.channel_sqnr, 1, l->accumulated.channel_sqnr < bad);
    put_cell(out, l->damage, 4, l->is_culprit);
    put_cell(out, l->saturated * 100, 2, l->saturated > 0.01);
    put_cell(out, (double)l->accumulated.not_finite, 0, l->accumulated.not_finite > 0);
    put_cell(out, l->weight_ratio > 0 ? l->weight_ratio : (double)NAN, 1, false);
    ork_str_printf(out, "</tr>\n");
}

static void put_table(ork_str *out, const ork_accuracy *a)
{
    static const char *const heads[] = {"#",         "layer",  "operator", "type", "alone dB",
                                        "entire dB", "damage", "cut %",    "NaN",  "ratio"};
    ork_str_printf(out,
                   "<h2>Layers</h2>\n<p><input id=\"filter\" hidden placeholder=\"find a layer "
                   "or operator\" aria-label=\"find a layer\"></p>\n"
                   "<div class=\"wide\"><table id=\"layers\"><thead><tr>");
    for (size_t i = 0; i < ORK_COUNT(heads); i++)
        ork_str_printf(out, "<th scope=\"col\">%s</th>", heads[i]);
    ork_str_printf(out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < a->layers.count; i++)
        put_row(out, &a->layers.items[i], i, a->bad_sqnr);
    ork_str_printf(out, "</tbody></table></div>\n");
}

/* ---- above it ---- */

static void put_culprits(ork_str *out, const ork_accuracy *a)
{
    if (!a->culprits.count)
        return;
    const double most = a->layers.items[a->culprits.items[0]].damage;
    ork_str_printf(out, "<h2>Culprits</h2>\n<p class=\"sub\">Error of the network's answers when "
                        "this layer alone is computed on integers: 0 is none, 1 leaves "
                        "nothing.</p>\n<div class=\"bars\">\n");
    for (size_t i = 0; i < a->culprits.count; i++) {
        const size_t index = a->culprits.items[i];
        const ork_layer_accuracy *l = &a->layers.items[index];
        ork_str_printf(out, "<a href=\"#layer%zu\">", index);
        ork_str_append_xml(out, l->name);
        put_fact(out, "</a><div><i style=\"width:", 100 * l->damage / most, 1, "%\"></i></div>");
        put_fact(out, "<span>", l->damage, 4, "</span>\n");
    }
    ork_str_printf(out, "</div>\n");
}

static void put_advice(ork_str *out, const ork_accuracy *a)
{
    size_t told = a->advice.count;
    for (size_t i = 0; i < a->culprits.count; i++)
        told += a->layers.items[a->culprits.items[i]].advice.count;
    if (!told)
        return;
    ork_str_printf(out, "<h2>What to do</h2>\n<ul>\n");
    for (size_t i = 0; i < a->advice.count; i++)
        put_element(out, "li", a->advice.items[i]);
    for (size_t i = 0; i < a->culprits.count && i < 3; i++) {
        const ork_layer_accuracy *l = &a->layers.items[a->culprits.items[i]];
        ork_str_printf(out, "<li><b>");
        ork_str_append_xml(out, l->name);
        ork_str_printf(out, "</b>:");
        for (size_t k = 0; k < l->advice.count; k++) {
            ork_str_printf(out, " ");
            ork_str_append_xml(out, l->advice.items[k]);
        }
        ork_str_printf(out, "</li>\n");
    }
    ork_str_printf(out, "</ul>\n");
}

static void put_key(ork_str *out, const ork_accuracy *a)
{
    ork_str_printf(out,
                   "<div class=\"key\"><span><i class=\"ia\"></i>alone: the layer on integers, "
                   "fed with exact numbers</span><span><i class=\"ie\"></i>entire: in the "
                   "quantized network</span><span><i class=\"ib\"></i>culprit</span>"
                   "<span>dashed: below ");
    put_figure(out, a->bad_sqnr, 0);
    ork_str_printf(out, " dB an output is bad</span></div>\n");
}

static void put_head(ork_str *out, const ork_accuracy *a)
{
    ork_str_printf(out,
                   "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>Accuracy "
                   "of ");
    ork_str_append_xml(out, a->network);
    ork_str_printf(out, "</title>\n<style>%s</style></head><body>\n<h1>Where accuracy is lost: ",
                   report_style);
    ork_str_append_xml(out, a->network);
    ork_str_printf(out, "</h1>\n<p class=\"sub\">%zu layers on %zu sample%s, integers of ",
                   a->layers.count, a->samples, a->samples == 1 ? "" : "s");
    ork_str_append_xml(out, *a->target ? a->target : "rk1808");
    ork_str_printf(out, "</p>\n<p class=\"verdict%s\">", a->error >= 0.1 ? " bad" : "");
    ork_str_append_xml(out, a->verdict);
    ork_str_printf(out, "</p>\n");
}

void ork_report_page(const ork_accuracy *a, ork_str *out)
{
    put_head(out, a);
    put_advice(out, a);
    put_culprits(out, a);
    ork_str_printf(out, "<h2>Along the network</h2>\n<p class=\"sub\">Signal over error of the "
                        "average channel, in dB: higher is better.</p>\n");
    put_course(out, a);
    put_key(out, a);
    put_table(out, a);
    ork_str_printf(out,
                   "<h2>What the columns mean</h2>\n<ul>"
                   "<li><b>alone</b>, <b>entire</b>: signal over squared error of the average "
                   "channel, each channel counting alike.</li>"
                   "<li><b>damage</b>: error of the network's answers with this layer alone on "
                   "integers.</li>"
                   "<li><b>cut</b>: share of the float network's numbers outside of the "
                   "layer's range.</li>"
                   "<li><b>NaN</b>: numbers that are not finite.</li>"
                   "<li><b>ratio</b>: how many times the weights of channels that share a "
                   "scale differ in range.</li>"
                   "<li>Histograms: filled the float network, outlined the quantized one; "
                   "heights are logarithms of counts.</li>"
                   "<li>Codes of a channel: how many integers lie between its least and greatest "
                   "weight; bars are their bits, of 8 or 16. Few are left for channels that share "
                   "a scale with wider ones.</li></ul>\n"
                   "<script>%s</script></body></html>\n",
                   report_script);
}

/* A picture of its own, with its colours. */
static void append_styled(ork_str *out, ork_str picture)
{
    const char *inside = strchr(picture.text, '>') + 1; /* the style goes behind the first tag */
    ork_str_append(out, picture.text, (size_t)(inside - picture.text));
    ork_str_printf(out,
                   "<style>svg{background:#fff;font:12px sans-serif}.hf{fill:#9fb4cc}"
                   ".hq{fill:none;stroke:#b8531a;stroke-width:1.4}.g{stroke:#d8dde3}"
                   ".x{fill:#5b6572}</style>%s",
                   inside);
    ork_str_free(&picture);
}

void ork_report_histogram(const ork_layer_accuracy *layer, ork_str *out)
{
    ork_str picture = {0};
    put_histogram(&picture, layer);
    append_styled(out, picture);
}

void ork_report_weights(const ork_layer_accuracy *layer, ork_str *out)
{
    ork_str picture = {0};
    put_weights(&picture, layer);
    if (picture.length)
        append_styled(out, picture);
}
