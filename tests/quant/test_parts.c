/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of channels: which convolutions can be computed in parts, that the parts compute the same,
   and which channels go together. */
#include "quant/internal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A chain (conv, follower) and a convolution that goes through a pool and a concat. */
#define BEGINNING                                                                                  \
    "graph \"n\" canon { input %0 \"x\" f32[1x3x8x8]\n"                                            \
    "const %1 \"w1\" f32[6x3x3x3] random 1 const %2 \"b1\" f32[6] random 2\n"                      \
    "%3 \"conv\" f32[1x6x8x8] = conv2d(%0, %1, %2) stride [1 1] dilation [1 1] pad [1 1 1 1] "     \
    "groups 1\n"                                                                                   \
    "%4 \"act\" f32[1x6x8x8] = silu(%3)\n"                                                         \
    "const %5 \"w2\" f32[6x1x3x3] random 3\n"                                                      \
    "%6 \"follower\" f32[1x6x8x8] = conv2d(%4, %5, _) stride [1 1] dilation [1 1] pad [1 1 1 1] "  \
    "groups 6\n"                                                                                   \
    "%7 \"follower_act\" f32[1x6x8x8] = silu(%6)\n"                                                \
    "const %8 \"w3\" f32[4x6x1x1] random 4\n"                                                      \
    "%9 \"single\" f32[1x4x8x8] = conv2d(%7, %8, _) stride [1 1] dilation [1 1] groups 1\n"        \
    "%10 \"pool\" f32[1x4x8x8] = max_pool2d(%9) kernel [3 3] stride [1 1] dilation [1 1] pad [1 "  \
    "1 1 1]\n"                                                                                     \
    "%11 \"joined\" f32[1x8x8x8] = concat(%9, %10) axis 1\n"

/* Then a sum, for which channels must stay where they are. */
static const char network[] = BEGINNING
    "const %12 \"w4\" f32[8x8x1x1] random 5\n"
    "%13 \"added\" f32[1x8x8x8] = conv2d(%11, %12, _) stride [1 1] dilation [1 1] groups 1\n"
    "%14 \"sum\" f32[1x8x8x8] = add(%13, %11)\n"
    "output %14 }";

/* Or a convolution, which takes them in any order. */
static const char chain[] = BEGINNING
    "const %12 \"w4\" f32[5x8x1x1] random 5\n"
    "%13 \"last\" f32[1x5x8x8] = conv2d(%11, %12, _) stride [1 1] dilation [1 1] groups 1\n"
    "output %13 }";

static ork_graph *parse(const char *text)
{
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = ork_graph_parse(diag, text, strlen(text));
    if (!graph)
        fail_msg("%s: %s", ork_diag_error(diag)->where, ork_diag_error(diag)->what);
    ork_diag_free(diag);
    return graph;
}

static const ork_unit *find(const ork_units *units, const char *layer)
{
    for (size_t i = 0; i < units->count; i++)
        if (strcmp(units->items[i].layer, layer) == 0)
            return &units->items[i];
    return NULL;
}

static void test_units(void **state)
{
    (void)state;
    ork_arena *arena = ork_arena_new();
    ork_graph *graph = parse(network);
    ork_units units = {0};
    ork_units_find(graph, arena, &units);
    assert_int_equal(units.count, 1); /* the others are added, directly or through the concat */
    const ork_unit *unit = find(&units, "conv");
    assert_non_null(unit);
    assert_string_equal(unit->output, "act");
    assert_int_equal(unit->follower_count, 1);
    assert_string_equal(unit->followers[0], "follower");
    assert_string_equal(unit->follower_ends[0], "follower_act");
    assert_int_equal(ork_unit_cost(unit, 1), 0);
    assert_int_equal(ork_unit_cost(unit, 3), 4);
    ork_graph_free(graph);
    graph = parse(chain);
    units.count = 0;
    ork_units_find(graph, arena, &units);
    assert_int_equal(units.count, 2); /* the output keeps the order of the last one */
    assert_int_equal(find(&units, "single")->follower_count, 0);
    assert_int_equal(ork_unit_cost(find(&units, "single"), 3), 2);
    ork_graph_free(graph);
    ork_arena_free(arena);
}

