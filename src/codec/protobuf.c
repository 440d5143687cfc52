/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding */
#include "codec.h"

#include <string.h>

ork_protobuf ork_protobuf_new(ork_bytes bytes)
{
    return (ork_protobuf){.reader = ork_reader_new(bytes)};
}

/* Seven bits a byte, lowest first; at most ten bytes, of which the last has one bit. */
static uint64_t read_varint(ork_reader *reader)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = ork_read_u8(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    reader->failed = true;
    return 0;
}

static void read_bytes(ork_reader *reader, ork_protobuf_field *field)
{
    uint64_t size = read_varint(reader);
    if (size > reader->size - reader->offset) {
        reader->failed = true;
        return;
    }
    field->bytes.size = (size_t)size;
    field->bytes.data = ork_read_bytes(reader, (size_t)size);
}

bool ork_protobuf_next(ork_protobuf *message, ork_protobuf_field *field)
{
    ork_reader *reader = &message->reader;
    if (reader->failed || reader->offset == reader->size)
        return false;
    uint64_t key = read_varint(reader);
    *field = (ork_protobuf_field){.number = (uint32_t)(key >> 3), .wire = (ork_wire)(key & 7)};
    switch (field->wire) {
    case ORK_WIRE_VARINT:
        field->value = read_varint(reader);
        break;
    case ORK_WIRE_FIXED64:
        field->value = ork_read_u64(reader);
        break;
    case ORK_WIRE_BYTES:
        read_bytes(reader, field);
        break;
    case ORK_WIRE_FIXED32:
        field->value = ork_read_u32(reader);
        break;
    default: /* groups, which nobody writes any more, and wires that do not exist */
        reader->failed = true;
    }
    if (key >> 3 == 0 || key >> 3 > ORK_PROTOBUF_MAX_NUMBER)
        reader->failed = true;
    return !reader->failed;
}

bool ork_protobuf_is_damaged(const ork_protobuf *message)
{
    return message->reader.failed;
}

float ork_protobuf_float(const ork_protobuf_field *field)
{
    uint32_t bits = (uint32_t)field->value;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

double ork_protobuf_double(const ork_protobuf_field *field)
{
    double value;
    memcpy(&value, &field->value, sizeof(value));
    return value;
}

char *ork_protobuf_text(ork_arena *arena, const ork_protobuf_field *field)
{
    const char *text = (const char *)field->bytes.data;
    size_t length = field->bytes.size;
    if (field->wire != ORK_WIRE_BYTES || !ork_utf8_valid(text, length) ||
        (length > 0 && memchr(text, '\0', length)))
        return NULL;
    return ork_arena_strndup(arena, length > 0 ? text : "", length);
}

ork_protobuf_numbers ork_protobuf_numbers_of(const ork_protobuf_field *field, ork_wire item)
{
    ork_protobuf_numbers numbers = {.item = item, .single = *field};
    numbers.is_packed = field->wire == ORK_WIRE_BYTES;
    if (numbers.is_packed)
        numbers.reader = ork_reader_new(field->bytes);
    else
        numbers.left = field->wire == item;
    numbers.reader.failed = !numbers.is_packed && field->wire != item;
    return numbers;
}

bool ork_protobuf_number(ork_protobuf_numbers *numbers, ork_protobuf_field *number)
{
    ork_reader *reader = &numbers->reader;
    *number = numbers->single;
    if (!numbers->is_packed)
        return numbers->left-- > 0;
    if (reader->failed || reader->offset == reader->size)
        return false;
    number->wire = numbers->item;
    if (numbers->item == ORK_WIRE_VARINT)
        number->value = read_varint(reader);
    else if (numbers->item == ORK_WIRE_FIXED32)
        number->value = ork_read_u32(reader);
    else
        number->value = ork_read_u64(reader);
    return !reader->failed;
}
