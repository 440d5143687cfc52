/* SPDX-License-Identifier: Apache-2.0 */
/* COCO's figures: Lin et al., Microsoft COCO (arXiv:1405.0312) and the definitions at
   cocodataset.org/#detection-eval. Thresholds, ties and the arithmetic follow pycocotools, so that
   the figures can be compared with published ones. One thing differs: pycocotools takes a box
   matched with the annotation of id 0 for unmatched. */
#include "detect.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OVERLAPS = 10, RECALLS = 101, MOST_BOXES = 100 };

typedef enum area_range { AREA_ALL, AREA_SMALL, AREA_MEDIUM, AREA_LARGE, AREA_COUNT } area_range;

/* Square pixels, both inside. */
static const double areas[AREA_COUNT][2] = {
    [AREA_ALL] = {0, 1e10},
    [AREA_SMALL] = {0, 32 * 32},
    [AREA_MEDIUM] = {32 * 32, 96 * 96},
    [AREA_LARGE] = {96 * 96, 1e10},
};

typedef enum view_id {
    VIEW_ALL,
    VIEW_SMALL,
    VIEW_MEDIUM,
    VIEW_LARGE,
    VIEW_1,
    VIEW_10,
    VIEW_COUNT
} view_id;

/* Which objects count, and how many boxes of a class on a picture. */
static const struct {
    area_range area;
    int most;
} views[VIEW_COUNT] = {
    [VIEW_ALL] = {AREA_ALL, MOST_BOXES},
    [VIEW_SMALL] = {AREA_SMALL, MOST_BOXES},
    [VIEW_MEDIUM] = {AREA_MEDIUM, MOST_BOXES},
    [VIEW_LARGE] = {AREA_LARGE, MOST_BOXES},
    [VIEW_1] = {AREA_ALL, 1},
    [VIEW_10] = {AREA_ALL, 10},
};

typedef enum figure_kind { PRECISION, RECALL, KIND_COUNT } figure_kind;

