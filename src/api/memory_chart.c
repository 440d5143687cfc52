/* SPDX-License-Identifier: Apache-2.0 */
/* Who lies when in a session's memory, as text and as a picture. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

enum { COLUMNS = 48 };

static int by_size(const void *a, const void *b)
{
    const ork_memory_buffer *x = *(const ork_memory_buffer *const *)a;
    const ork_memory_buffer *y = *(const ork_memory_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b)
{
    const ork_memory_buffer *x = *(const ork_memory_buffer *const *)a;
    const ork_memory_buffer *y = *(const ork_memory_buffer *const *)b;
    return (x > y) - (x < y);
}

static void put_row(ork_str *out, const ork_memory_report *report, const ork_memory_buffer *b)
{
    char life[COLUMNS + 1];
    memset(life, '.', COLUMNS);
    life[COLUMNS] = '\0';
    const int first = b->first * COLUMNS / report->moment_count;
    const int last = b->last * COLUMNS / report->moment_count;
    memset(life + first, '#', (size_t)(last - first + 1));
    ork_str_printf(out, "%12zu %12zu %5d %5d  %s  %s\n", b->bytes, b->offset, b->first, b->last,
                   life, b->value);
}

/* How full the memory is at each part of a run, in tenths of the most there is. */
static void put_sum(ork_str *out, const ork_memory_report *report)
{
    char row[COLUMNS + 1];
    for (int c = 0; c < COLUMNS; c++) {
        const int begin = c * report->moment_count / COLUMNS;
        int end = (c + 1) * report->moment_count / COLUMNS;
        size_t most = 0;
        end = end > begin ? end : begin + 1;
        for (int i = begin; i < end; i++)
            most = ork_max_size(most, report->moments[i].bytes);
        const size_t tenths = report->live_bytes ? most * 10 / report->live_bytes : 0;
        row[c] = tenths >= 10 ? 'X' : (char)('0' + tenths);
    }
    row[COLUMNS] = '\0';
    ork_str_printf(out, "%12zu %25s  %s  in use, in tenths of the most\n", report->live_bytes, "",
                   row);
}

char *ork_memory_chart(const ork_memory_report *report, int most)
{
    ork_str out = {0};
    const size_t all = (size_t)report->buffer_count;
    const size_t shown = most > 0 ? ork_min_size((size_t)most, all) : all;
    const ork_memory_buffer **rows = calloc(all + 1, sizeof(*rows));
    if (!rows)
        return NULL;
    for (size_t i = 0; i < all; i++)
        rows[i] = &report->buffers[i];
    qsort(rows, all, sizeof(*rows), by_size);
    qsort(rows, shown, sizeof(*rows), by_place);
    ork_str_printf(&out, "%12s %12s %5s %5s  %-*s  %s\n", "bytes", "place", "from", "to", COLUMNS,
                   "the run, from first to last step", "value");
    for (size_t i = 0; i < shown; i++)
        put_row(&out, report, rows[i]);
    if (shown < all)
        ork_str_printf(&out, "%12s %zu smaller ones\n", "and", all - shown);
    put_sum(&out, report);
    free(rows);
    return out.text;
}

/* ---- picture ---- */

enum { WIDTH = 1000, HEIGHT = 420, LEFT = 90, TOP = 20, BOTTOM = 40 };

static const char style[] =
    "svg{font:11px 'DejaVu Sans',Verdana,Arial,sans-serif}.bg{fill:#fafbfc}.n{fill:#57606a}"
    ".b{fill:#9cc3f5;stroke:#2b4a77;stroke-width:.5}.b:hover{fill:#f2b48c}"
    ".l{fill:none;stroke:#d1642a;stroke-width:1.5}.g{stroke:#d5dae1}";

typedef struct scale {
    double x, y; /* for a moment, for a byte */
} scale;

/* Hundredths, with a point in every locale. */
static void put_number(ork_str *out, const char *name, double number)
{
    const long long hundredths = (long long)(number * 100 + 0.5);
    ork_str_printf(out, " %s=\"%lld.%02lld\"", name, hundredths / 100, hundredths % 100);
}

static double top_of(scale s, double bytes)
{
    return HEIGHT - BOTTOM - bytes * s.y;
}

static void put_box(ork_str *out, const ork_memory_buffer *b, scale s)
{
    ork_str_printf(out, "<rect class=\"b\"");
    put_number(out, "x", LEFT + b->first * s.x);
    put_number(out, "y", top_of(s, (double)(b->offset + b->bytes)));
    put_number(out, "width", (b->last - b->first + 1) * s.x);
    put_number(out, "height", (double)b->bytes * s.y);
    ork_str_printf(out, "><title>");
    ork_str_append_xml(out, b->value);
    ork_str_printf(out, ": %zu bytes, steps %d to %d</title></rect>\n", b->bytes, b->first,
                   b->last);
}

static void put_grid(ork_str *out, const ork_memory_report *report, scale s)
{
    enum { PARTS = 4 };
    for (int i = 0; i <= PARTS; i++) {
        const double bytes = (double)report->tensor_bytes * i / PARTS;
        ork_str_printf(out, "<line class=\"g\"");
        put_number(out, "x1", LEFT);
        put_number(out, "x2", WIDTH);
        put_number(out, "y1", top_of(s, bytes));
        put_number(out, "y2", top_of(s, bytes));
        ork_str_printf(out, "/><text class=\"n\" text-anchor=\"end\"");
        put_number(out, "x", LEFT - 6);
        put_number(out, "y", top_of(s, bytes) + 4);
        ork_str_printf(out, ">%.0f kB</text>\n", bytes / 1000);
    }
}

static void put_sum_line(ork_str *out, const ork_memory_report *report, scale s)
{
    ork_str_printf(out, "<path class=\"l\" d=\"");
    for (int i = 0; i < report->moment_count; i++) {
        const long long y = (long long)(top_of(s, (double)report->moments[i].bytes) * 100);
        const long long x = (long long)((LEFT + i * s.x) * 100), wide = (long long)(s.x * 100);
        ork_str_printf(out, "%c%lld.%02lld %lld.%02lldh%lld.%02lld", i ? 'L' : 'M', x / 100,
                       x % 100, y / 100, y % 100, wide / 100, wide % 100);
    }
    ork_str_printf(out, "\"><title>bytes in use</title></path>\n");
}

char *ork_memory_picture(const ork_memory_report *report)
{
    ork_str out = {0};
    const scale s = {(double)(WIDTH - LEFT) / report->moment_count,
                     (double)(HEIGHT - TOP - BOTTOM) /
                         (double)(report->tensor_bytes ? report->tensor_bytes : 1)};
    ork_str_printf(&out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\"><style>%s</style>\n"
                   "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n",
                   WIDTH + 10, HEIGHT, WIDTH + 10, HEIGHT, style, WIDTH + 10, HEIGHT);
    put_grid(&out, report, s);
    for (int i = 0; i < report->buffer_count; i++)
        put_box(&out, &report->buffers[i], s);
    put_sum_line(&out, report, s);
    ork_str_printf(&out, "<text class=\"n\" x=\"%d\" y=\"%d\">", LEFT, HEIGHT - 12);
    ork_str_append_xml(&out, report->network);
    ork_str_printf(&out,
                   ": %zu bytes for %d tensors over %d steps, at most %zu in use (the line)"
                   "</text></svg>\n",
                   report->tensor_bytes, report->buffer_count, report->moment_count,
                   report->live_bytes);
    return out.text;
}