static void run(const ork_graph *graph, float *output, size_t count)
{
    ork_diag *diag = ork_diag_new();
    ork_plan *plan = ork_plan_new(diag, graph, &(ork_plan_options){0});
    assert_non_null(plan);
    ork_runner *runner = ork_runner_new(diag, plan, NULL);
    float data[3 * 8 * 8];
    for (size_t i = 0; i < ORK_COUNT(data); i++)
        data[i] = (float)((int)(i * 37 % 61) - 30) / 15;
    ork_runner_set_input(runner, 0,
                         &(ork_feed){.data = data,
                                     .dtype = ORK_F32,
                                     .shape = graph->inputs.items[0].value->type.shape});
    ork_runner_run(runner);
    memcpy(output, ork_runner_output(runner, 0), count * sizeof(*output));
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_diag_free(diag);
}

static void test_parts_compute_the_same(void **state)
{
    (void)state;
    enum { COUNT = 5 * 8 * 8 };
    static const uint8_t six[] = {2, 0, 1, 0, 2, 0}, four[] = {1, 0, 0, 1};
    float whole[COUNT], parts[COUNT];
    ork_arena *arena = ork_arena_new();
    ork_diag *diag = ork_diag_new();
    ork_graph *graph = parse(chain), *split = ork_graph_clone(graph, true);
    ork_units units = {0};
    ork_map *origins = ork_map_new(arena);
    ork_units_find(graph, arena, &units);
    assert_true(ork_unit_split(split, diag, find(&units, "conv"), six, 3, origins));
    assert_true(ork_unit_split(split, diag, find(&units, "single"), four, 2, origins));
    assert_true(ork_graph_verify(split, diag));
    run(graph, whole, COUNT);
    run(split, parts, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(fabsf(whole[i] - parts[i]) <= 1e-5f * fmaxf(1, fabsf(whole[i])));
    /* Names that the user knows are still there, and parts know where they come from. */
    assert_non_null(ork_graph_find(split, "follower_act"));
    assert_non_null(ork_graph_find(split, "single"));
    const ork_origin *origin = ork_map_get(origins, "act.part2");
    assert_non_null(origin);
    assert_string_equal(origin->of, "act");
    assert_int_equal(origin->count, 2);
    assert_int_equal(origin->channels[0], 0);
    assert_int_equal(origin->channels[1], 4);
    ork_graph_free(split);
    ork_graph_free(graph);
    ork_diag_free(diag);
    ork_arena_free(arena);
}

/* The least cost of all ways to form two groups. */
static double best_of_all(const ork_feature *feature, int64_t channels)
{
    double least = INFINITY;
    uint8_t group_of[16];
    for (unsigned ways = 1; ways + 1 < 1U << channels; ways++) {
        for (int64_t c = 0; c < channels; c++)
            group_of[c] = ways >> c & 1;
        least = fmin(least, ork_borders_cost(feature, 1, channels, 2, group_of));
    }
    return least;
}

static void test_borders(void **state)
{
    (void)state;
    enum { CHANNELS = 10 };
    unsigned seed = 7;
    for (int round = 0; round < 50; round++) {
        float low[CHANNELS], high[CHANNELS];
        double cost[CHANNELS];
        uint8_t group_of[CHANNELS];
        for (int c = 0; c < CHANNELS; c++) {
            seed = seed * 1103515245U + 12345U;
            high[c] = powf(10, (float)(seed >> 16 & 255) / 128);
            low[c] = -high[c] / (float)(1 + (seed >> 24 & 3));
            cost[c] = 1 / ((double)high[c] * (double)high[c]);
        }
        ork_feature feature = {low, high, cost};
        ork_borders_choose(&feature, 1, CHANNELS, 2, group_of);
        double found = ork_borders_cost(&feature, 1, CHANNELS, 2, group_of);
        assert_true(found <= 1.05 * best_of_all(&feature, CHANNELS));
        bool used[2] = {0};
        for (int c = 0; c < CHANNELS; c++)
            used[group_of[c]] = true;
        assert_true(used[0] && used[1]);
    }
}

/* More channels than are looked at pair by pair. */
static void test_borders_of_wide_layers(void **state)
{
    (void)state;
    enum { CHANNELS = 300 };
    static float low[CHANNELS], high[CHANNELS];
    static double cost[CHANNELS];
    uint8_t group_of[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
        high[c] = c % 3 == 0 ? 100.0f + (float)(c % 7) : 1.0f + (float)(c % 5) / 10;
        cost[c] = 1 / ((double)high[c] * (double)high[c]);
    }
    ork_borders_choose(&(ork_feature){low, high, cost}, 1, CHANNELS, 2, group_of);
    for (int c = 0; c < CHANNELS; c++)
        assert_int_equal(group_of[c] == group_of[0], c % 3 == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_parts_compute_the_same),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_borders_of_wide_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