static const struct {
    view_id view;
    figure_kind kind;
    int overlap;
} figure_rows[ORK_FIGURE_COUNT] = {
#define ORK_FIGURE(symbol, name, view, kind, overlap, help)                                        \
    [ORK_FIGURE_##symbol] = {view, kind, overlap},
#include "figures.def"
#undef ORK_FIGURE
};

const char *const ork_figure_names[ORK_FIGURE_COUNT] = {
#define ORK_FIGURE(symbol, name, view, kind, overlap, help) [ORK_FIGURE_##symbol] = name,
#include "figures.def"
#undef ORK_FIGURE
};

const char *const ork_figure_helps[ORK_FIGURE_COUNT] = {
#define ORK_FIGURE(symbol, name, view, kind, overlap, help) [ORK_FIGURE_##symbol] = help,
#include "figures.def"
#undef ORK_FIGURE
};

/* A box after the matching; of the overlaps, bit t says whether it found an object at overlap t, or
   is neither right nor wrong there. */
typedef struct verdict {
    float score;
    int image, rank; /* among the boxes of its class on its image, from 0 */
    uint16_t matched[AREA_COUNT], ignored[AREA_COUNT];
} verdict;

typedef struct verdicts {
    verdict *items;
    size_t count, capacity;
    bool is_sorted;
} verdicts;

typedef struct added_image {
    bool is_added;
    size_t first, count; /* its boxes */
} added_image;

struct ork_judge {
    const ork_coco *coco;
    ork_arena *arena;
    added_image *images;
    ORK_VEC(ork_box) boxes;
    verdicts *categories;
};

ork_judge *ork_judge_new(const ork_coco *coco)
{
    ork_arena *arena = ork_arena_new();
    ork_judge *judge = ORK_NEW(arena, ork_judge);
    judge->coco = coco;
    judge->arena = arena;
    judge->images = ORK_NEW_ARRAY(arena, added_image, (size_t)coco->image_count + 1);
    judge->categories = ORK_NEW_ARRAY(arena, verdicts, (size_t)coco->category_count + 1);
    return judge;
}

void ork_judge_free(ork_judge *judge)
{
    if (judge)
        ork_arena_free(judge->arena);
}

bool ork_judge_has(const ork_judge *judge, int image)
{
    return image >= 0 && image < judge->coco->image_count && judge->images[image].is_added;
}

int ork_judge_image_count(const ork_judge *judge)
{
    return judge->coco->image_count;
}

ork_boxes ork_judge_boxes(const ork_judge *judge, int image)
{
    const added_image *added = &judge->images[image];
    return (ork_boxes){added->count ? judge->boxes.items + added->first : NULL, added->count};
}

/* ---- matching on one image -------------------------------------------------------------- */

/* The boxes and the objects of one class on one image. */
typedef struct pairing {
    const ork_box *const *boxes; /* best first */
    size_t box_count;
    const ork_coco_object *objects;
    size_t object_count;
    double *overlaps; /* of box b and object o: b * object_count + o */
    size_t *order;    /* of objects: those that count in front */
    bool *is_ignored, *is_taken;
} pairing;

/* 0.5, 0.55 ... 0.95, with the last bits that numpy.linspace gives them; a little below 1 would be
   the most. */
static double overlap_at(int index)
{
    return index == OVERLAPS - 1 ? 0.95 : 0.5 + index * ((0.95 - 0.5) / (OVERLAPS - 1));
}

static double box_width(const ork_box *box)
{
    return (double)(box->corners[2] - box->corners[0]);
}

static double box_height(const ork_box *box)
{
    return (double)(box->corners[3] - box->corners[1]);
}

/* Intersection over union; over the box alone for a crowd. */
static double overlap_of(const ork_box *box, const ork_coco_object *object)
{
    double left = (double)box->corners[0], top = (double)box->corners[1];
    double width =
        fmin(left + box_width(box), object->left + object->width) - fmax(left, object->left);
    double height =
        fmin(top + box_height(box), object->top + object->height) - fmax(top, object->top);
    if (!(width > 0) || !(height > 0))
        return 0;
    double both = width * height, area = box_width(box) * box_height(box);
    return both / (object->crowd ? area : area + object->width * object->height - both);
}

static bool is_outside(area_range range, double area)
{
    return area < areas[range][0] || area > areas[range][1];
}

static void order_objects(pairing *pair, area_range range)
{
    size_t next = 0;
    for (size_t o = 0; o < pair->object_count; o++)
        pair->is_ignored[o] = pair->objects[o].crowd || is_outside(range, pair->objects[o].area);
    for (int ignored = 0; ignored < 2; ignored++)
        for (size_t o = 0; o < pair->object_count; o++)
            if (pair->is_ignored[o] == ignored)
                pair->order[next++] = o;
}

/* The object that box b finds, or object_count: of those still free (crowds are always) the one
   that it overlaps most, the last among equals, and one that is ignored only when no other is left.
 */
static size_t best_object(const pairing *pair, size_t b, double least)
{
    size_t best = pair->object_count;
    for (size_t i = 0; i < pair->object_count; i++) {
        size_t o = pair->order[i];
        if (pair->is_taken[o] && !pair->objects[o].crowd)
            continue;
        if (best < pair->object_count && !pair->is_ignored[best] && pair->is_ignored[o])
            break;
        if (!(pair->overlaps[b * pair->object_count + o] >= least)) /* nor when it is no number */
            continue;
        least = pair->overlaps[b * pair->object_count + o];
        best = o;
    }
    return best;
}

static void match_at(const pairing *pair, area_range range, int overlap, verdict *found)
{
    uint16_t bit = (uint16_t)(1u << overlap);
    memset(pair->is_taken, 0, pair->object_count * sizeof(*pair->is_taken));
    for (size_t b = 0; b < pair->box_count; b++) {
        size_t object = best_object(pair, b, overlap_at(overlap));
        bool matched = object < pair->object_count;
        bool ignored =
            matched ? pair->is_ignored[object]
                    : is_outside(range, box_width(pair->boxes[b]) * box_height(pair->boxes[b]));
        if (matched) {
            pair->is_taken[object] = true;
            found[b].matched[range] |= bit;
        }
        if (ignored)
            found[b].ignored[range] |= bit;
    }
}

static void match(pairing *pair, verdict *found)
{
    for (size_t b = 0; b < pair->box_count; b++)
        for (size_t o = 0; o < pair->object_count; o++)
            pair->overlaps[b * pair->object_count + o] =
                overlap_of(pair->boxes[b], &pair->objects[o]);
    for (area_range range = 0; range < AREA_COUNT; range++) {
        order_objects(pair, range);
        for (int overlap = 0; overlap < OVERLAPS; overlap++)
            match_at(pair, range, overlap, found);
    }
}

/* ---- adding images ----------------------------------------------------------------------- */

/* The objects of the class on the image lie side by side. */
static void find_objects(const ork_judge *judge, int image, int category, pairing *pair)
{
    const ork_coco_image *known = &judge->coco->images[image];
    const ork_coco_object *object = judge->coco->objects + known->first;
    const ork_coco_object *end = object + known->count;
    while (object < end && object->category < category)
        object++;
    pair->objects = object;
    while (object < end && object->category == category)
        object++;
    pair->object_count = (size_t)(object - pair->objects);
}

static verdict *new_verdicts(ork_judge *judge, int image, int category, const pairing *pair)
{
    verdicts *all = &judge->categories[category];
    ork_vec_reserve(judge->arena, (void **)&all->items, &all->capacity,
                    all->count + pair->box_count, sizeof(*all->items));
    verdict *found = all->items + all->count;
    for (size_t b = 0; b < pair->box_count; b++)
        found[b] = (verdict){.score = pair->boxes[b]->score, .image = image, .rank = (int)b};
    all->count += pair->box_count;
    all->is_sorted = false;
    return found;
}

static void add_class(ork_judge *judge, ork_arena *scratch, int image, const ork_box *const *boxes,
                      size_t count)
{
    int category = boxes[0]->class_id;
    pairing pair = {.boxes = boxes, .box_count = ork_min_size(count, MOST_BOXES)};
    find_objects(judge, image, category, &pair);
    size_t objects = pair.object_count;
    pair.overlaps = ORK_NEW_ARRAY(scratch, double, pair.box_count *objects + 1);
    pair.order = ORK_NEW_ARRAY(scratch, size_t, objects + 1);
    pair.is_ignored = ORK_NEW_ARRAY(scratch, bool, objects + 1);
    pair.is_taken = ORK_NEW_ARRAY(scratch, bool, objects + 1);
    match(&pair, new_verdicts(judge, image, category, &pair));
}

/* Equal scores stay as they were given: the boxes lie in one array. */
static int by_class_best_first(const void *left, const void *right)
{
    const ork_box *a = *(const ork_box *const *)left, *b = *(const ork_box *const *)right;
    if (a->class_id != b->class_id)
        return a->class_id < b->class_id ? -1 : 1;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a > b) - (a < b);
}

