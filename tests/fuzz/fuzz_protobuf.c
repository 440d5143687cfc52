/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a message and, to some depth, what may be messages and lists of numbers inside. */
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(ork_arena *arena, ork_bytes bytes, int depth)
{
    static const ork_wire items[] = {ORK_WIRE_VARINT, ORK_WIRE_FIXED32, ORK_WIRE_FIXED64};
    ork_protobuf message = ork_protobuf_new(bytes);
    ork_protobuf_field field, number;
    while (ork_protobuf_next(&message, &field)) {
        for (size_t i = 0; i < ORK_COUNT(items); i++) {
            ork_protobuf_numbers numbers = ork_protobuf_numbers_of(&field, items[i]);
            while (ork_protobuf_number(&numbers, &number))
                (void)(ork_protobuf_double(&number) + (double)ork_protobuf_float(&number));
        }
        if (field.wire != ORK_WIRE_BYTES)
            continue;
        ork_protobuf_text(arena, &field);
        if (depth > 0)
            walk(arena, field.bytes, depth - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ork_arena *arena = ork_arena_new();
    walk(arena, (ork_bytes){data, size}, 4);
    ork_arena_free(arena);
    return 0;
}
