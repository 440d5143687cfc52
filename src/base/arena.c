/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: blocks that grow by doubling up to a megabyte; larger wishes get a block of their own. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* AddressSanitizer sees blocks only, so it is told what of them was handed out; a gap behind each
   piece lets it notice a step over the end. */
#if defined(__has_feature)
    #define HAS_ASAN __has_feature(address_sanitizer) /* clang */
#elif defined(__SANITIZE_ADDRESS__)
    #define HAS_ASAN 1 /* gcc */
#else
    #define HAS_ASAN 0
#endif
#if HAS_ASAN
    #include <sanitizer/asan_interface.h>
enum { GAP = 16 };
#else
    #define ASAN_POISON_MEMORY_REGION(memory, size)   ((void)(memory), (void)(size))
    #define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void)(memory), (void)(size))
enum { GAP = 0 };
#endif

enum {
    FIRST_BLOCK = 4096,
    LARGEST_BLOCK = 1 << 20,
    ALIGNMENT = 16,
    DATA_ALIGNMENT = 64,
    LARGE_PAGE = 1 << 21
};

typedef struct block {
    struct block *next;
    size_t size, used;
} block;

struct ork_arena {
    block *blocks; /* the first one is being filled */
    size_t next_size, total;
};

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

/* Memory of several large pages is asked for as such: touching it for the first time takes a
   multiple of the time page by page. What is not a whole large page stays as it is. */
static void *allocate(size_t alignment, size_t size)
{
#if defined(MADV_HUGEPAGE)
    if (size >= 2 * LARGE_PAGE && size <= SIZE_MAX - LARGE_PAGE) {
        void *memory = aligned_alloc(LARGE_PAGE, round_up(size, LARGE_PAGE));
        if (memory)
            madvise(memory, size / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
        return memory;
    }
#endif
    return aligned_alloc(alignment, round_up(size, alignment));
}

ork_arena *ork_arena_new(void)
{
    ork_arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        abort();
    arena->next_size = FIRST_BLOCK;
    return arena;
}

void ork_arena_free(ork_arena *arena)
{
    if (!arena)
        return;
    for (block *b = arena->blocks; b;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(arena);
}

static char *memory_of(block *b)
{
    return (char *)b + round_up(sizeof(block), ALIGNMENT);
}

static block *add_block(ork_arena *arena, size_t wanted)
{
    size_t header = round_up(sizeof(block), ALIGNMENT);
    bool own = wanted > LARGEST_BLOCK / 4;
    size_t size = own ? wanted : ork_max_size(arena->next_size, wanted);
    if (size > SIZE_MAX - header - ALIGNMENT)
        return NULL;
    /* malloc aligns to 8 bytes only on 32-bit machines. */
    block *b = allocate(ALIGNMENT, header + size);
    if (!b)
        return NULL;
    b->size = size;
    b->used = 0;
    ASAN_POISON_MEMORY_REGION(memory_of(b), size);
    arena->total += header + size;
    if (own && arena->blocks) { /* keep filling the block that still has room */
        b->next = arena->blocks->next;
        arena->blocks->next = b;
        return b;
    }
    b->next = arena->blocks;
    arena->blocks = b;
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 2;
    return b;
}

static void *take(ork_arena *arena, size_t wanted)
{
    if (wanted > SIZE_MAX - ALIGNMENT - GAP)
        return NULL;
    size_t size = round_up(wanted ? wanted : 1, ALIGNMENT) + GAP;
    block *b = arena->blocks;
    if (!b || b->size - b->used < size)
        b = add_block(arena, size);
    if (!b)
        return NULL;
    void *memory = memory_of(b) + b->used;
    ASAN_UNPOISON_MEMORY_REGION(memory, wanted);
    b->used += size;
    return memory;
}

void *ork_arena_alloc(ork_arena *arena, size_t size)
{
    void *memory = take(arena, size);
    if (!memory) {
        fprintf(stderr, "openrknn: out of memory for %zu bytes\n", size);
        abort();
    }
    return memset(memory, 0, size);
}

void *ork_arena_alloc_data(ork_arena *arena, size_t size)
{
    if (size > SIZE_MAX - DATA_ALIGNMENT)
        return NULL;
    uintptr_t memory = (uintptr_t)take(arena, size + DATA_ALIGNMENT);
    return memory ? (void *)round_up(memory, DATA_ALIGNMENT) : NULL;
}

size_t ork_arena_size(const ork_arena *arena)
{
    return arena->total;
}

size_t ork_arena_used(const ork_arena *arena)
{
    size_t used = 0;
    for (const block *b = arena->blocks; b; b = b->next)
        used += b->used;
    return used;
}

char *ork_arena_strndup(ork_arena *arena, const char *text, size_t length)
{
    char *copy = ork_arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *ork_arena_strdup(ork_arena *arena, const char *text)
{
    return ork_arena_strndup(arena, text, strlen(text));
}

char *ork_arena_vprintf(ork_arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = ork_arena_alloc(arena, (size_t)(length < 0 ? 0 : length) + 1);
    if (length > 0)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *ork_arena_printf(ork_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = ork_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void ork_vec_reserve(ork_arena *arena, void **items, size_t *capacity, size_t wanted, size_t size)
{
    if (wanted <= *capacity)
        return;
    size_t grown = ork_max_size(*capacity * 2, ork_max_size(wanted, 4));
    void *memory = ork_arena_alloc(arena, grown * size);
    if (*items)
        memcpy(memory, *items, *capacity * size);
    *items = memory;
    *capacity = grown;
}

void *ork_data_alloc(size_t size)
{
    if (size > SIZE_MAX - DATA_ALIGNMENT)
        return NULL;
    return allocate(DATA_ALIGNMENT, size ? size : 1);
}

void ork_data_free(void *data)
{
    free(data);
}