static bool is_usable(const ork_judge *judge, const ork_box *box)
{
    bool finite = isfinite(box->score);
    for (int i = 0; i < 4; i++)
        finite = finite && isfinite(box->corners[i]);
    return finite && box->class_id >= 0 && box->class_id < judge->coco->category_count;
}

static void keep_boxes(ork_judge *judge, int image, const ork_box *boxes, size_t count)
{
    judge->images[image] = (added_image){.is_added = true, .first = judge->boxes.count};
    for (size_t i = 0; i < count; i++)
        if (is_usable(judge, &boxes[i]))
            ork_vec_push(judge->arena, &judge->boxes, boxes[i]);
    judge->images[image].count = judge->boxes.count - judge->images[image].first;
}

bool ork_judge_add(ork_judge *judge, int image, const ork_box *boxes, size_t count)
{
    if (ork_judge_has(judge, image))
        return false;
    keep_boxes(judge, image, boxes, count);
    ork_boxes kept = ork_judge_boxes(judge, image);
    ork_arena *scratch = ork_arena_new();
    const ork_box **sorted = ORK_NEW_ARRAY(scratch, const ork_box *, kept.count + 1);
    for (size_t i = 0; i < kept.count; i++)
        sorted[i] = &kept.items[i];
    qsort(sorted, kept.count, sizeof(*sorted), by_class_best_first);
    for (size_t first = 0, next; first < kept.count; first = next) {
        for (next = first + 1;
             next < kept.count && sorted[next]->class_id == sorted[first]->class_id;)
            next++;
        add_class(judge, scratch, image, sorted + first, next - first);
    }
    ork_arena_free(scratch);
    return true;
}

