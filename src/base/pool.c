/* SPDX-License-Identifier: Apache-2.0 */
/* A small thread pool. Workers spin for a short while after a run, since the next layer is
   usually microseconds away, and then sleep. A run ends when its tasks are done, whether or not all
   workers have woken up: on a busy machine one may be kept from its processor for long. */
#include "base.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 64, SPINS = 4000 };

typedef struct worker {
    ork_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct ork_pool {
    int threads;
    worker workers[MAX_THREADS];
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    /* One run; written before `claims`, which publishes it. */
    ork_task_fn task;
    void *arg;
    /* The number of tasks in the upper half, the next one in the lower: a worker that comes late,
       even into a later run, learns both at once. */
    atomic_uint_least64_t claims;
    atomic_int done;
    atomic_uint generation; /* moves on with each run, and at the end */
    atomic_bool stop;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Does tasks until none is left. A claim keeps the run from ending, so that task and arg are its.
 */
static void work(ork_pool *pool, int index)
{
    for (;;) {
        const uint64_t claim = atomic_fetch_add(&pool->claims, 1);
        const uint32_t task = (uint32_t)claim, count = (uint32_t)(claim >> 32);
        if (task >= count)
            return;
        pool->task(pool->arg, (int)task, index);
        atomic_fetch_add(&pool->done, 1);
    }
}

static unsigned wait_for_run(ork_pool *pool, unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        unsigned now = atomic_load(&pool->generation);
        if (now != seen)
            return now;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    return atomic_load(&pool->generation);
}

static void *worker_main(void *arg)
{
    worker *self = arg;
    ork_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_run(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        work(pool, self->index);
    }
}

static void publish(ork_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

ork_pool *ork_pool_new(int threads)
{
    if (threads <= 0)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (threads < 1)
        threads = 1;
    if (threads > MAX_THREADS)
        threads = MAX_THREADS;
    ork_pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->threads = 1;
    for (int i = 1; i < threads; i++) {
        pool->workers[i] = (worker){.pool = pool, .index = i};
        if (pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]) != 0) {
            ork_pool_free(pool);
            return NULL;
        }
        pool->threads++;
    }
    return pool;
}

void ork_pool_free(ork_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    publish(pool);
    for (int i = 1; i < pool->threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int ork_pool_threads(const ork_pool *pool)
{
    return pool ? pool->threads : 1;
}

void ork_pool_run(ork_pool *pool, ork_task_fn task, void *arg, int count)
{
    if (!pool || pool->threads == 1 || count <= 1) {
        for (int i = 0; i < count; i++)
            task(arg, i, 0);
        return;
    }
    pool->task = task;
    pool->arg = arg;
    atomic_store(&pool->done, 0);
    atomic_store(&pool->claims, (uint64_t)(uint32_t)count << 32);
    publish(pool);
    work(pool, 0);
    for (int spin = 0; atomic_load(&pool->done) < count; spin++) {
        if (spin < SPINS)
            relax();
        else
            sched_yield(); /* to whoever holds a task but no processor */
    }
}
