/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as kernels want them: packed while the plan is made, in one piece of memory, or taken as
   they lie in a file that somebody has packed before. What such a file holds may be anything, so
   that every part is held against what the plan would have packed: the layer, the kernel, its
   version, the size, and whatever in the bytes leads to other memory. */
#include "internal.h"

#include <string.h>

#if defined(__aarch64__)
static const char machine[] = "aarch64";
#elif defined(__arm__)
static const char machine[] = "armhf";
#elif defined(__x86_64__)
static const char machine[] = "x86-64";
#else
static const char machine[] = "other";
#endif

static const ork_packing *given_packing(const planner *p)
{
    return p->plan->graph->packing;
}

static const ork_conv_kernel *misfit(planner *p, const ork_node *node, const char *why)
{
    ork_fail(p->diag, ORK_ERR_RKNN_PRECOMPILED,
             "the model is pre-compiled for %s, and cannot run here", given_packing(p)->machine);
    ork_where(p->diag, "%s", node->name);
    ork_why(p->diag, "%s", why);
    ork_fix(p->diag,
            "pre-compile it again on the machine where it is to run, with this release, or "
            "use the file that was exported without pre_compile");
    return NULL;
}

static const ork_conv_kernel *given_kernel(planner *p, const ork_node *node, const ork_conv *conv)
{
    const ork_packing *packing = given_packing(p);
    if (strcmp(packing->machine, machine) != 0)
        return misfit(p, node, "this is a processor of another kind");
    if (p->known.count >= packing->count)
        return misfit(p, node, "it was packed by a release that divides networks otherwise");
    const ork_packed_part *part = &packing->parts[p->known.count];
    const ork_conv_kernel *kernel = ork_conv_kernel_named(part->kernel);
    if (strcmp(part->layer, node->name) != 0)
        return misfit(p, node, "it was packed by a release that divides networks otherwise");
    if (!kernel)
        return misfit(p, node, "it needs instructions that this processor does not have");
    if (part->version != ork_conv_packing_version(kernel))
        return misfit(p, node, "it was packed by a release that packs otherwise");
    if (kernel->kind != conv->kind || kernel->dtype != conv->dtype || !kernel->supports(conv) ||
        kernel->packed_bytes(conv) != part->size)
        return misfit(p, node, "the file is damaged: its weights do not fit the layer");
    return kernel;
}

const ork_conv_kernel *choose_kernel(planner *p, const ork_node *node, const ork_conv *conv)
{
    return conv->is_packed ? given_kernel(p, node, conv) : ork_conv_select(conv);
}

bool know_weights(planner *p, const ork_node *node, const ork_conv *conv,
                  const ork_conv_kernel *kernel, const void **packed)
{
    const size_t bytes = kernel->packed_bytes(conv), begin = p->plan->weight_bytes;
    size_t end;
    if (!ork_add_size(begin, bytes, &end) || end > SIZE_MAX - ORK_PACKING_ALIGNMENT)
        return ork_fail(p->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for the weights of '%s'",
                        node->name);
    p->plan->weight_bytes =
        (end + ORK_PACKING_ALIGNMENT - 1) / ORK_PACKING_ALIGNMENT * ORK_PACKING_ALIGNMENT;
    ork_vec_push(p->plan->arena, &p->known, ((known_weights){conv, kernel, packed, begin}));
    ork_vec_push(
        p->plan->arena, &p->parts,
        ((ork_packed_part){node->name, kernel->name, ork_conv_packing_version(kernel), bytes}));
    return true;
}

/* ---- packing ---- */

typedef struct packing_job {
    const planner *p;
    char *memory;
} packing_job;

static void pack_task(void *arg, int index, int worker)
{
    const packing_job *job = arg;
    const known_weights *w = &job->p->known.items[index];
    (void)worker;
    w->kernel->pack(w->conv, job->memory + w->at);
}

static const char *pack_all(planner *p, ork_pool *pool)
{
    packing_job job = {p, ork_arena_alloc_data(p->plan->arena, p->plan->weight_bytes)};
    if (job.memory)
        ork_pool_run(pool, pack_task, &job, (int)p->known.count);
    else
        ork_fail(p->diag, ORK_ERR_OUT_OF_MEMORY,
                 "no memory for the network's weights: they need %zu bytes", p->plan->weight_bytes);
    return job.memory;
}

/* ---- what was packed before ---- */

static bool fail_damaged(planner *p, const char *layer)
{
    ork_fail(p->diag, ORK_ERR_RKNN_FORMAT, "the pre-compiled model is damaged");
    ork_where(p->diag, "%s", layer);
    ork_why(p->diag, "its packed weights are not what its layers need");
    return ork_fix(p->diag, "copy or export the file again");
}

static const char *take_given(planner *p)
{
    const ork_packing *packing = given_packing(p);
    const char *memory = (const char *)packing->data.data;
    if (packing->count != p->known.count || packing->data.size < p->plan->weight_bytes) {
        fail_damaged(p, p->plan->graph->name);
        return NULL;
    }
    for (size_t i = 0; i < p->known.count; i++) {
        const known_weights *w = &p->known.items[i];
        if (!ork_conv_packing_is_safe(w->kernel, w->conv, memory + w->at)) {
            fail_damaged(p, packing->parts[i].layer);
            return NULL;
        }
    }
    return memory;
}

bool pack_weights(planner *p, ork_pool *pool)
{
    ork_plan *plan = p->plan;
    const char *memory = given_packing(p) ? take_given(p) : pack_all(p, pool);
    for (size_t i = 0; memory && i < p->known.count; i++)
        *p->known.items[i].packed = memory + p->known.items[i].at;
    plan->packing = (ork_packing){.machine = machine,
                                  .parts = p->parts.items,
                                  .count = p->parts.count,
                                  .data = {(const uint8_t *)memory, plan->weight_bytes}};
    return memory != NULL;
}