/* ---- figures ------------------------------------------------------------------------------ */

static bool counts(const ork_judge *judge, const bool *chosen, int image)
{
    return judge->images[image].is_added && (!chosen || chosen[image]);
}

/* Best first; among equals by image, so that the order of adding makes no difference. */
static int by_score(const void *left, const void *right)
{
    const verdict *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->image != b->image)
        return a->image < b->image ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

static const verdicts *sorted_verdicts(ork_judge *judge, int category)
{
    verdicts *all = &judge->categories[category];
    if (!all->is_sorted && all->count)
        qsort(all->items, all->count, sizeof(*all->items), by_score);
    all->is_sorted = true;
    return all;
}

/* One class in one view: which verdicts count, and room for a point of the curve for each. */
typedef struct curve {
    area_range area;
    const verdict **verdicts;
    size_t count;
    double objects;             /* to be found */
    double *precision, *recall; /* after each box */
} curve;

static size_t trace_curve(curve *line, int overlap)
{
    double right = 0, wrong = 0;
    for (size_t i = 0; i < line->count; i++) {
        bool matched = line->verdicts[i]->matched[line->area] >> overlap & 1;
        bool ignored = line->verdicts[i]->ignored[line->area] >> overlap & 1;
        right += matched && !ignored;
        wrong += !matched && !ignored;
        line->recall[i] = right / line->objects;
        line->precision[i] = right / (wrong + right + DBL_EPSILON);
    }
    for (size_t i = line->count; i > 1; i--) /* at no recall below the best of higher recalls */
        line->precision[i - 2] = fmax(line->precision[i - 2], line->precision[i - 1]);
    return line->count;
}

static double mean_precision(const curve *line)
{
    double sum = 0;
    size_t point = 0;
    for (int i = 0; i < RECALLS; i++) {
        double recall = i == RECALLS - 1 ? 1.0 : i * 0.01;
        while (point < line->count && line->recall[point] < recall)
            point++;
        sum += point < line->count ? line->precision[point] : 0;
    }
    return sum / RECALLS;
}

/* Of a class: a number for each kind and overlap. */
typedef struct measure {
    double values[KIND_COUNT][OVERLAPS];
} measure;

static void measure_curve(curve *line, measure *result)
{
    for (int overlap = 0; overlap < OVERLAPS; overlap++) {
        size_t count = trace_curve(line, overlap);
        result->values[PRECISION][overlap] = mean_precision(line);
        result->values[RECALL][overlap] = count ? line->recall[count - 1] : 0;
    }
}

