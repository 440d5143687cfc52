/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, one after the other, in the caller's thread or in one of the context's own. */
#include "internal.h"

/* ---- a frame ---- */

static void compute(runtime *r)
{
    double start = ork_seconds();
    ork_runner_run(r->runner);
    r->run_microseconds = (int64_t)((ork_seconds() - start) * 1e6);
    runtime_fill_memory(r);
}

static bool feed_inputs(runtime *r)
{
    for (uint32_t i = 0; i < r->input_count; i++) {
        const runtime_input *input = &r->inputs[i];
        if (!input->feed.data) {
            ork_fail(r->diag, ORK_ERR_INPUT_COUNT, "input '%s' was never set", input->value->name);
            return ork_fix(r->diag, "call rknn_inputs_set or rknn_set_io_mem first");
        }
        if (!ork_runner_check_feed(r->runner, r->diag, i, &input->feed))
            return false;
    }
    for (uint32_t i = 0; i < r->input_count; i++)
        ork_runner_set_input(r->runner, i, &r->inputs[i].feed);
    return true;
}

/* ---- the thread ---- */

static void *work(void *argument)
{
    runtime_worker *w = argument;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (!w->has_work) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        compute(w->runtime);
        pthread_mutex_lock(&w->lock);
        w->has_work = false;
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

bool runtime_start_worker(runtime *r)
{
    runtime_worker *w = &r->worker;
    w->runtime = r;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->is_there = pthread_create(&w->thread, NULL, work, w) == 0;
    return w->is_there || ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "a thread cannot be started");
}

void runtime_wait(runtime *r)
{
    runtime_worker *w = &r->worker;
    if (!w->is_there)
        return;
    pthread_mutex_lock(&w->lock);
    while (w->has_work)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static void hand_over(runtime_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->has_work = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void runtime_stop_worker(runtime *r)
{
    runtime_worker *w = &r->worker;
    if (!w->is_there)
        return;
    runtime_wait(r);
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    w->is_there = false;
}

/* ---- the call ---- */

static void run(runtime *r, const rknn_run_extend *extend)
{
    runtime_wait(r);
    bool keeps = r->worker.is_there && r->frames > 0;
    if ((keeps && !runtime_keep_outputs(r)) || !feed_inputs(r))
        return;
    r->frame_id_before = r->frame_id;
    r->frame_id = extend ? extend->frame_id : r->frames;
    r->frames++;
    if (r->worker.is_there)
        hand_over(&r->worker);
    else
        compute(r);
}

RUNTIME_API int rknn_run(rknn_context context, rknn_run_extend *extend)
{
    runtime *r = runtime_enter(context, "rknn_run");
    if (!r)
        return RKNN_ERR_CTX_INVALID;
    run(r, extend);
    return runtime_leave(r, "rknn_run");
}
