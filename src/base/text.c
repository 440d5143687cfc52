/* SPDX-License-Identifier: Apache-2.0 */
/* Growing strings, name similarity, and the map from text to pointer. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(ork_str *str, size_t wanted)
{
    if (wanted <= str->capacity)
        return;
    size_t capacity = ork_max_size(wanted, str->capacity * 2);
    char *text = realloc(str->text, capacity);
    if (!text)
        abort();
    str->text = text;
    str->capacity = capacity;
}

void ork_str_append(ork_str *str, const char *text, size_t length)
{
    reserve(str, str->length + length + 1);
    memcpy(str->text + str->length, text, length);
    str->length += length;
    str->text[str->length] = '\0';
}

void ork_str_printf(ork_str *str, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0) {
        reserve(str, str->length + (size_t)length + 1);
        vsnprintf(str->text + str->length, (size_t)length + 1, format, again);
        str->length += (size_t)length;
    }
    va_end(again);
    va_end(args);
}

void ork_str_append_xml(ork_str *out, const char *text)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *text; text++) {
        size_t i = 0;
        while (i < ORK_COUNT(entities) && entities[i].c != *text)
            i++;
        if (i < ORK_COUNT(entities))
            ork_str_printf(out, "%s", entities[i].entity);
        else
            ork_str_append(out, text, 1);
    }
}

void ork_str_free(ork_str *str)
{
    free(str->text);
    *str = (ork_str){0};
}

bool ork_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool ork_ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && memcmp(text + length - tail, suffix, tail) == 0;
}

enum { LONGEST_NAME = 64 };

/* Levenshtein distance; names longer than LONGEST_NAME count as far away. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la > LONGEST_NAME || lb > LONGEST_NAME)
        return LONGEST_NAME;
    size_t row[LONGEST_NAME + 1];
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = ork_min_size(change, ork_min_size(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[lb];
}

const char *ork_nearest_name(const char *text, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(text) / 3;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(text, names[i]);
        if (distance <= best_distance && (!best || distance < best_distance)) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

/* ---- map: open addressing over entries kept in order of insertion ---- */

typedef struct entry {
    const char *key;
    void *value;
    uint64_t hash;
} entry;

struct ork_map {
    ork_arena *arena;
    ORK_VEC(entry) entries;
    uint32_t *slots; /* 1 + index of the entry; 0 is free */
    size_t slot_count;
};

static uint64_t hash_text(const char *text) /* FNV-1a */
{
    uint64_t hash = 14695981039346656037u;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return hash;
}

ork_map *ork_map_new(ork_arena *arena)
{
    ork_map *map = ORK_NEW(arena, ork_map);
    map->arena = arena;
    return map;
}

static uint32_t *find_slot(const ork_map *map, const char *key, uint64_t hash)
{
    for (size_t i = (size_t)hash & (map->slot_count - 1);; i = (i + 1) & (map->slot_count - 1)) {
        uint32_t slot = map->slots[i];
        if (!slot)
            return &map->slots[i];
        const entry *e = &map->entries.items[slot - 1];
        if (e->hash == hash && strcmp(e->key, key) == 0)
            return &map->slots[i];
    }
}

static void grow_slots(ork_map *map)
{
    map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
    map->slots = ORK_NEW_ARRAY(map->arena, uint32_t, map->slot_count);
    for (size_t i = 0; i < map->entries.count; i++) {
        const entry *e = &map->entries.items[i];
        *find_slot(map, e->key, e->hash) = (uint32_t)(i + 1);
    }
}

void ork_map_set(ork_map *map, const char *key, void *value)
{
    if (map->entries.count * 2 >= map->slot_count)
        grow_slots(map);
    uint64_t hash = hash_text(key);
    uint32_t *slot = find_slot(map, key, hash);
    if (*slot) {
        map->entries.items[*slot - 1].value = value;
        return;
    }
    entry added = {ork_arena_strdup(map->arena, key), value, hash};
    ork_vec_push(map->arena, &map->entries, added);
    *slot = (uint32_t)map->entries.count;
}

void *ork_map_get(const ork_map *map, const char *key)
{
    if (!map->slot_count)
        return NULL;
    uint32_t slot = *find_slot(map, key, hash_text(key));
    return slot ? map->entries.items[slot - 1].value : NULL;
}

size_t ork_map_count(const ork_map *map)
{
    return map->entries.count;
}

void ork_map_each(const ork_map *map, void (*visit)(void *user, const char *key, void *value),
                  void *user)
{
    for (size_t i = 0; i < map->entries.count; i++)
        visit(user, map->entries.items[i].key, map->entries.items[i].value);
}