/* objects[category * AREA_COUNT + range]: how many there are to be found. */
static size_t *count_objects(const ork_judge *judge, ork_arena *arena, const bool *chosen)
{
    const ork_coco *coco = judge->coco;
    size_t *objects = ORK_NEW_ARRAY(arena, size_t, (size_t)coco->category_count * AREA_COUNT + 1);
    for (size_t i = 0; i < coco->object_count; i++) {
        const ork_coco_object *object = &coco->objects[i];
        if (object->crowd || !counts(judge, chosen, object->image))
            continue;
        for (area_range range = 0; range < AREA_COUNT; range++)
            objects[object->category * AREA_COUNT + (int)range] += !is_outside(range, object->area);
    }
    return objects;
}

typedef struct total {
    measure sum;
    int classes;
} total;

static void add_curve(ork_judge *judge, const bool *chosen, int category, view_id view, curve *line,
                      total *sum)
{
    const verdicts *all = sorted_verdicts(judge, category);
    line->area = views[view].area;
    line->count = 0;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].rank < views[view].most && counts(judge, chosen, all->items[i].image))
            line->verdicts[line->count++] = &all->items[i];
    measure result;
    measure_curve(line, &result);
    for (int kind = 0; kind < KIND_COUNT; kind++)
        for (int overlap = 0; overlap < OVERLAPS; overlap++)
            sum->sum.values[kind][overlap] += result.values[kind][overlap];
    sum->classes++;
}

static void add_class_figures(ork_judge *judge, const bool *chosen, int category,
                              const size_t *objects, total totals[VIEW_COUNT])
{
    ork_arena *arena = ork_arena_new();
    size_t count = judge->categories[category].count;
    curve line = {.verdicts = ORK_NEW_ARRAY(arena, const verdict *, count + 1),
                  .precision = ORK_NEW_ARRAY(arena, double, count + 1),
                  .recall = ORK_NEW_ARRAY(arena, double, count + 1)};
    for (view_id view = 0; view < VIEW_COUNT; view++) {
        line.objects = (double)objects[category * AREA_COUNT + (int)views[view].area];
        if (line.objects > 0)
            add_curve(judge, chosen, category, view, &line, &totals[view]);
    }
    ork_arena_free(arena);
}

static double figure_of(const total totals[VIEW_COUNT], ork_figure figure)
{
    const total *all = &totals[figure_rows[figure].view];
    const double *values = all->sum.values[figure_rows[figure].kind];
    double sum = 0;
    if (!all->classes)
        return -1;
    if (figure_rows[figure].overlap >= 0)
        return values[figure_rows[figure].overlap] / all->classes;
    for (int overlap = 0; overlap < OVERLAPS; overlap++)
        sum += values[overlap];
    return sum / OVERLAPS / all->classes;
}

void ork_judge_figures(ork_judge *judge, const bool *chosen, int category,
                       double figures[ORK_FIGURE_COUNT])
{
    ork_arena *arena = ork_arena_new();
    const size_t *objects = count_objects(judge, arena, chosen);
    total totals[VIEW_COUNT] = {0};
    int first = category < 0 ? 0 : category;
    int end = category < 0 ? judge->coco->category_count : category + 1;
    for (int c = first; c < end; c++)
        add_class_figures(judge, chosen, c, objects, totals);
    for (ork_figure f = 0; f < ORK_FIGURE_COUNT; f++)
        figures[f] = figure_of(totals, f);
    ork_arena_free(arena);
}

/* ---- halves ------------------------------------------------------------------------------- */

/* SplitMix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void ork_judge_half(const ork_judge *judge, uint64_t seed, bool *chosen)
{
    size_t left = 0, wanted;
    for (int i = 0; i < judge->coco->image_count; i++)
        left += judge->images[i].is_added;
    wanted = (left + 1) / 2;
    /* Each image is taken with the probability wanted / left of those still to come: every half is
       equally likely. The remainder's bias is below 2^-32. */
    for (int i = 0; i < judge->coco->image_count; i++) {
        chosen[i] = false;
        if (!judge->images[i].is_added)
            continue;
        chosen[i] = next_random(&seed) % left < wanted;
        wanted -= chosen[i];
        left--;
    }
}
