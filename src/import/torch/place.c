/* SPDX-License-Identifier: Apache-2.0 */
/* Names of nodes and places for messages, from where a reader is in the user's network. */
#include "torch.h"

#include <string.h>

static ork_torch_site site_of(const ork_build *build)
{
    const ork_torch *torch = build->importer;
    return torch->reader->site(torch);
}

/* "Conv2d, model.py:12" */
static const char *scope_of(ork_arena *arena, const ork_torch_site *site)
{
    if (!site->class_name || !site->source)
        return site->class_name ? site->class_name : site->source ? site->source : "";
    return ork_arena_printf(arena, "%s, %s", site->class_name, site->source);
}

static const char *scope_name(const ork_build *build)
{
    ork_torch_site site = site_of(build);
    return scope_of(build->arena, &site);
}

static const char *place_name(const ork_build *build)
{
    ork_torch_site site = site_of(build);
    const char *scope = scope_of(build->arena, &site);
    if (!*scope)
        return "the model";
    if (!*site.path)
        return ork_arena_printf(build->arena, "the model (%s)", scope);
    return ork_arena_printf(build->arena, "layer '%s' (%s)", site.path, scope);
}

const char *ork_torch_place(const ork_torch *torch)
{
    return place_name(torch->build);
}

static const char *op_name(const ork_build *build)
{
    const ork_torch *torch = build->importer;
    return torch->op ? torch->op->name : NULL;
}

/* Operators of a module of torch.nn are named like the module; those in the user's own code like
   the module and the operator. */
static const char *node_name(const ork_build *build, ork_op op)
{
    ork_torch_site site = site_of(build);
    const char *name = op_name(build), *dot = name ? strrchr(name, '.') : NULL;
    name = dot ? dot + 1 : name ? name : ork_op_table[op].name;
    if (!*site.path)
        return name;
    return site.is_torch_layer ? site.path
                               : ork_arena_printf(build->arena, "%s.%s", site.path, name);
}

const ork_build_names ork_torch_names = {node_name, scope_name, place_name, op_name};
