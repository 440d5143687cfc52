/* SPDX-License-Identifier: Apache-2.0 */
/* A runner's inside; private to this folder. */
#ifndef ORK_PLAN_RUNNER_H
#define ORK_PLAN_RUNNER_H

#include "internal.h"

struct ork_runner {
    const ork_plan *plan;
    ork_pool *pool;
    void *arena, *scratch;
    float **floats;  /* per output: its real values; NULL where the output is float itself */
    double *seconds; /* inputs, each step, outputs */
    bool profile;
    ork_observe_fn observe;
    void *observe_user;
    const slot *looked_at; /* while the observer is called */
    float *observed;       /* the value handed to the observer, when it is not float */
    size_t observed_bytes;
};

/* Seconds, or 0 while nothing is measured. */
double runner_clock(const ork_runner *r);
void *runner_pointer(const ork_runner *r, const slot *s, size_t offset);
void runner_observe_value(ork_runner *r, const slot *s);

#endif
