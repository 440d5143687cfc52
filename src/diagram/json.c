/* SPDX-License-Identifier: Apache-2.0 */
#include "picture.h"

#include "../codec/codec.h"

static void put_layers(ork_json_writer *json, ork_arena *arena, const picture_box *box)
{
    ork_json_key(json, "layers");
    ork_json_begin_array(json);
    for (const ork_node *node = box->first; node; node = node->output->uses.items[0].node) {
        ork_json_begin_object(json);
        ork_json_member_text(json, "name", clean_text(arena, node->name));
        ork_json_member_text(json, "operator", ork_op_table[node->op].name);
        ork_json_member_text(json, "attributes", node_attributes(arena, node));
        ork_json_member_text(json, "scope", clean_text(arena, node->scope ? node->scope : ""));
        ork_json_end_object(json);
        if (node == box->last)
            break;
    }
    ork_json_end_array(json);
}

static void put_box(ork_json_writer *json, ork_arena *arena, const picture_box *box,
                    const layout_box *place)
{
    ork_json_begin_object(json);
    ork_json_member_text(json, "kind", box->first ? "layer" : box->is_output ? "output" : "input");
    put_layers(json, arena, box);
    ork_json_member_text(json, "tensor", clean_text(arena, box->value->name));
    ork_json_member_text(json, "type", type_text(arena, &box->value->type));
    ork_json_member_text(json, "quantization", quant_text(arena, &box->value->type));
    ork_json_member_int(json, "row", place->row);
    ork_json_member_double(json, "x", place->x - place->width / 2);
    ork_json_member_double(json, "y", place->y);
    ork_json_member_double(json, "width", place->width);
    ork_json_member_double(json, "height", place->height);
    ork_json_end_object(json);
}

static void put_link(ork_json_writer *json, const layout_link *link, const layout_line *line)
{
    ork_json_begin_object(json);
    ork_json_member_int(json, "from", link->from);
    ork_json_member_int(json, "to", link->to);
    ork_json_key(json, "points");
    ork_json_begin_array(json);
    for (int i = 0; i < line->count; i++) {
        ork_json_begin_array(json);
        ork_json_put_double(json, line->points[i].x);
        ork_json_put_double(json, line->points[i].y);
        ork_json_end_array(json);
    }
    ork_json_end_array(json);
    ork_json_end_object(json);
}

void ork_diagram_json(const ork_graph *graph, ork_str *out)
{
    ork_arena *arena = ork_arena_new();
    picture p = picture_of(arena, graph);
    layout_box *boxes = picture_boxes(&p);
    layout l = layout_make(arena, boxes, (int)p.boxes.count, p.links.items, (int)p.links.count);
    ork_json_writer json = ork_json_writer_new(out, 0);
    ork_json_begin_object(&json);
    ork_json_member_text(&json, "name", clean_text(arena, graph->name));
    ork_json_member_text(&json, "stage", ork_stage_names[graph->stage]);
    ork_json_member_double(&json, "width", l.width);
    ork_json_member_double(&json, "height", l.height);
    ork_json_key(&json, "boxes");
    ork_json_begin_array(&json);
    for (size_t i = 0; i < p.boxes.count; i++)
        put_box(&json, arena, &p.boxes.items[i], &boxes[i]);
    ork_json_end_array(&json);
    ork_json_key(&json, "links");
    ork_json_begin_array(&json);
    for (size_t i = 0; i < p.links.count; i++)
        put_link(&json, &p.links.items[i], &l.lines[i]);
    ork_json_end_array(&json);
    ork_json_end_object(&json);
    ork_json_finish(&json);
    ork_arena_free(arena);
}
